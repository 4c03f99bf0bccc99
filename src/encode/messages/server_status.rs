//! `sensr_bridge/ServerStatus`

use super::geometry::write_polygon_box;
use super::{OutputHeader, begin_latched, write_server_string};
use ros_cdr::Writer;
use sensr_protocol::custom::{Custom, Generation};
use sensr_protocol::health::NameMap;
use sensr_protocol::profiling::ProfilingResult;
use sensr_protocol::wire::proto::profiling_result::Characteristic;
use sensr_protocol::wire::proto::profiling_result::characteristic::Value;

/// Writes a `ServerStatus`. `custom` is `None` while the server has sent no status.
pub fn server_status(
    buffer: &mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
    custom: Option<&Custom>,
) {
    let mut out = begin_latched(buffer, header, sequence);
    out.write_u8(match custom.map(|custom| custom.generation) {
        None => 0,
        Some(Generation::V2_5) => 25,
        Some(Generation::V3) => 30,
    });
    let empty = Custom::default();
    let custom = custom.unwrap_or(&empty);
    out.write_f32(custom.learning_progress);
    out.write_bool(custom.recording.is_some());
    out.write_f32(custom.recording.unwrap_or_default().saving_progress);
    out.write_bool(custom.replay.is_some());
    out.write_i32(custom.replay.unwrap_or_default().current_index);
    write_profiling(&mut out, custom);
    out.write_sequence(custom.fields_of_regard.iter(), |out, field| {
        out.write_i32(field.object_id);
        out.write_sequence(field.field_of_regard.iter(), |out, space| {
            write_polygon_box(out, Some(space));
        });
    });
}

fn write_profiling(out: &mut Writer<'_>, custom: &Custom) {
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
            write_profiling_result(out, name, result);
            count += 1;
        }
    }
    out.end_sequence(length, count);
}

fn write_profiling_result(out: &mut Writer<'_>, node: &[u8], result: &ProfilingResult) {
    write_server_string(out, node);
    write_named_values(out, &result.processing_times);
    write_named_values(out, &result.mem_usages);
    out.write_sequence(
        result.characteristics.iter(),
        |out, (name, characteristic)| {
            write_server_string(out, name);
            write_characteristic_value(out, characteristic);
        },
    );
}

fn write_named_values(out: &mut Writer<'_>, values: &NameMap<u64>) {
    out.write_sequence(values.iter(), |out, (name, value)| {
        write_server_string(out, name);
        out.write_u64(*value);
    });
}

/// Writes kind, integer, decimal and text of a `Characteristic`.
fn write_characteristic_value(out: &mut Writer<'_>, characteristic: &Characteristic) {
    let (kind, integer, decimal, text) = match &characteristic.value {
        None => (0, 0, 0.0, &b""[..]),
        Some(Value::Integer(integer)) => (1, *integer, 0.0, &b""[..]),
        Some(Value::Decimal(decimal)) => (2, 0, *decimal, &b""[..]),
        Some(Value::Text(text)) => (3, 0, 0.0, &**text),
    };
    out.write_u8(kind);
    out.write_i64(integer);
    out.write_f64(decimal);
    write_server_string(out, text);
}
