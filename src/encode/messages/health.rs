//! `sensr_bridge/SystemHealth`

use super::{OutputHeader, begin_latched, write_server_string};
use ros_cdr::Writer;
use sensr_protocol::health::{NameMap, SystemHealth};

/// Writes a `SystemHealth`. Nodes, edges and sensors are ordered by name.
pub fn system_health(
    buffer: &mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
    health: &SystemHealth,
    is_event: bool,
) {
    let mut out = begin_latched(buffer, header, sequence);
    out.write_bool(is_event);
    out.write_i32(health.master);
    out.write_sequence(health.nodes.iter(), |out, (name, node)| {
        write_server_string(out, name);
        out.write_i32(node.status);
        write_sensors(out, &node.sensors);
        out.write_sequence(node.edges.iter(), |out, (name, edge)| {
            write_server_string(out, name);
            out.write_i32(edge.status);
            write_sensors(out, &edge.sensors);
        });
    });
}

fn write_sensors(out: &mut Writer<'_>, sensors: &NameMap<i32>) {
    out.write_sequence(sensors.iter(), |out, (name, status)| {
        write_server_string(out, name);
        out.write_i32(*status);
    });
}
