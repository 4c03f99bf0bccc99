//! `sensr_bridge/WireFrame`

use crate::time::stamp::Stamp;
use ros_cdr::{Header, Writer};

/// `WireFrame.LINK_POINTS`
pub const LINK_POINTS: u8 = 0;
/// `WireFrame.LINK_OUTPUT`
pub const LINK_OUTPUT: u8 = 1;

/// Writes a `WireFrame`. `received` is the time of arrival on this machine's system clock.
pub fn wire_frame(buffer: &mut Vec<u8>, received: Stamp, link: u8, sequence: u64, frame: &[u8]) {
    let mut out = Writer::begin(buffer);
    out.write_header(Header {
        stamp: received.into(),
        frame_id: "",
    });
    out.write_u8(link);
    out.write_u64(sequence);
    out.write_byte_sequence(frame);
}
