//! Definitions of the message types that the bridge publishes, as they are written into a bag.
//!
//! Those of the bridge are its `msg/` files. Those of ROS are given here by their fields, because `sensr_bag` is built
//! without ROS.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Line between the definitions in a bag.
const RULE: &str =
    "================================================================================";

macro_rules! own {
    ($($name:literal),* $(,)?) => {
        /// Types of the bridge.
        const OWN: &[(&str, &str)] = &[
            $((
                concat!("sensr_bridge/", $name),
                include_str!(concat!("../../../../msg/", $name, ".msg")),
            )),*
        ];
    };
}

own! {
    "BoundingBox", "BridgeStatistics", "Characteristic", "ClockStatistics", "EdgeHealth", "FieldOfRegard", "LinkStatistics",
    "LosingEvent", "NamedValue", "NodeHealth", "Object", "ObjectArray", "PolygonBox", "ProfilingResult", "ReachableSet",
    "RecalibrationEvent", "RecordingStatus", "SensorHealth", "ServerStatus", "StageStatistics", "StartupPhase",
    "SystemHealth", "TopicRecording", "TopicStatistics", "TrackState", "WireFrame", "Zone", "ZoneArray", "ZoneEvent",
}

macro_rules! vendored {
    ($($package:literal: $($name:literal),*;)*) => {
        /// Types of optional packages.
        const OPTIONAL: &[(&str, &str)] = &[
            $($((
                concat!($package, "/", $name),
                include_str!(concat!("../../../../scripts/lib/", $package, "/msg/", $name, ".msg")),
            )),*),*
        ];
    };
}

vendored! {
    "vision_msgs": "BoundingBox3D", "Detection3D", "Detection3DArray", "ObjectHypothesis", "ObjectHypothesisWithPose";
    "autoware_perception_msgs": "ObjectClassification", "Shape", "TrackedObject", "TrackedObjectKinematics", "TrackedObjects";
}

/// Types of the interface packages of ROS 2, the same in all releases since Humble.
const STANDARD: &[(&str, &str)] = &[
    ("builtin_interfaces/Duration", "int32 sec\nuint32 nanosec\n"),
    ("builtin_interfaces/Time", "int32 sec\nuint32 nanosec\n"),
    ("geometry_msgs/Accel", "Vector3 linear\nVector3 angular\n"),
    (
        "geometry_msgs/AccelWithCovariance",
        "Accel accel\nfloat64[36] covariance\n",
    ),
    ("geometry_msgs/Point", "float64 x\nfloat64 y\nfloat64 z\n"),
    ("geometry_msgs/Point32", "float32 x\nfloat32 y\nfloat32 z\n"),
    ("geometry_msgs/Polygon", "Point32[] points\n"),
    (
        "geometry_msgs/Pose",
        "Point position\nQuaternion orientation\n",
    ),
    (
        "geometry_msgs/PoseWithCovariance",
        "Pose pose\nfloat64[36] covariance\n",
    ),
    (
        "geometry_msgs/Quaternion",
        "float64 x 0\nfloat64 y 0\nfloat64 z 0\nfloat64 w 1\n",
    ),
    (
        "geometry_msgs/Transform",
        "Vector3 translation\nQuaternion rotation\n",
    ),
    ("geometry_msgs/Twist", "Vector3 linear\nVector3 angular\n"),
    (
        "geometry_msgs/TwistWithCovariance",
        "Twist twist\nfloat64[36] covariance\n",
    ),
    ("geometry_msgs/Vector3", "float64 x\nfloat64 y\nfloat64 z\n"),
    (
        "sensor_msgs/CompressedImage",
        "std_msgs/Header header\nstring format\nuint8[] data\n",
    ),
    (
        "sensor_msgs/PointCloud2",
        "std_msgs/Header header\nuint32 height\nuint32 width\nPointField[] fields\nbool is_bigendian\nuint32 point_step\n\
         uint32 row_step\nuint8[] data\nbool is_dense\n",
    ),
    (
        "sensor_msgs/PointField",
        "uint8 INT8=1\nuint8 UINT8=2\nuint8 INT16=3\nuint8 UINT16=4\nuint8 INT32=5\nuint8 UINT32=6\nuint8 FLOAT32=7\n\
         uint8 FLOAT64=8\nstring name\nuint32 offset\nuint8 datatype\nuint32 count\n",
    ),
    (
        "std_msgs/ColorRGBA",
        "float32 r\nfloat32 g\nfloat32 b\nfloat32 a\n",
    ),
    (
        "std_msgs/Header",
        "builtin_interfaces/Time stamp\nstring frame_id\n",
    ),
    ("unique_identifier_msgs/UUID", "uint8[16] uuid\n"),
    (
        "visualization_msgs/Marker",
        "int32 ARROW=0\nint32 CUBE=1\nint32 SPHERE=2\nint32 CYLINDER=3\nint32 LINE_STRIP=4\nint32 LINE_LIST=5\n\
         int32 CUBE_LIST=6\nint32 SPHERE_LIST=7\nint32 POINTS=8\nint32 TEXT_VIEW_FACING=9\nint32 MESH_RESOURCE=10\n\
         int32 TRIANGLE_LIST=11\nint32 ADD=0\nint32 MODIFY=0\nint32 DELETE=2\nint32 DELETEALL=3\n\
         std_msgs/Header header\nstring ns\nint32 id\nint32 type\nint32 action\ngeometry_msgs/Pose pose\n\
         geometry_msgs/Vector3 scale\nstd_msgs/ColorRGBA color\nbuiltin_interfaces/Duration lifetime\nbool frame_locked\n\
         geometry_msgs/Point[] points\nstd_msgs/ColorRGBA[] colors\nstring texture_resource\n\
         sensor_msgs/CompressedImage texture\nUVCoordinate[] uv_coordinates\nstring text\nstring mesh_resource\n\
         MeshFile mesh_file\nbool mesh_use_embedded_materials\n",
    ),
    ("visualization_msgs/MarkerArray", "Marker[] markers\n"),
    (
        "visualization_msgs/MeshFile",
        "string filename\nuint8[] data\n",
    ),
    ("visualization_msgs/UVCoordinate", "float32 u\nfloat32 v\n"),
];

