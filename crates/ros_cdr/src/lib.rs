//! CDR, the serialization of ROS 2 messages: plain XCDR1 behind a four-byte encapsulation header.
//!
//! [`Writer`] writes little endian, as every ROS 2 middleware does by default; [`Reader`] reads both byte orders. A
//! message consists of its fields in the order of the `.msg`:
//!
//! ```text
//! header             00 01 little endian or 00 00 big endian, then two bytes of options
//! bool, uint8        1 byte
//! intN, floatN       aligned to its size, counted from the end of the header; padding is 0
//! string             uint32 length including the final NUL, bytes, NUL
//! T[]                uint32 number of elements, elements
//! T[N], nested .msg  their elements or fields, without a length
//! ```
//!
//! Source: OMG DDS-XTYPES 1.3, 7.4.1 and 7.6.2 (XCDR1), OMG DDSI-RTPS 2.5, 10 (encapsulation header).

mod reader;
mod types;
mod writer;

pub use reader::{ReadError, Reader};
pub use types::{Header, Time};
pub use writer::{SequenceLength, Writer};

/// Bytes of the encapsulation header. Alignment is counted from its end.
pub const ENCAPSULATION_BYTES: usize = 4;
