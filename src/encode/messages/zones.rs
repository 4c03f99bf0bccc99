//! `sensr_bridge/ZoneArray`

use super::geometry::write_polygon_box;
use super::{OutputHeader, begin_latched, write_server_string};
use sensr_protocol::wire::proto::ZoneConfig;

/// Writes a `ZoneArray`.
pub fn zone_array(
    buffer: &mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
    zones: &[ZoneConfig],
) {
    let mut out = begin_latched(buffer, header, sequence);
    out.write_sequence(zones.iter(), |out, zone| {
        out.write_i32(zone.id);
        write_server_string(out, &zone.name);
        out.write_i32(zone.r#type);
        write_polygon_box(out, zone.pbox.as_ref());
    });
}
