//! The table of parameters, in one place.
//!
//! It is what `ros2 param describe` shows, what `ros2 param set` is checked against, and what the
//! shipped `config/sensr_bridge.yaml` is tested equal to.

use super::table::{Kind, Parameter, Rule};
use sensr_protocol::wire;

const MIB: i64 = 1 << 20;

/// Every parameter, in the order in which they are shown.
pub const PARAMETERS: &[Parameter] = &[
    Parameter::new(
        "host",
        Kind::String {
            default: "localhost",
            rule: Rule::Host,
        },
        "Address of the SENSR machine, or the name of a site in hosts_file. Changing it reconnects.",
    ),
    Parameter::new(
        "hosts_file",
        Kind::String {
            default: "",
            rule: Rule::PathOrNone,
        },
        "YAML file with named sites. Empty: config/hosts.yaml of this package.",
    ),
    Parameter::new(
        "output_port",
        Kind::Integer {
            default: wire::OUTPUT_PORT as i64,
            min: 1,
            max: u16::MAX as i64,
        },
        "TCP port of the output stream (objects, zones, events, health). A port that hosts_file gives for the site comes first.",
    ),
    Parameter::new(
        "points_port",
        Kind::Integer {
            default: wire::POINTS_PORT as i64,
            min: 1,
            max: u16::MAX as i64,
        },
        "TCP port of the point stream. A port that hosts_file gives for the site comes first.",
    ),
    Parameter::new(
        "tls.enabled",
        Kind::Bool { default: false },
        "Speak TLS with the server, on the same ports. Changing it reconnects. What hosts_file says of the site comes first.",
    ),
    Parameter::new(
        "tls.ca_file",
        Kind::String {
            default: "",
            rule: Rule::PathOrNone,
        },
        "PEM file with the certificate that the server's is signed by (SENSR: sensr-ca.crt). Always verified, so TLS needs it.",
    ),
    Parameter::new(
        "tls.server_name",
        Kind::String {
            default: "",
            rule: Rule::ServerNameOrNone,
        },
        "Name or address that the server's certificate must be for. Empty: the one that is connected to.",
    ),
    Parameter::new(
        "tls.verify_name",
        Kind::Bool { default: true },
        "Whether that name is looked at. false accepts every certificate signed by tls.ca_file, and says so at each connection.",
    ),
    Parameter::new(
        "pointcloud_interval",
        Kind::Double {
            default: 0.0,
            min: 0.0,
            max: 3600.0,
        },
        "At most one message per cloud topic and interval, in seconds. 0: all.",
    ),
    Parameter::new(
        "output_data_interval",
        Kind::Double {
            default: 0.0,
            min: 0.0,
            max: 3600.0,
        },
        "At most one message of objects, points/objects and markers per interval, in seconds. 0: all. Events, zones and health are never left out.",
    ),
    Parameter::new(
        "publish.raw",
        Kind::Bool { default: true },
        "Publish points/raw.",
    ),
    Parameter::new(
        "publish.ground",
        Kind::Bool { default: true },
        "Publish points/ground.",
    ),
    Parameter::new(
        "publish.background",
        Kind::Bool { default: true },
        "Publish points/background.",
    ),
    Parameter::new(
        "publish.objects",
        Kind::Bool { default: true },
        "Publish objects and points/objects.",
    ),
    Parameter::new(
        "publish.markers",
        Kind::Bool { default: true },
        "Publish markers/objects and markers/zones. They are only made while somebody subscribes.",
    ),
    Parameter::new(
        "publish.wire",
        Kind::Bool { default: false },
        "Publish every frame of both links as it came, on wire, so that a recording can be decoded again or replayed.",
    ),
    Parameter::new(
        "frame_id",
        Kind::String {
            default: "sensr",
            rule: Rule::Frame,
        },
        "Frame that SENSR's coordinates are in: the frame_id of all messages. A frame that hosts_file gives for the site comes first.",
    ),
    Parameter::new(
        "parent_frame",
        Kind::String {
            default: "",
            rule: Rule::FrameOrNone,
        },
        "Frame that frame_id is tied to by a static transform without shift or turn. Empty: none is published. A frame that hosts_file gives for the site comes first.",
    ),
    Parameter::new(
        "stamp_source",
        Kind::String {
            default: "receive",
            rule: Rule::OneOf(&["receive", "server"]),
        },
        "Clock of all stamps. receive: this machine's, when the frame was complete. server: SENSR's; clouds, which carry no time, get their receive time moved by the measured offset of the clocks.",
    ),
    Parameter::new(
        "qos.reliability",
        Kind::String {
            default: "reliable",
            rule: Rule::OneOf(&["reliable", "best_effort"]),
        },
        "Reliability of the cloud topics. Best effort loses large clouds on the default transport.",
    )
    .read_only(),
    Parameter::new(
        "qos.depth",
        Kind::Integer {
            default: 5,
            min: 1,
            max: 1000,
        },
        "Clouds kept per topic for slow subscribers. Each costs its size in memory.",
    )
    .read_only(),
    Parameter::new(
        "queue_max_bytes",
        Kind::Integer {
            default: 64 * MIB,
            min: MIB,
            max: 16 * 1024 * MIB,
        },
        "Bytes that may wait for the publisher, per stream. When full, the oldest are dropped and counted.",
    ),
    Parameter::new(
        "max_message_bytes",
        Kind::Integer {
            default: 64 * MIB,
            min: 1024,
            max: 1024 * MIB,
        },
        "A larger message from SENSR closes the link with code 1009 and is counted. Changing it reconnects.",
    ),
    Parameter::new(
        "startup_hold",
        Kind::Double {
            default: 5.0,
            min: 0.0,
            // A queue that nothing is taken out of for 30 s counts as stuck.
            max: 20.0,
        },
        "How long after the start events, zones, health and status wait for the first subscriber of their topic, such as a recorder started with the bridge, in seconds; 0: not at all.",
    ),
    Parameter::new(
        "reconnect.initial_delay",
        Kind::Double {
            default: 0.5,
            min: 0.05,
            max: 3600.0,
        },
        "Pause after the first failed attempt to connect, in seconds. It doubles with each, with 20 % jitter.",
    ),
    Parameter::new(
        "reconnect.max_delay",
        Kind::Double {
            default: 30.0,
            min: 0.05,
            max: 3600.0,
        },
        "Longest pause between attempts to connect, in seconds.",
    ),
    Parameter::new(
        "stall_timeout",
        Kind::Double {
            default: 10.0,
            min: 0.5,
            max: 3600.0,
        },
        "A link on which not a byte came for so long, in seconds, is dead and reconnects; one with answers to pings but without data is an error, and reconnects after three times as long.",
    ),
    Parameter::new(
        "ping_interval",
        Kind::Double {
            default: 5.0,
            min: 0.1,
            max: 3600.0,
        },
        "How often the server is asked for a sign of life, in seconds. Below stall_timeout.",
    ),
    Parameter::new(
        "statistics_period",
        Kind::Double {
            default: 1.0,
            min: 0.1,
            max: 3600.0,
        },
        "How often statistics are published, in seconds.",
    ),
];
