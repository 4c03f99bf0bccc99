//! `sensr_bridge/ZoneEvent`, `LosingEvent`, `RecalibrationEvent`

use super::Moment;
use super::geometry::{server_time, vector3};
use crate::encode::cdr::Writer;
use sensr_protocol::wire::proto::{LosingEvent, OnlineRecalibrationEvent, Quaternion, ZoneEvent};

/// Writes a `ZoneEvent`.
pub fn zone_event(buffer: &mut Vec<u8>, moment: Moment<'_>, sequence: u64, event: &ZoneEvent) {
    let mut out = Writer::begin(buffer);
    moment.write_with(&mut out, sequence);
    server_time(&mut out, event.timestamp);
    out.i32(event.id);
    out.i32(event.r#type);
    let object = event.object.unwrap_or_default();
    out.i32(object.id);
    vector3(&mut out, object.position);
    out.f32(object.heading);
    vector3(&mut out, object.velocity);
}

/// Writes a `LosingEvent`.
pub fn losing_event(buffer: &mut Vec<u8>, moment: Moment<'_>, sequence: u64, event: &LosingEvent) {
    let mut out = Writer::begin(buffer);
    moment.write_with(&mut out, sequence);
    server_time(&mut out, event.timestamp);
    out.i32(event.id);
    vector3(&mut out, event.position);
    out.f32(event.heading);
}

/// Writes a `RecalibrationEvent`.
pub fn recalibration_event(
    buffer: &mut Vec<u8>,
    moment: Moment<'_>,
    sequence: u64,
    event: &OnlineRecalibrationEvent,
) {
    let mut out = Writer::begin(buffer);
    moment.write_with(&mut out, sequence);
    server_time(&mut out, event.timestamp);
    out.lossy_string(&event.topic);
    vector3(&mut out, event.translation);
    let Quaternion { qw, qx, qy, qz } = event.rotation.unwrap_or_default();
    for value in [qx, qy, qz, qw] {
        out.f64(value.into());
    }
}
