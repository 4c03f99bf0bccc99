//! Objects in messages of other packages: `vision_msgs/Detection3DArray` with `LabelInfo`, and
//! `autoware_perception_msgs/TrackedObjects`.
//!
//! Source of the formats: `vision_msgs` 4 (ROS 2 Humble and later) and `autoware_perception_msgs` 1. The packages are
//! optional, so nothing here uses their Rust types. docs/objects.md has the tables.

use super::geometry::{write_box_pose, write_vector3};
use ros_cdr::{Header, Writer};
use sensr_protocol::wire::proto::{LabelType, Object, Vector3};

/// Elements of a 6 × 6 covariance. All are 0: SENSR gives none.
const COVARIANCE: [f64; 36] = [0.0; 36];

/// Labels of SENSR, in the order of their numbers.
const LABELS: [LabelType; 7] = [
    LabelType::LabelNone,
    LabelType::LabelCar,
    LabelType::LabelPedestrian,
    LabelType::LabelCyclist,
    LabelType::LabelMisc,
    LabelType::LabelGround,
    LabelType::LabelGate,
];

/// Writes a `vision_msgs/Detection3DArray`. Each object has one hypothesis: its label as a number, and its confidence.
pub fn detection_array(buffer: &mut Vec<u8>, header: Header<'_>, objects: &[Object]) {
    let mut out = Writer::begin(buffer);
    out.write_header(header);
    out.write_sequence(objects.iter(), |out, object| {
        out.write_header(header);
        out.write_length(1);
        out.write_formatted(format_args!("{}", object.label));
        out.write_f64(object.confidence.into());
        write_box_pose(out, object.bbox.as_ref());
        out.write_f64s(COVARIANCE);
        write_box_pose(out, object.bbox.as_ref());
        write_vector3(out, object.bbox.and_then(|bbox| bbox.size));
        out.write_formatted(format_args!("{}", object.id));
    });
}

/// Writes the `vision_msgs/LabelInfo` that gives the names of the labels in [`detection_array`].
pub fn label_info(buffer: &mut Vec<u8>, header: Header<'_>) {
    let mut out = Writer::begin(buffer);
    out.write_header(header);
    out.write_sequence(LABELS.iter(), |out, label| {
        let number = *label as i32;
        out.write_u16(u16::try_from(number).unwrap_or(u16::MAX));
        let name = label.as_str_name().trim_start_matches("LABEL_");
        out.write_string(&name.to_ascii_lowercase());
    });
    // SENSR does not tell the confidence below which it reports nothing.
    out.write_f32(0.0);
}

/// Ids of the tracks of one server, as universally unique ones.
///
/// They are UUIDs of version 8 (RFC 9562, 5.8): a random part that each run of the bridge chooses, the number of the
/// server among those of the run, and SENSR's id. So an object keeps its id as long as SENSR and the bridge run, and
/// objects of two runs, two bridges or two servers never share one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackIds {
    /// Random number of the run.
    pub run: u64,
    /// Number of the server.
    pub server: u64,
}

impl TrackIds {
    /// Returns the id of an object, in network byte order.
    #[must_use]
    pub fn id_of(self, object: i32) -> [u8; 16] {
        let [.., s0, s1] = self.server.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7] = self.run.to_be_bytes();
        let [i0, i1, i2, i3] = object.to_be_bytes();
        let version = 0x80 | (r6 >> 4);
        let variant = 0x80 | (r6 & 0xf);
        [
            r0, r1, r2, r3, r4, r5, version, r7, variant, 0, s0, s1, i0, i1, i2, i3,
        ]
    }
}

/// Constants of `autoware_perception_msgs/ObjectClassification`.
mod autoware_label {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const CAR: u8 = 1;
    pub(super) const BICYCLE: u8 = 6;
    pub(super) const PEDESTRIAN: u8 = 7;
}

/// `TrackedObjectKinematics.AVAILABLE`: SENSR tells front and back apart.
const ORIENTATION_AVAILABLE: u8 = 2;
/// `Shape.BOUNDING_BOX`
const BOUNDING_BOX: u8 = 0;

/// Returns the label of Autoware for one of SENSR.
fn to_autoware_label(label: i32) -> u8 {
    match LabelType::try_from(label) {
        Ok(LabelType::LabelCar) => autoware_label::CAR,
        Ok(LabelType::LabelPedestrian) => autoware_label::PEDESTRIAN,
        Ok(LabelType::LabelCyclist) => autoware_label::BICYCLE,
        Ok(
            LabelType::LabelNone
            | LabelType::LabelMisc
            | LabelType::LabelGround
            | LabelType::LabelGate,
        )
        | Err(_) => autoware_label::UNKNOWN,
    }
}

/// Writes an `autoware_perception_msgs/TrackedObjects`.
pub fn tracked_objects(
    buffer: &mut Vec<u8>,
    header: Header<'_>,
    ids: TrackIds,
    objects: &[Object],
) {
    let mut out = Writer::begin(buffer);
    out.write_header(header);
    out.write_sequence(objects.iter(), |out, object| {
        out.append_bytes(&ids.id_of(object.id));
        // SENSR gives no such probability: it reports what it takes to exist.
        out.write_f32(1.0);
        out.write_length(1);
        out.write_u8(to_autoware_label(object.label));
        out.write_f32(object.confidence);
        write_box_pose(out, object.bbox.as_ref());
        out.write_f64s(COVARIANCE);
        let yaw = object.bbox.map_or(0.0, |bbox| bbox.yaw);
        let [forward, left, up] = in_own_frame(object.velocity.unwrap_or_default(), yaw);
        out.write_f64s([forward, left, up, 0.0, 0.0, object.yaw_rate.into()]);
        out.write_f64s(COVARIANCE);
        out.write_f64s([0.0; 6]);
        out.write_f64s(COVARIANCE);
        out.write_u8(ORIENTATION_AVAILABLE);
        out.write_bool(object.is_static);
        out.write_u8(BOUNDING_BOX);
        // The footprint, which only polygons have.
        out.write_length(0);
        write_vector3(out, object.bbox.and_then(|bbox| bbox.size));
    });
}

/// Returns a velocity in the frame of its object, x forward and y left, as Autoware expects it.
fn in_own_frame(velocity: Vector3, yaw: f32) -> [f64; 3] {
    let [x, y, z] = [velocity.x, velocity.y, velocity.z].map(f64::from);
    let (sin, cos) = f64::from(yaw).sin_cos();
    [x * cos + y * sin, y * cos - x * sin, z]
}

#[cfg(test)]
mod tests;
