//! `sensr_bridge/ZoneEvent`, `LosingEvent`, `RecalibrationEvent`

use super::geometry::{write_server_time, write_vector3};
use super::{OutputHeader, write_server_string};
use ros_cdr::Writer;
use sensr_protocol::wire::proto::{LosingEvent, OnlineRecalibrationEvent, Quaternion, ZoneEvent};

/// Writes a `ZoneEvent`.
pub fn zone_event(
    buffer: &mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
    event: &ZoneEvent,
) {
    let mut out = Writer::begin(buffer);
    header.write_numbered(&mut out, sequence);
    write_server_time(&mut out, event.timestamp);
    out.write_i32(event.id);
    out.write_i32(event.r#type);
    let object = event.object.unwrap_or_default();
    out.write_i32(object.id);
    write_vector3(&mut out, object.position);
    out.write_f32(object.heading);
    write_vector3(&mut out, object.velocity);
}

/// Writes a `LosingEvent`.
pub fn losing_event(
    buffer: &mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
    event: &LosingEvent,
) {
    let mut out = Writer::begin(buffer);
    header.write_numbered(&mut out, sequence);
    write_server_time(&mut out, event.timestamp);
    out.write_i32(event.id);
    write_vector3(&mut out, event.position);
    out.write_f32(event.heading);
}

/// Writes a `RecalibrationEvent`.
pub fn recalibration_event(
    buffer: &mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
    event: &OnlineRecalibrationEvent,
) {
    let mut out = Writer::begin(buffer);
    header.write_numbered(&mut out, sequence);
    write_server_time(&mut out, event.timestamp);
    write_server_string(&mut out, &event.topic);
    write_vector3(&mut out, event.translation);
    let Quaternion { qw, qx, qy, qz } = event.rotation.unwrap_or_default();
    for value in [qx, qy, qz, qw] {
        out.write_f64(value.into());
    }
}
