//! SENSR's messages as serialized ROS messages, field by field in the order of the `.msg` files.
//!
//! Each function writes one message straight from SENSR's into a reused buffer: no struct in between, no allocation
//! per message. `tests/cdr/` compares the bytes with those of the ROS 2 type support. Enum values are passed through
//! unchanged, known or not. Fields missing on the wire are 0, as in protobuf.

mod events;
pub(in crate::encode) mod geometry;
mod health;
mod objects;
mod server_status;
mod standard_objects;
mod wire;
mod zones;

pub use events::{losing_event, recalibration_event, zone_event};
pub use health::system_health;
pub use objects::{ObjectSet, object_array};
pub use server_status::server_status;
pub use standard_objects::{TrackIds, detection_array, label_info, tracked_objects};
pub use wire::{LINK_OUTPUT, LINK_POINTS, wire_frame};
pub use zones::zone_array;

use crate::time::stamp::Stamp;
use ros_cdr::{ENCAPSULATION_BYTES, Header, Time, Writer};
use sensr_protocol::text;

/// Header and server stamp, with which the messages of the output stream begin.
#[derive(Debug, Clone, Copy)]
pub struct OutputHeader<'a> {
    /// The ROS header.
    pub header: Header<'a>,
    /// Time of the message on the server's clock. 0 if SENSR sent none that ROS can represent.
    pub server_stamp: Stamp,
}

impl OutputHeader<'_> {
    fn write_plain(&self, out: &mut Writer<'_>) {
        out.write_header(self.header);
        out.write_time(self.server_stamp.into());
    }

    /// Writes header and server stamp with the sequence number of reliable messages between them.
    fn write_numbered(&self, out: &mut Writer<'_>, sequence: u64) {
        out.write_header(self.header);
        out.write_u64(sequence);
        out.write_time(self.server_stamp.into());
    }
}

/// Begins a latched message: header, sequence number, server stamp, and the mark of a repeated message, which is not set.
fn begin_latched<'b>(
    buffer: &'b mut Vec<u8>,
    header: OutputHeader<'_>,
    sequence: u64,
) -> Writer<'b> {
    let mut out = Writer::begin(buffer);
    header.write_numbered(&mut out, sequence);
    out.write_bool(false);
    out
}

/// Turns a serialized `ZoneArray`, `SystemHealth` or `ServerStatus` into its own repetition: marks it as repeated, and
/// replaces the stamp of its header. Everything else stays, so that it needs neither the decoded message nor memory.
///
/// # Panics
///
/// If `message` is none of these.
pub fn mark_as_repeated(message: &mut [u8], stamp: Stamp) {
    const TIME_BYTES: usize = 8;
    const SEQUENCE_BYTES: usize = 8;
    let Time { sec, nanosec } = stamp.into();
    // CDR aligns relative to the end of the encapsulation.
    let (_, fields) = message.split_at_mut(ENCAPSULATION_BYTES);
    let (time, rest) = fields.split_at_mut(TIME_BYTES);
    time[..4].copy_from_slice(&sec.to_le_bytes());
    time[4..].copy_from_slice(&nanosec.to_le_bytes());
    let (length, rest) = rest.split_at_mut(4);
    let frame_id = length
        .iter()
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    let before = TIME_BYTES + 4 + frame_id;
    let padding = before.next_multiple_of(SEQUENCE_BYTES) - before;
    rest[frame_id + padding + SEQUENCE_BYTES + TIME_BYTES] = 1;
}

/// Writes a string of the server, with U+FFFD in place of NULs and of what is not UTF-8.
fn write_server_string(out: &mut Writer<'_>, value: &[u8]) {
    out.write_string(&text::decode_lossy(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_the_server_become_valid_ros_strings() {
        for text in [&b"a\xff"[..], b"a\0"] {
            let mut buffer = Vec::new();
            write_server_string(&mut Writer::begin(&mut buffer), text);
            assert_eq!(buffer[4..], [5, 0, 0, 0, b'a', 0xef, 0xbf, 0xbd, 0]);
        }
    }
}
