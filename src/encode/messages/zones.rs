//! `sensr_bridge/ZoneArray`

use super::Moment;
use super::geometry::polygon_box;
use crate::encode::cdr::Writer;
use sensr_protocol::wire::proto::ZoneConfig;

/// Writes a `ZoneArray`.
pub fn zone_array(buffer: &mut Vec<u8>, moment: Moment<'_>, sequence: u64, zones: &[ZoneConfig]) {
    let mut out = Writer::begin(buffer);
    moment.write_with(&mut out, sequence);
    out.sequence(zones.iter(), |out, zone| {
        out.i32(zone.id);
        out.lossy_string(&zone.name);
        out.i32(zone.r#type);
        polygon_box(out, zone.pbox.as_ref());
    });
}
