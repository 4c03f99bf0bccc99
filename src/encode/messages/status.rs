//! `sensr_bridge/ServerStatus`

use super::Moment;
use super::geometry::polygon_box;
use crate::encode::cdr::Writer;
use sensr_protocol::custom::{Custom, Generation};
use sensr_protocol::health::NameMap;
use sensr_protocol::profiling::ProfilingResult;
use sensr_protocol::wire::proto::profiling_result::Characteristic;
use sensr_protocol::wire::proto::profiling_result::characteristic::Value;

/// Writes a `ServerStatus`. None: nothing is known of the server.
pub fn server_status(
    buffer: &mut Vec<u8>,
    moment: Moment<'_>,
    sequence: u64,
    custom: Option<&Custom>,
) {
    let mut out = Writer::begin(buffer);
    moment.write_with(&mut out, sequence);
    out.u8(match custom.map(|custom| custom.generation) {
        None => 0,
        Some(Generation::V2_5) => 25,
        Some(Generation::V3) => 30,
    });
    let nothing = Custom::default();
    let custom = custom.unwrap_or(&nothing);
    out.f32(custom.learning_progress);
    out.bool(custom.recording.is_some());
    out.f32(custom.recording.unwrap_or_default().saving_progress);
    out.bool(custom.replay.is_some());
    out.i32(custom.replay.unwrap_or_default().current_index);
    profiling(&mut out, custom);
    out.sequence(custom.fields_of_regard.iter(), |out, field| {
        out.i32(field.object_id);
        out.sequence(field.field_of_regard.iter(), |out, space| {
            polygon_box(out, Some(space));
        });
    });
}

fn profiling(out: &mut Writer<'_>, custom: &Custom) {
    let length = out.begin_sequence();
    let mut count = 0;
    if let Some(profiling) = &custom.profiling {
        let master = profiling
            .master_node
            .iter()
            .map(|result| (&b""[..], result));
        let nodes = profiling.algo_nodes.iter();
        let nodes = nodes.map(|(name, result)| (&**name, result));
        for (name, result) in master.chain(nodes) {
            profiling_result(out, name, result);
            count += 1;
        }
    }
    out.end_sequence(length, count);
}

fn profiling_result(out: &mut Writer<'_>, node: &[u8], result: &ProfilingResult) {
    out.lossy_string(node);
    named_values(out, &result.processing_times);
    named_values(out, &result.mem_usages);
    out.sequence(
        result.characteristics.iter(),
        |out, (name, characteristic)| {
            out.lossy_string(name);
            value(out, characteristic);
        },
    );
}

fn named_values(out: &mut Writer<'_>, values: &NameMap<u64>) {
    out.sequence(values.iter(), |out, (name, value)| {
        out.lossy_string(name);
        out.u64(*value);
    });
}

/// Kind, integer, decimal, text of a `Characteristic`.
fn value(out: &mut Writer<'_>, characteristic: &Characteristic) {
    let (kind, integer, decimal, text) = match &characteristic.value {
        None => (0, 0, 0.0, &b""[..]),
        Some(Value::Integer(integer)) => (1, *integer, 0.0, &b""[..]),
        Some(Value::Decimal(decimal)) => (2, 0, *decimal, &b""[..]),
        Some(Value::Text(text)) => (3, 0, 0.0, &**text),
    };
    out.u8(kind);
    out.i64(integer);
    out.f64(decimal);
    out.lossy_string(text);
}
