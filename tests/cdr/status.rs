//! Serialized `ServerStatus`.

use r2r::sensr_bridge::msg;
use sensr_bridge::encode::messages;
use sensr_protocol::custom::{Custom, Generation};
use sensr_protocol::health::NameMap;
use sensr_protocol::profiling::{ProfilingResult, ProfilingResultSet};
use sensr_protocol::wire::proto::profiling_result::Characteristic;
use sensr_protocol::wire::proto::profiling_result::characteristic::Value;
use sensr_protocol::wire::proto::{FieldOfRegard, RecordingInfo, ReplayInfo};

use crate::assert_reads_as;
use crate::fixture::{LATER_STAMP, Lengths, Values, server_stamp};

fn named_values(lengths: Lengths, first: u64) -> (NameMap<u64>, Vec<msg::NamedValue>) {
    let (wire, ros): (Vec<_>, _) = lengths.list(|number| {
        let (name, value) = (lengths.name(number), first - number as u64);
        let wire = (name.clone().into(), value);
        (wire, msg::NamedValue { name, value })
    });
    (wire.into_iter().collect(), ros)
}

/// Builds one characteristic of each kind, with extreme values.
fn characteristics(lengths: Lengths) -> (NameMap<Characteristic>, Vec<msg::Characteristic>) {
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
            Some(Value::Text(lengths.text().into())),
            msg::Characteristic {
                kind: 3,
                text: lengths.text(),
                ..msg::Characteristic::default()
            },
        ),
    ];
    let named = values
        .into_iter()
        .enumerate()
        .map(|(number, (value, ros))| {
            let name = lengths.name(number);
            let ros = msg::Characteristic {
                name: name.clone(),
                ..ros
            };
            ((name.into(), Characteristic { value }), ros)
        });
    let (wire, ros): (Vec<_>, _) = named.unzip();
    (wire.into_iter().collect(), ros)
}

fn profiling_result(lengths: Lengths, node: String) -> (ProfilingResult, msg::ProfilingResult) {
    let (times, processing_times) = named_values(lengths, u64::MAX);
    let (usages, memory_usages) = named_values(lengths, 1 << 33);
    let (wire, characteristics) = characteristics(lengths);
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
    lengths: Lengths,
    values: &Values,
) -> (Vec<FieldOfRegard>, Vec<msg::FieldOfRegard>) {
    lengths.list(|number| {
        let object_id = values.int();
        let (field_of_regard, spaces) =
            lengths.list(|corners| values.polygon_box(corners + number));
        let wire = FieldOfRegard {
            object_id,
            field_of_regard,
        };
        (wire, msg::FieldOfRegard { object_id, spaces })
    })
}

#[test]
fn server_status_reads_as_the_same_message() {
    for (sequence, lengths) in (u64::MAX - 10_000..).zip(Lengths::all()) {
        for (generation, number) in [(Generation::V2_5, 25), (Generation::V3, 30)] {
            let values = Values::default();
            let (master_node, master) = profiling_result(lengths, String::new());
            let (nodes, results): (Vec<_>, Vec<_>) = lengths.list(|number| {
                let name = lengths.name(number);
                let (wire, ros) = profiling_result(lengths, name.clone());
                ((name.into(), wire), ros)
            });
            let (wire_fields, fields_of_regard) = fields_of_regard(lengths, &values);
            let expected = msg::ServerStatus {
                header: lengths.header(),
                sequence,
                server_stamp: server_stamp(),
                repeated: false,
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
            messages::server_status(
                &mut buffer,
                lengths.output_header(),
                sequence,
                Some(&custom),
            );
            assert_reads_as(&buffer, &expected);
            let expected = msg::ServerStatus {
                header: lengths.later_header(),
                repeated: true,
                ..expected
            };
            messages::mark_as_repeated(&mut buffer, LATER_STAMP);
            assert_reads_as(&buffer, &expected);
        }
    }
}

#[test]
fn missing_status_reads_as_zeros() {
    let nothing_said = Custom::default();
    for (custom, generation) in [(Some(&nothing_said), 30), (None, 0)] {
        for (sequence, lengths) in (0..).zip(Lengths::all()) {
            let expected = msg::ServerStatus {
                header: lengths.header(),
                sequence,
                server_stamp: server_stamp(),
                generation,
                ..msg::ServerStatus::default()
            };
            let mut buffer = Vec::new();
            messages::server_status(&mut buffer, lengths.output_header(), sequence, custom);
            assert_reads_as(&buffer, &expected);
        }
    }
}