/// Returns the definition of a type, such as `sensor_msgs/msg/PointCloud2`, with those of the types in it. `None` for a type
/// that the bridge does not publish.
pub(super) fn full_definition(kind: &str) -> Option<String> {
    let name = kind.replacen("/msg/", "/", 1);
    let mut text = find(&name)?.to_owned();
    let mut known = BTreeSet::from([name.clone()]);
    let mut open = nested_types(&name);
    while let Some(name) = open.pop() {
        if known.insert(name.clone()) {
            // Writing to a string does not fail.
            let _ = write!(text, "{RULE}\nMSG: {name}\n{}", find(&name)?);
            open.extend(nested_types(&name));
        }
    }
    Some(text)
}

fn find(name: &str) -> Option<&'static str> {
    let mut all = OWN.iter().chain(OPTIONAL).chain(STANDARD);
    all.find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Returns the types of the fields of a type that are messages.
fn nested_types(name: &str) -> Vec<String> {
    let package = name.split('/').next().unwrap_or_default();
    let lines = find(name).unwrap_or_default().lines();
    let types = lines.filter_map(|line| line.split('#').next()?.split_whitespace().next());
    let elements = types.map(|kind| kind.split('[').next().unwrap_or(kind));
    let is_message =
        |kind: &&str| kind.contains('/') || kind.starts_with(|c: char| c.is_ascii_uppercase());
    elements
        .filter(is_message)
        .map(|kind| {
            if kind.contains('/') {
                kind.to_owned()
            } else {
                format!("{package}/{kind}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ros_bag::parse_definition;
    use sensr_bridge::topic::Topic;

    #[test]
    fn every_topic_has_a_complete_definition() {
        for topic in Topic::ALL {
            let kind = topic.message_type();
            let text = full_definition(kind).unwrap_or_else(|| panic!("{kind} is undefined"));
            let parsed = parse_definition(kind, &text).unwrap_or_else(|error| panic!("{error}"));
            assert!(!parsed.fields.is_empty(), "{kind}");
        }
        assert_eq!(full_definition("std_msgs/msg/Int32MultiArray"), None);
    }

    #[test]
    fn every_message_of_the_bridge_is_known() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../msg");
        let files = folder
            .read_dir()
            .expect("readable")
            .map(|entry| entry.expect("readable").path());
        let names: BTreeSet<String> = files
            .map(|file| {
                format!(
                    "sensr_bridge/{}",
                    file.file_stem().expect("a name").to_string_lossy()
                )
            })
            .collect();
        assert!(
            OWN.iter()
                .map(|(name, _)| *name)
                .eq(names.iter().map(String::as_str))
        );
    }

    #[test]
    fn each_type_is_defined_once() {
        let text = full_definition("sensr_bridge/msg/ObjectArray").expect("known");
        assert_eq!(text.matches("MSG: geometry_msgs/Point\n").count(), 1);
        assert!(
            text.contains("MSG: sensr_bridge/Object\n")
                && !text.contains("MSG: sensr_bridge/ObjectArray\n")
        );
    }
}
