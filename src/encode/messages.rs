//! SENSR's messages as serialized ROS messages, field by field as the `.msg` files have them.
//!
//! Each function writes one message into a buffer that is kept from message to message. Enum values pass
//! as they are, known or not. What the wire leaves out is 0, as protobuf has it.

mod events;
pub(in crate::encode) mod geometry;
mod health;
mod objects;
mod status;
mod wire;
mod zones;

pub use events::{losing_event, recalibration_event, zone_event};
pub use health::system_health;
pub use objects::{ObjectSet, object_array};
pub use status::server_status;
pub use wire::{LINK_OUTPUT, LINK_POINTS, wire_frame};
pub use zones::zone_array;

use crate::encode::cdr::{Header, Writer};
use crate::time::stamp::Stamp;

/// When and where a message of the output stream belongs.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The ROS header.
    pub header: Header<'a>,
    /// The server's own time of the message. 0 if it gave none that ROS can hold.
    pub server_stamp: Stamp,
}

impl Moment<'_> {
    fn write(&self, out: &mut Writer<'_>) {
        out.header(self.header);
        out.time(self.server_stamp);
    }

    /// The same with the sequence number of those that are counted between the header and the time.
    fn write_with(&self, out: &mut Writer<'_>, sequence: u64) {
        out.header(self.header);
        out.u64(sequence);
        out.time(self.server_stamp);
    }
}
