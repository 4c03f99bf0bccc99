//! Parameters of `sensr_bridge`.

use super::{MIB, Parameter, ParameterKind, ParameterTable};
use crate::config::parameter::StringRule;
use crate::config::place::{
    ALTITUDE_M, ANGLE_DEG, HEADING_DEG, LATITUDE_DEG, LONGITUDE_DEG, TRANSLATION_M,
};
use crate::place::EAST_DEG;
use sensr_protocol::wire;

/// Parameters of `sensr_bridge`, in the order of the generated files.
pub static BRIDGE: ParameterTable = ParameterTable {
    executable: "sensr_bridge",
    parameters: PARAMETERS,
};

const PARAMETERS: &[Parameter] = &[
    Parameter::new(
        "host",
        ParameterKind::String {
            default: "localhost",
            rule: StringRule::Host,
        },
        "Address of the SENSR machine, or the name of a site in hosts_file. Changing it reconnects.",
    ),
    Parameter::new(
        "hosts_file",
        ParameterKind::String {
            default: "",
            rule: StringRule::PathOrNone,
        },
        "YAML file with named sites. Empty: config/hosts.yaml of this package.",
    ),
    Parameter::new(
        "output_port",
        ParameterKind::Integer {
            default: wire::OUTPUT_PORT as i64,
            min: 1,
            max: u16::MAX as i64,
        },
        "TCP port of the output stream (objects, zones, events, health). A port that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "points_port",
        ParameterKind::Integer {
            default: wire::POINTS_PORT as i64,
            min: 1,
            max: u16::MAX as i64,
        },
        "TCP port of the point stream. A port that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "tls.enabled",
        ParameterKind::Bool { default: false },
        "Use TLS on both links; the ports stay the same. Changing it reconnects. TLS settings of the site in hosts_file take precedence.",
    ),
    Parameter::new(
        "tls.ca_file",
        ParameterKind::String {
            default: "",
            rule: StringRule::PathOrNone,
        },
        "PEM file with the CA certificate that signed the server's certificate (SENSR: sensr-ca.crt). TLS needs it: the signature is always verified.",
    ),
    Parameter::new(
        "tls.server_name",
        ParameterKind::String {
            default: "",
            rule: StringRule::ServerNameOrNone,
        },
        "Name or address that the server's certificate must be issued for. Empty: the address of the connection.",
    ),
    Parameter::new(
        "tls.verify_name",
        ParameterKind::Bool { default: true },
        "Verify the name in the server's certificate. false: every certificate signed by tls.ca_file is accepted, with a warning at each connection.",
    ),
    Parameter::new(
        "pointcloud_interval",
        ParameterKind::Double {
            default: 0.0,
            min: 0.0,
            max: 3600.0,
        },
        "Rate limit of the cloud topics: at most one message per topic and interval of this length, in seconds. 0: no limit.",
    ),
    Parameter::new(
        "output_data_interval",
        ParameterKind::Double {
            default: 0.0,
            min: 0.0,
            max: 3600.0,
        },
        "Rate limit of objects, objects/detections, objects/tracked, points/objects and markers: at most one message per interval of this length, in seconds. 0: no limit. Events, zones and health are never limited.",
    ),
    Parameter::new(
        "preview.points",
        ParameterKind::Integer {
            default: 20_000,
            min: 1,
            max: 1_000_000,
        },
        "Most points of a message on points/preview: further ones are left out evenly.",
    ),
    Parameter::new(
        "preview.interval",
        ParameterKind::Double {
            default: 1.0,
            min: 0.0,
            max: 3600.0,
        },
        "Rate limit of points/preview, instead of pointcloud_interval: at most one message per interval of this length, in seconds. 0: no limit.",
    ),
    Parameter::new(
        "split_raw_by_sensor",
        ParameterKind::Bool { default: false },
        "While SENSR calibrates, publish the RAW clouds of each sensor on a topic of its own as well, points/raw/<id of the sensor>. For the first 16 sensors; publish.raw and pointcloud_interval apply to these topics too.",
    ),
    Parameter::new(
        "publish.raw",
        ParameterKind::Bool { default: true },
        "Publish points/raw.",
    ),
    Parameter::new(
        "publish.ground",
        ParameterKind::Bool { default: true },
        "Publish points/ground.",
    ),
    Parameter::new(
        "publish.background",
        ParameterKind::Bool { default: true },
        "Publish points/background.",
    ),
    Parameter::new(
        "publish.preview",
        ParameterKind::Bool { default: true },
        "Publish points/preview, some points of all clouds of a frame for thin links. Built only while subscribed.",
    ),
    Parameter::new(
        "publish.objects",
        ParameterKind::Bool { default: true },
        "Publish objects and points/objects.",
    ),
    Parameter::new(
        "publish.detections",
        ParameterKind::Bool { default: true },
        "Publish objects/detections, as vision_msgs has objects. Built only while subscribed; off if the package vision_msgs was not installed when the bridge was built.",
    ),
    Parameter::new(
        "publish.tracked",
        ParameterKind::Bool { default: true },
        "Publish objects/tracked, as Autoware has objects. Built only while subscribed; off if the package autoware_perception_msgs was not installed when the bridge was built.",
    ),
    Parameter::new(
        "publish.markers",
        ParameterKind::Bool { default: true },
        "Publish markers/objects and markers/zones. Markers are built only while subscribed.",
    ),
    Parameter::new(
        "publish.wire",
        ParameterKind::Bool { default: false },
        "Publish every received frame of both links on wire, so that a recording can be decoded again or replayed.",
    ),
    Parameter::new(
        "frame_id",
        ParameterKind::String {
            default: "sensr",
            rule: StringRule::Frame,
        },
        "Coordinate frame of SENSR: the frame_id of all messages. A frame_id that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "parent_frame",
        ParameterKind::String {
            default: "",
            rule: StringRule::FrameOrNone,
        },
        "Parent frame of frame_id, published as a static transform. Empty: no transform is published. A parent_frame that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "transform.x_m",
        ParameterKind::Double {
            default: 0.0,
            min: *TRANSLATION_M.start(),
            max: *TRANSLATION_M.end(),
        },
        "Translation of frame_id in parent_frame along x, in metres. A transform that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "transform.y_m",
        ParameterKind::Double {
            default: 0.0,
            min: *TRANSLATION_M.start(),
            max: *TRANSLATION_M.end(),
        },
        "Translation of frame_id in parent_frame along y, in metres. A transform that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "transform.z_m",
        ParameterKind::Double {
            default: 0.0,
            min: *TRANSLATION_M.start(),
            max: *TRANSLATION_M.end(),
        },
        "Translation of frame_id in parent_frame along z, in metres. A transform that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "transform.roll_deg",
        ParameterKind::Double {
            default: 0.0,
            min: *ANGLE_DEG.start(),
            max: *ANGLE_DEG.end(),
        },
        "Rotation of frame_id in parent_frame about the fixed axis x, in degrees. Roll, pitch and yaw are applied in this order (REP 103). A transform that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "transform.pitch_deg",
        ParameterKind::Double {
            default: 0.0,
            min: *ANGLE_DEG.start(),
            max: *ANGLE_DEG.end(),
        },
        "Rotation of frame_id in parent_frame about the fixed axis y, in degrees. Roll, pitch and yaw are applied in this order (REP 103). A transform that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "transform.yaw_deg",
        ParameterKind::Double {
            default: 0.0,
            min: *ANGLE_DEG.start(),
            max: *ANGLE_DEG.end(),
        },
        "Rotation of frame_id in parent_frame about the fixed axis z, in degrees. Roll, pitch and yaw are applied in this order (REP 103). A transform that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "origin.enabled",
        ParameterKind::Bool { default: false },
        "The site has an origin on earth: it is published on origin, and as a transform from earth_frame. It is the origin of parent_frame, or of frame_id without a parent. An origin that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "origin.latitude_deg",
        ParameterKind::Double {
            default: 0.0,
            min: *LATITUDE_DEG.start(),
            max: *LATITUDE_DEG.end(),
        },
        "Latitude of the origin, in degrees north (WGS 84).",
    ),
    Parameter::new(
        "origin.longitude_deg",
        ParameterKind::Double {
            default: 0.0,
            min: *LONGITUDE_DEG.start(),
            max: *LONGITUDE_DEG.end(),
        },
        "Longitude of the origin, in degrees east (WGS 84).",
    ),
    Parameter::new(
        "origin.altitude_m",
        ParameterKind::Double {
            default: 0.0,
            min: *ALTITUDE_M.start(),
            max: *ALTITUDE_M.end(),
        },
        "Altitude of the origin above the WGS 84 ellipsoid, in metres: not above sea level.",
    ),
    Parameter::new(
        "origin.heading_deg",
        ParameterKind::Double {
            default: EAST_DEG,
            min: *HEADING_DEG.start(),
            max: *HEADING_DEG.end(),
        },
        "Heading of the x axis at the origin, in degrees clockwise from true north. 90: east, as REP 103 has it.",
    ),
    Parameter::new(
        "earth_frame",
        ParameterKind::String {
            default: "",
            rule: StringRule::FrameOrNone,
        },
        "Frame that is fixed to the earth (REP 105: earth), parent of the frame with the origin, published as a static transform if there is an origin. Empty: no such transform is published. An earth_frame that hosts_file sets for the site takes precedence.",
    ),
    Parameter::new(
        "stamp_source",
        ParameterKind::String {
            default: "receive",
            rule: StringRule::OneOf(&["receive", "server"]),
        },
        "Clock of all stamps. receive: this machine's, at the arrival of the complete frame. server: SENSR's; clouds carry no time, so the measured clock offset is subtracted from their time of arrival.",
    ),
    Parameter::new(
        "qos.reliability",
        ParameterKind::String {
            default: "reliable",
            rule: StringRule::OneOf(&["reliable", "best_effort"]),
        },
        "Reliability of the cloud topics. best_effort loses large clouds on the default transport.",
    )
    .read_only(),
    Parameter::new(
        "qos.depth",
        ParameterKind::Integer {
            default: 5,
            min: 1,
            max: 1000,
        },
        "History depth of the cloud topics: number of clouds kept per topic for slow subscribers. Each costs its size in memory.",
    )
    .read_only(),
    Parameter::new(
        "queue_max_bytes",
        ParameterKind::Integer {
            default: 64 * MIB,
            min: MIB,
            max: 16 * 1024 * MIB,
        },
        "Bound of the queue between connection and publisher, per stream, in bytes. When it is full, the oldest messages are dropped and counted.",
    ),
    Parameter::new(
        "max_message_bytes",
        ParameterKind::Integer {
            default: 64 * MIB,
            min: 1024,
            max: 1024 * MIB,
        },
        "Largest message accepted from SENSR, in bytes. A larger one closes the link with code 1009 and is counted. Changing it reconnects.",
    ),
    Parameter::new(
        "startup_hold",
        ParameterKind::Double {
            default: 5.0,
            min: 0.0,
            // Below the 30 s after which the queue watchdog takes a queue without progress for stuck.
            max: 20.0,
        },
        "Time after the start during which events, zones, health and status wait for subscribers of their topic, such as a recorder started with the bridge, in seconds. 0: they do not wait.",
    ),
    Parameter::new(
        "reconnect.initial_delay",
        ParameterKind::Double {
            default: 0.5,
            min: 0.05,
            max: 3600.0,
        },
        "Delay after the first failed connection attempt, in seconds. It doubles with each further attempt, with 20 % jitter.",
    ),
    Parameter::new(
        "reconnect.max_delay",
        ParameterKind::Double {
            default: 30.0,
            min: 0.05,
            max: 3600.0,
        },
        "Longest delay between connection attempts, in seconds.",
    ),
    Parameter::new(
        "stall_timeout",
        ParameterKind::Double {
            default: 10.0,
            min: 0.5,
            max: 3600.0,
        },
        "No bytes received for this long, in seconds: reconnect. A link that answers pings but sends no data for this long is reported as an error, and reconnects after three times this long.",
    ),
    Parameter::new(
        "ping_interval",
        ParameterKind::Double {
            default: 5.0,
            min: 0.1,
            max: 3600.0,
        },
        "Interval of the keep-alive pings to the server, in seconds. Must be below stall_timeout.",
    ),
    Parameter::new(
        "statistics_period",
        ParameterKind::Double {
            default: 1.0,
            min: 0.1,
            max: 3600.0,
        },
        "Interval at which statistics are published, in seconds.",
    ),
];
