//! `sensr_bridge/WireFrame`

use crate::encode::cdr::{Header, Writer};
use crate::time::stamp::Stamp;

/// `WireFrame.LINK_POINTS`
pub const LINK_POINTS: u8 = 0;
/// `WireFrame.LINK_OUTPUT`
pub const LINK_OUTPUT: u8 = 1;

/// Writes a `WireFrame`. `received` is on the clock of this machine.
pub fn wire_frame(buffer: &mut Vec<u8>, received: Stamp, link: u8, sequence: u64, frame: &[u8]) {
    let mut out = Writer::begin(buffer);
    out.header(Header {
        stamp: received,
        frame_id: "",
    });
    out.u8(link);
    out.u64(sequence);
    out.byte_sequence(frame);
}
