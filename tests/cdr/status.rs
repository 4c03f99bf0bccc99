//! `ServerStatus`

use r2r::sensr_bridge::msg;
use sensr_bridge::encode::messages;
use sensr_protocol::custom::{Custom, Generation};
use sensr_protocol::health::NameMap;
use sensr_protocol::profiling::{ProfilingResult, ProfilingResultSet};
use sensr_protocol::wire::proto::profiling_result::Characteristic;
use sensr_protocol::wire::proto::profiling_result::characteristic::Value;
use sensr_protocol::wire::proto::{FieldOfRegard, RecordingInfo, ReplayInfo};

use crate::assert_reads_as;
use crate::fixture::{Shape, Values, server_stamp};

fn named_values(shape: Shape, first: u64) -> (NameMap<u64>, Vec<msg::NamedValue>) {
    let (wire, ros): (Vec<_>, _) = shape.list(|number| {
        let (name, value) = (shape.name(number), first - number as u64);
        let wire = (name.clone().into(), value);
        (wire, msg::NamedValue { name, value })
    });
    (wire.into_iter().collect(), ros)
}

/// One of each kind, and the ends of what can be written.
fn characteristics(shape: Shape) -> (NameMap<Characteristic>, Vec<msg::Characteristic>) {
    let values = [
        (None, msg::Characteristic::default()),
        (
            Some(Value::Integer(i64::MIN)),
            msg::Characteristic {
                kind: 1,
                integer: i64::MIN,
                ..msg::Characteristic::default()
            },
        ),
        (
            Some(Value::Integer(i64::MAX)),
            msg::Characteristic {
                kind: 1,
                integer: i64::MAX,
                ..msg::Characteristic::default()
            },
        ),
        (
            Some(Value::Decimal(-0.1)),
            msg::Characteristic {
                kind: 2,
                decimal: -0.1,
                ..msg::Characteristic::default()
            },
        ),
        (
            Some(Value::Text(shape.text().into())),
            msg::Characteristic {
                kind: 3,
                text: shape.text(),
                ..msg::Characteristic::default()
            },
        ),
    ];
    let named = values
        .into_iter()
        .enumerate()
        .map(|(number, (value, ros))| {
            let name = shape.name(number);
            let ros = msg::Characteristic {
                name: name.clone(),
                ..ros
            };
            ((name.into(), Characteristic { value }), ros)
        });
    let (wire, ros): (Vec<_>, _) = named.unzip();
    (wire.into_iter().collect(), ros)
}

fn profiling_result(shape: Shape, node: String) -> (ProfilingResult, msg::ProfilingResult) {
    let (times, processing_times) = named_values(shape, u64::MAX);
    let (usages, memory_usages) = named_values(shape, 1 << 33);
    let (wire, characteristics) = characteristics(shape);
    let wire = ProfilingResult {
        processing_times: times,
        mem_usages: usages,
        characteristics: wire,
    };
    let ros = msg::ProfilingResult {
        node,
        processing_times,
        memory_usages,
        characteristics,
    };
    (wire, ros)
}

fn fields_of_regard(
    shape: Shape,
    values: &Values,
) -> (Vec<FieldOfRegard>, Vec<msg::FieldOfRegard>) {
    shape.list(|number| {
        let object_id = values.int();
        let (field_of_regard, spaces) = shape.list(|corners| values.polygon_box(corners + number));
        let wire = FieldOfRegard {
            object_id,
            field_of_regard,
        };
        (wire, msg::FieldOfRegard { object_id, spaces })
    })
}

#[test]
fn everything() {
    for (sequence, shape) in (u64::MAX - 10_000..).zip(Shape::all()) {
        for (generation, number) in [(Generation::V2_5, 25), (Generation::V3, 30)] {
            let values = Values::default();
            let (master_node, master) = profiling_result(shape, String::new());
            let (nodes, results): (Vec<_>, Vec<_>) = shape.list(|number| {
                let name = shape.name(number);
                let (wire, ros) = profiling_result(shape, name.clone());
                ((name.into(), wire), ros)
            });
            let (wire_fields, fields_of_regard) = fields_of_regard(shape, &values);
            let expected = msg::ServerStatus {
                header: shape.header(),
                sequence,
                server_stamp: server_stamp(),
                generation: number,
                learning_progress: values.float(),
                has_recording: true,
                recording_progress: values.float(),
                has_replay: true,
                replay_index: values.int(),
                profiling: [vec![master], results].concat(),
                fields_of_regard,
            };
            let custom = Custom {
                generation,
                learning_progress: expected.learning_progress,
                recording: Some(RecordingInfo {
                    saving_progress: expected.recording_progress,
                }),
                replay: Some(ReplayInfo {
                    current_index: expected.replay_index,
                }),
                profiling: Some(ProfilingResultSet {
                    master_node: Some(master_node),
                    algo_nodes: nodes.into_iter().collect(),
                }),
                fields_of_regard: wire_fields,
            };
            let mut buffer = Vec::new();
            message::server_status(&mut buffer, shape.moment(), sequence, Some(&custom));
            assert_reads_as(&buffer, &expected);
        }
    }
}

#[test]
fn nothing() {
    let nothing_said = Custom::default();
    for (custom, generation) in [(Some(&nothing_said), 30), (None, 0)] {
        for (sequence, shape) in (0..).zip(Shape::all()) {
            let expected = msg::ServerStatus {
                header: shape.header(),
                sequence,
                server_stamp: server_stamp(),
                generation,
                ..msg::ServerStatus::default()
            };
            let mut buffer = Vec::new();
            message::server_status(&mut buffer, shape.moment(), sequence, custom);
            assert_reads_as(&buffer, &expected);
        }
    }
}
