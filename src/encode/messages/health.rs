//! `sensr_bridge/SystemHealth`

use super::Moment;
use crate::encode::cdr::Writer;
use sensr_protocol::health::{NameMap, SystemHealth};

/// Writes a `SystemHealth`. Nodes, edges and sensors stand in the order of their names.
pub fn system_health(
    buffer: &mut Vec<u8>,
    moment: Moment<'_>,
    sequence: u64,
    health: &SystemHealth,
    is_event: bool,
) {
    let mut out = Writer::begin(buffer);
    moment.write_with(&mut out, sequence);
    out.bool(is_event);
    out.i32(health.master);
    out.sequence(health.nodes.iter(), |out, (name, node)| {
        out.lossy_string(name);
        out.i32(node.status);
        sensors(out, &node.sensors);
        out.sequence(node.edges.iter(), |out, (name, edge)| {
            out.lossy_string(name);
            out.i32(edge.status);
            sensors(out, &edge.sensors);
        });
    });
}

fn sensors(out: &mut Writer<'_>, sensors: &NameMap<i32>) {
    out.sequence(sensors.iter(), |out, (name, status)| {
        out.lossy_string(name);
        out.i32(*status);
    });
}
