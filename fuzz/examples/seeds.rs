//! Writes the seeds of the corpus: valid and nearly valid input, always the same.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`. Files named `found_…` were found by fuzzing.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]
#![expect(clippy::unnecessary_wraps, reason = "as the fields want it")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::slice::from_ref;

use prost::Message;
use prost::encoding::WireType;
use prost_types::Timestamp;
use sensr_protocol::health::{Edge, Node, SystemHealth};
use sensr_protocol::profiling::{ProfilingResult, ProfilingResultSet};
use sensr_protocol::wire::proto::history::State;
use sensr_protocol::wire::proto::prediction::ReachableSet;
use sensr_protocol::wire::proto::profiling_result::{Characteristic, characteristic};
use sensr_protocol::wire::proto::{
    BoundingBox, CustomMessage, CustomMessage25, EventMessage, FieldOfRegard, History, LosingEvent,
    Object, OnlineRecalibrationEvent, OutputMessage, PointResult, PolygonBox, Prediction,
    Quaternion, RecordingInfo, ReplayInfo, StreamMessage, Vector2, Vector3, ZoneConfig, ZoneEvent,
    zone_event,
};
use sensr_protocol::wire::{CloudType, PointCloud};

/// Choices: all topics on, no rate limit, a large queue, a sink without faults.
const ALL: [u8; 2] = [0, 0];

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let seeds = [
        ("points", points()),
        ("output", output()),
        ("websocket", websocket()),
        ("hosts", hosts()),
        ("parameters", parameters()),
    ];
    for (target, seeds) in seeds {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// Encodes messages as `Input::messages` reads them.
fn run(choices: [u8; 2], repeats: u8, messages: &[Vec<u8>]) -> Vec<u8> {
    let (last, others) = messages.split_last().expect("a message at least");
    let counts = u8::try_from(others.len()).expect("4 at most") | (repeats - 1) << 2;
    let mut bytes = vec![choices[0], choices[1], counts];
    for message in others {
        let length = u16::try_from(message.len()).expect("short");
        bytes.extend(length.to_le_bytes());
        bytes.extend(message);
    }
    bytes.extend(last);
    bytes
}

fn cloud(kind: CloudType, points: usize, intensities: usize) -> PointCloud {
    let float = |i: usize| (i as f32 - 2.0).to_le_bytes();
    PointCloud {
        r#type: kind.into(),
        id: "algo_0#lidar_1".into(),
        points: (0..points).flat_map(float).collect(),
        intensities: (0..intensities).flat_map(float).collect(),
    }
}

fn point_result(clouds: &[PointCloud]) -> Vec<u8> {
    let message = PointResult {
        points: clouds.to_vec(),
        uid: "uid".into(),
    };
    message.encode_to_vec()
}

fn points() -> Seeds {
    use CloudType::{Background, Ground, None, Raw};
    let usual = point_result(&[
        cloud(Ground, 6, 2),
        cloud(Background, 9, 3),
        cloud(Raw, 15, 5),
    ]);
    let calibrating = point_result(&[cloud(Raw, 3, 1), cloud(Raw, 6, 2), cloud(Raw, 3, 0)]);
    let mut broken = cloud(Ground, 6, 2);
    broken.points.truncate(23);
    let not_finite = PointCloud {
        points: [f32::NAN, f32::INFINITY, 0.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect(),
        ..cloud(Raw, 0, 1)
    };
    let odd = point_result(&[
        broken,
        cloud(Raw, 6, 7),
        cloud(Background, 0, 0),
        cloud(None, 3, 1),
        not_finite,
    ]);
    let mut cut = usual.clone();
    cut.truncate(usual.len() - 5);
    vec![
        ("usual", run(ALL, 1, from_ref(&usual))),
        ("odd", run(ALL, 1, from_ref(&odd))),
        (
            "calibrating_thinned",
            run([0, 1], 4, from_ref(&calibrating)),
        ),
        (
            "half_off",
            run([0b10_0001, 0], 2, &[usual.clone(), calibrating.clone()]),
        ),
        (
            "dropped",
            run([0, 4], 3, &[usual.clone(), odd, calibrating]),
        ),
        ("half_unsubscribed", run([0, 0x10], 1, from_ref(&usual))),
        ("refused", run([0, 0x20], 1, from_ref(&usual))),
        ("cut", run(ALL, 1, &[cut, vec![]])),
        ("broken_clouds", run(ALL, 1, &[broken_clouds(&usual)])),
        ("sensors", run([0, 8], 2, &[sensors(0..3), sensors(2..18)])),
        ("sensors_thinned", run([0, 0b1001], 4, &[sensors(0..3)])),
        (
            "sensors_half_unsubscribed",
            run([0, 0x18], 1, &[sensors(0..18)]),
        ),
        ("densest", run(ALL, 1, &[[0x0a, 0].repeat(1000)])),
        ("densest_raw", run(ALL, 1, &[[0x0a, 2, 8, 3].repeat(500)])),
    ]
}

/// RAW clouds of several sensors, one without an id, and one that is broken.
fn sensors(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let of_sensor = |number: usize| PointCloud {
        id: format!("algo#lidar{}{number}", "/".repeat(number % 3)).into(),
        ..cloud(CloudType::Raw, 3 * (number % 4), number % 4)
    };
    let mut clouds: Vec<PointCloud> = numbers.map(of_sensor).collect();
    let nameless = PointCloud {
        id: "lidar".into(),
        ..cloud(CloudType::Raw, 3, 1)
    };
    clouds.extend([
        cloud(CloudType::Ground, 3, 1),
        nameless,
        cloud(CloudType::Raw, 4, 1),
    ]);
    point_result(&clouds)
}

/// Undecodable clouds among good ones, and texts that are not UTF-8.
fn broken_clouds(usual: &[u8]) -> Vec<u8> {
    let number_for_points = [0x0a, 4, 8, 3, 0x18, 5];
    let no_type = [0x0a, 1, 0xff];
    let id_and_uid = [0x0a, 6, 8, 1, 0x12, 2, 0xb6, 0xf3, 0xca, 0x0c, 1, 0xff];
    [usual, &number_for_points, &no_type, &id_and_uid, usual].concat()
}

fn vector(x: f32) -> Option<Vector3> {
    Some(Vector3 {
        x,
        y: -x,
        z: x / 2.0,
    })
}

fn time(seconds: i64) -> Option<Timestamp> {
    let seconds = 1_700_000_000 + seconds;
    Some(Timestamp { seconds, nanos: 5 })
}

fn polygon(corners: usize) -> PolygonBox {
    let corner = |i| Vector2 {
        x: i as f32,
        y: (i * i % 5) as f32,
    };
    PolygonBox {
        points: (0..corners).map(corner).collect(),
        min_z: -1.0,
        max_z: 2.0,
    }
}

fn object(id: i32) -> Object {
    let state = |i: u8| State {
        position: vector(i.into()),
        timestamp: time(i.into()),
    };
    Object {
        id,
        label: id,
        confidence: 0.5,
        bbox: Some(BoundingBox {
            position: vector(1.0),
            size: vector(4.0),
            yaw: 0.5,
        }),
        velocity: vector(3.0),
        tracking_status: id,
        yaw_rate: 0.1,
        last_observed_timestamp: time(9),
        points: vec![1; 24].into(),
        history: Some(History {
            states: (0..3).map(state).collect(),
        }),
        prediction: Some(Prediction {
            positions: [1.0, 2.0].map(|x| vector(x).expect("some")).to_vec(),
            reachable_set: vec![ReachableSet {
                t_offset: 1.0,
                space: Some(polygon(3)),
            }],
        }),
        zone_ids: vec![1, 300],
        intensities: vec![1; 8].into(),
        ..Object::default()
    }
}

fn health() -> SystemHealth {
    let sensors = || [("lidar_1".into(), 1), ("lidar_2".into(), 2)].into();
    let edge = Edge {
        status: 1,
        sensors: sensors(),
    };
    let node = Node {
        status: 3,
        sensors: sensors(),
        edges: [("edge_0".into(), edge)].into(),
    };
    SystemHealth {
        master: 5,
        nodes: [("algo_0".into(), node)].into(),
    }
}

fn zone(id: i32, corners: usize) -> ZoneConfig {
    ZoneConfig {
        id,
        name: "a\nzone".into(),
        pbox: Some(polygon(corners)),
        r#type: id,
    }
}

fn stream() -> OutputMessage {
    OutputMessage {
        timestamp: time(7),
        stream: Some(StreamMessage {
            objects: vec![object(1), object(2)],
            first_cloud_arrival_timestamp: time(6),
            has_objects: true,
            zones: vec![zone(1, 4), zone(2, 2)],
            health: Some(health().into()),
            static_objects: vec![object(1)],
            has_zones: true,
        }),
        ..OutputMessage::default()
    }
}

fn events() -> OutputMessage {
    let zone = |id| ZoneEvent {
        timestamp: time(8),
        id,
        r#type: zone_event::Type::Entry.into(),
        object: Some(zone_event::Object {
            id,
            position: vector(1.0),
            heading: 0.5,
            velocity: vector(2.0),
        }),
    };
    let losing = LosingEvent {
        timestamp: time(8),
        id: 4,
        position: vector(1.0),
        heading: 0.5,
    };
    let recalibration = OnlineRecalibrationEvent {
        timestamp: time(8),
        topic: "lidar_1".into(),
        translation: vector(0.1),
        rotation: Some(Quaternion {
            qw: 1.0,
            ..Quaternion::default()
        }),
    };
    OutputMessage {
        event: Some(EventMessage {
            zone: vec![zone(1), zone(2)],
            losing: vec![losing],
            health: Some(health().into()),
            online_recalibration: vec![recalibration],
        }),
        ..OutputMessage::default()
    }
}

fn custom(custom: &impl Message) -> Vec<u8> {
    let message = OutputMessage {
        custom: custom.encode_to_vec().into(),
        ..OutputMessage::default()
    };
    message.encode_to_vec()
}

fn profiling() -> ProfilingResultSet {
    let named = |value| Characteristic { value: Some(value) };
    let result = ProfilingResult {
        processing_times: [("total".into(), 5_000_000)].into(),
        mem_usages: [("total".into(), 1 << 30)].into(),
        characteristics: [
            (
                "gpu".into(),
                named(characteristic::Value::Text("none".into())),
            ),
            ("load".into(), named(characteristic::Value::Decimal(0.5))),
            ("threads".into(), named(characteristic::Value::Integer(8))),
        ]
        .into(),
    };
    ProfilingResultSet {
        master_node: Some(result.clone()),
        algo_nodes: [("algo_0".into(), result)].into(),
    }
}

/// Names that are not UTF-8, two of which look the same when decoded, and an undecodable node.
fn foreign_texts() -> Vec<u8> {
    let node = Node {
        sensors: [(vec![0xb6, 0xf3], 1), (vec![0xb6, 0xf4], 2)].into(),
        ..Node::default()
    };
    let health = SystemHealth {
        nodes: [(vec![0xc0], node)].into(),
        ..SystemHealth::default()
    };
    let mut message = stream();
    if let Some(stream) = &mut message.stream {
        stream.health = Some(health.into());
        stream.zones[0].name = vec![0xb3, 0xb2, 0];
    }
    let broken_node = field(2, &[0xff]);
    let frame = message.encode_to_vec();
    [frame, field(3, &field(102, &broken_node))].concat()
}

fn output() -> Seeds {
    let record = Some(RecordingInfo {
        saving_progress: 0.25,
    });
    let v3 = custom(&CustomMessage {
        vehicle_oriented_fields_of_regard: vec![FieldOfRegard {
            object_id: 4,
            field_of_regard: vec![polygon(3)],
        }],
        bg_learning_progress: 0.5,
        record,
        profiling: Some(profiling().into()),
    });
    let v2_5 = custom(&CustomMessage25 {
        bg_learning_progress: 0.5,
        replay: Some(ReplayInfo { current_index: 3 }),
        record,
        profiling: Some(profiling().into()),
    });
    let stream = stream().encode_to_vec();
    let events = events().encode_to_vec();
    let empty = OutputMessage {
        stream: Some(StreamMessage {
            has_objects: true,
            has_zones: true,
            ..StreamMessage::default()
        }),
        ..OutputMessage::default()
    }
    .encode_to_vec();
    // An undecodable object in a stream, and an undecodable event.
    let broken = [
        &[0x1a, 8, 0x0a, 2, 0x22, 100, 0x0a, 0, 0x18, 1][..],
        &[0xca, 0x0c, 7, 0x0a, 1, 0xff, 0x0a, 0, 0x12, 0],
        &events,
    ]
    .concat();
    let mut seeds = vec![
        ("stream", run(ALL, 1, from_ref(&stream))),
        ("events", run(ALL, 2, from_ref(&events))),
        ("custom_3", run(ALL, 1, from_ref(&v3))),
        ("custom_2_5", run(ALL, 1, from_ref(&v2_5))),
        ("both_generations", run(ALL, 2, &[v3, v2_5])),
        (
            "shown_and_deleted",
            run(ALL, 2, &[stream.clone(), empty.clone()]),
        ),
        ("broken_parts", run(ALL, 2, &[broken])),
        ("foreign_texts", run(ALL, 1, &[foreign_texts()])),
        ("thinned", run([0, 1], 4, &[stream.clone(), events.clone()])),
        (
            "half_off",
            run([0b10_1000, 0], 1, &[stream.clone(), events.clone()]),
        ),
        (
            "dropped",
            run([0, 4], 2, &[stream.clone(), events.clone(), empty]),
        ),
        (
            "half_unsubscribed",
            run([0, 0x10], 2, &[stream.clone(), events.clone()]),
        ),
        ("refused", run([0, 0x20], 1, &[stream, events])),
    ];
    seeds.extend(densest());
    seeds
}

/// Encodes a length-delimited field.
fn field(number: u32, contents: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(contents.len() as u64, &mut bytes);
    bytes.extend(contents);
    bytes
}

/// Input that grows most when decoded and published.
fn densest() -> Seeds {
    const HAS_OBJECTS: [u8; 2] = [0x18, 1];
    const HAS_ZONES: [u8; 3] = [0xc0, 0x06, 1];
    let stream = |parts: &[Vec<u8>], valid: &[u8]| {
        let contents = [&parts.concat(), valid].concat();
        run(ALL, 1, &[field(3, &contents)])
    };
    let nothing = |number| field(number, &[]);
    let object = |contents: &[u8]| field(1, contents);
    let drawn = |id: u8| object(&[&[8, id][..], &field(4, &nothing(1))].concat());
    let named = |i: u8| field(1, &[b'a' + i % 26, b'a' + i / 26]);
    let sensors = field(3, &nothing(1));
    let edges = field(5, &field(2, &field(2, &nothing(1))));
    let node = |i: u8| {
        let node = [&sensors[..], &edges].concat();
        field(2, &[named(i), field(2, &node)].concat())
    };
    let nodes: Vec<u8> = (0..100).flat_map(node).collect();
    vec![
        (
            "densest_objects",
            stream(&vec![nothing(1); 1000], &HAS_OBJECTS),
        ),
        (
            "densest_drawn_objects",
            stream(&(0..127).map(drawn).collect::<Vec<_>>(), &HAS_OBJECTS),
        ),
        (
            "densest_states",
            stream(
                &[object(&field(102, &nothing(2).repeat(1000)))],
                &HAS_OBJECTS,
            ),
        ),
        (
            "densest_predictions",
            stream(
                &[object(
                    &[field(4, &nothing(1)), field(103, &nothing(1).repeat(1000))].concat(),
                )],
                &HAS_OBJECTS,
            ),
        ),
        (
            "densest_corners",
            stream(
                &[field(
                    101,
                    &field(
                        3,
                        &[nothing(1).repeat(1000), vec![0x1d, 0, 0, 128, 63]].concat(),
                    ),
                )],
                &HAS_ZONES,
            ),
        ),
        (
            "densest_zones",
            stream(&vec![nothing(101); 700], &HAS_ZONES),
        ),
        ("densest_health", stream(&[field(102, &nodes)], &[])),
        (
            "densest_events",
            run(ALL, 1, &[field(201, &nothing(1).repeat(1000))]),
        ),
        (
            "densest_fields_of_regard",
            run(ALL, 1, &[field(301, &nothing(2).repeat(1000))]),
        ),
    ]
}

/// Encodes a WebSocket frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(length),
        _ => {
            bytes.push(126);
            bytes.extend(u16::try_from(payload.len()).expect("short").to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

fn websocket() -> Seeds {
    const FIN: u8 = 0x80;
    const TEXT: u8 = 1;
    const BINARY: u8 = 2;
    const CLOSE: u8 = 8;
    const PING: u8 = 9;
    const PONG: u8 = 10;
    let message = point_result(&[cloud(CloudType::Raw, 6, 2), cloud(CloudType::Ground, 7, 0)]);
    let (begin, end) = message.split_at(20);
    let with = |limit, parts: &[Vec<u8>]| [&[limit, 0, 7][..], &parts.concat()].concat();
    let huge = |length: u64| [&[FIN | BINARY, 127][..], &length.to_be_bytes(), &[1; 9]].concat();
    vec![
        (
            "whole",
            with(
                1,
                &[frame(FIN | BINARY, &message), frame(FIN | BINARY, &message)],
            ),
        ),
        (
            "in_pieces_around_a_ping",
            with(
                1,
                &[
                    frame(BINARY, begin),
                    frame(FIN | PING, b"?"),
                    frame(FIN, end),
                ],
            ),
        ),
        (
            "text_pong_close",
            with(
                1,
                &[
                    frame(FIN | TEXT, "é".as_bytes()),
                    frame(FIN | PONG, b""),
                    frame(FIN | CLOSE, &[3, 0xf3, b'f', b'u', b'l', b'l']),
                ],
            ),
        ),
        ("too_large", with(0, &[frame(FIN | BINARY, &message)])),
        (
            "too_large_in_pieces",
            with(
                0,
                &[frame(BINARY, &message[..60]), frame(0, &message[..60])],
            ),
        ),
        ("promises_a_mebibyte", with(3, &[huge(1 << 20)])),
        ("promises_all_there_is", with(3, &[huge(u64::MAX >> 1)])),
        (
            "masked",
            with(1, &[vec![FIN | BINARY, 0x81, 1, 2, 3, 4, 5]]),
        ),
        ("reserved_bits", with(1, &[frame(0xf2, &message)])),
        ("continues_nothing", with(1, &[frame(FIN, &message)])),
    ]
}

fn hosts() -> Seeds {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (
            "all",
            text(
                "sites:\n  samyang:\n    address: 192.0.2.10\n    output_port: 6050\n    points_port: 6051\n    \
                 frame_id: samyang_lidar\n    parent_frame: map\n",
            ),
        ),
        (
            "two",
            text("sites: {a: {address: host}, b: {address: '2001:db8::7'}}"),
        ),
        ("port_0", text("sites: {a: {address: x, points_port: 0}}")),
        (
            "port_too_large",
            text("sites: {a: {address: x, output_port: 70000}}"),
        ),
        ("no_word", text("sites: {a: {address: 'x y'}}")),
        (
            "own_parent",
            text("sites: {a: {address: x, frame_id: m, parent_frame: m}}"),
        ),
        (
            "unknown_field",
            text("sites:\n  \"a\\nb\": {address: x, \"p\\nort\": 1}\n"),
        ),
        (
            "name_of_two_lines",
            text("sites: {\"a\\nb\": {address: ''}}"),
        ),
        (
            "anchors",
            text("sites:\n  a: &a {address: x}\n  b: *a\n  c: {<<: *a}\n"),
        ),
        ("twice", text("sites: {a: {address: x}, a: {address: y}}")),
        (
            "tls",
            text(
                "sites:\n  pier: {address: x, tls: {ca_file: pier.crt, server_name: a.b, verify_name: false}}\n  \
                 yard: {address: y, tls: {enabled: false}}\n",
            ),
        ),
        (
            "parameters",
            text(
                "/**/sensr_bridge:\n  ros__parameters: {host: x}\nsite:\n  other: {ros__parameters: {tls.enabled: true}}\n",
            ),
        ),
        ("unfinished", text("sites: [")),
        (
            "tags",
            text("sites: !!map {a: !x {address: !!str 7}}\n---\n"),
        ),
    ]
}

/// Changes as `parameters` reads them: index and kind of the name, kind of the value, value.
fn parameters() -> Seeds {
    let integer = |name, value: i64| [&[name, 0, 1][..], &value.to_le_bytes()].concat();
    let double = |name, value: f64| [&[name, 0, 3][..], &value.to_le_bytes()].concat();
    let string = |name, value: &str| {
        let length = u8::try_from(value.len()).expect("short");
        [&[name, 0, 7, length][..], value.as_bytes()].concat()
    };
    let range = |name| {
        let numbers = [0, 1, 65_535, 65_536, i64::MIN].map(|value| integer(name, value));
        let others = [0.0, -0.0, 0.05, 3600.0, f64::NAN].map(|value| double(name, value));
        [numbers, others].concat().concat()
    };
    let texts = |name| {
        let values = ["", "sensr", "/map", "a b", "a\nb", "server", "\0"];
        values.map(|value| string(name, value)).concat()
    };
    vec![
        ("switch_range", range(10)),
        ("port_range", range(2)),
        ("interval_range", range(8)),
        ("bytes_range", range(21)),
        ("host_texts", texts(0)),
        ("server_name_texts", texts(6)),
        ("keep_alive_range", [range(25), range(26)].concat()),
        ("hosts_file_texts", texts(1)),
        ("frame_texts", texts(16)),
        ("parent_frame_texts", texts(17)),
        ("stamp_source_texts", texts(18)),
        (
            "conflict",
            [double(23, 40.0), integer(21, 1 << 20), string(17, "sensr")].concat(),
        ),
        (
            "nearly_a_name",
            vec![8, 170, 3, b'x', 2, 1, 6, 180, 0, b'\n', 0],
        ),
        ("any_name", [&[0, 255, 5][..], b"a\nb\"c", &[0]].concat()),
    ]
}
