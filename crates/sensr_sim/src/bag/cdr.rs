//! `sensr_bridge/msg/WireFrame` out of CDR, as ROS 2 serializes it (XCDR version 1, OMG DDSI-RTPS 10).
//!
//! ```text
//! 0   00 00 big or 00 01 little endian, then two bytes of options
//! 4   int32 sec, uint32 nanosec, uint32 length + characters of frame_id with a final 0,
//!     uint8 link, uint64 sequence, uint32 length + bytes of data
//! ```
//!
//! A number begins at a multiple of its size, counted from byte 4.

/// Where frames come from and go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Points,
    Output,
}

/// A recorded frame; `data` is a part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireFrame<'a> {
    /// When it arrived, nanoseconds since 1970.
    pub stamp_ns: i64,
    pub link: Link,
    /// Its number among the frames of the link.
    pub sequence: u64,
    pub data: &'a [u8],
}

/// The message is no `WireFrame`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CdrError {
    #[error("byte {at}: {wanted} more were expected, there are {there}")]
    Short {
        at: usize,
        wanted: usize,
        there: usize,
    },
    #[error("the encapsulation {0:02x?} is neither big-endian nor little-endian CDR")]
    Encapsulation([u8; 2]),
    #[error("link {0} is neither 0 (points) nor 1 (output)")]
    Link(u8),
}

/// Bytes before the first field.
const HEADER_BYTES: usize = 4;

impl<'a> WireFrame<'a> {
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, CdrError> {
        let mut cursor = Cursor::new(message)?;
        let sec = i64::from(i32::from_ne_bytes(cursor.number()?));
        let nanosec = i64::from(u32::from_ne_bytes(cursor.number()?));
        let _frame_id = cursor.bytes()?;
        let link = match u8::from_ne_bytes(cursor.number()?) {
            0 => Link::Points,
            1 => Link::Output,
            other => return Err(CdrError::Link(other)),
        };
        Ok(Self {
            stamp_ns: sec * 1_000_000_000 + nanosec,
            link,
            sequence: u64::from_ne_bytes(cursor.number()?),
            data: cursor.bytes()?,
        })
    }
}

struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
    is_swapped: bool,
}

impl<'a> Cursor<'a> {
    fn new(message: &'a [u8]) -> Result<Self, CdrError> {
        let mut cursor = Self {
            message,
            at: 0,
            is_swapped: false,
        };
        let big = match *cursor.take(HEADER_BYTES)? {
            [0, 0, ..] => true,
            [0, 1, ..] => false,
            ref other => return Err(CdrError::Encapsulation([other[0], other[1]])),
        };
        cursor.is_swapped = big != cfg!(target_endian = "big");
        Ok(cursor)
    }

    fn take(&mut self, wanted: usize) -> Result<&'a [u8], CdrError> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let taken = rest.get(..wanted).ok_or(CdrError::Short {
            at: self.at,
            wanted,
            there: rest.len(),
        })?;
        self.at += wanted;
        Ok(taken)
    }

    /// The bytes of a number in this machine's order.
    fn number<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        let offset = self.at - HEADER_BYTES;
        self.at += offset.next_multiple_of(N) - offset;
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        if self.is_swapped {
            bytes.reverse();
        }
        Ok(bytes)
    }

    /// A string or a sequence of bytes.
    fn bytes(&mut self) -> Result<&'a [u8], CdrError> {
        let length = u32::from_ne_bytes(self.number()?);
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Order};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_read_byte_by_byte() {
        // Laid out by hand from the specification, with an empty frame_id.
        let message = [
            &[0, 1, 0, 0][..],
            &[0x15, 0xcd, 0x5b, 0x07], // sec
            &[0x40, 0xe2, 0x01, 0x00], // nanosec
            &[1, 0, 0, 0, 0],          // frame_id
            &[1],                      // link
            &[0, 0],                   // to a multiple of 8
            &[5, 0, 0, 0, 0, 0, 0, 0], // sequence
            &[3, 0, 0, 0, b'a', b'b', b'c'],
        ];
        let expected = WireFrame {
            stamp_ns: 123_456_789_000_123_456,
            link: Link::Output,
            sequence: 5,
            data: b"abc",
        };
        assert_eq!(WireFrame::decode(&message.concat()), Ok(expected));
    }

    #[test]
    fn what_is_no_frame_is_told() {
        let refused = |message: &[u8]| WireFrame::decode(message).expect_err("broken").to_string();
        assert!(refused(&[]).contains("byte 0"), "{}", refused(&[]));
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0];
        assert!(refused(&zstd).contains("[28, b5]"), "{}", refused(&zstd));
        let mut message = fixture::message(Order::Little, -1, 2, 0, b"");
        assert!(refused(&message).contains("link 2"));
        message.truncate(9);
        assert!(refused(&message).contains("byte 8"));
    }

    fn order() -> impl Strategy<Value = Order> {
        prop_oneof![Just(Order::Little), Just(Order::Big)]
    }

    proptest! {
        #[test]
        fn either_byte_order_is_read(
            order in order(), stamp_ns: i32, is_output: bool, sequence: u64, data: Vec<u8>,
        ) {
            let stamp_ns = i64::from(stamp_ns) * 999_999_999;
            let message = fixture::message(order, stamp_ns, u8::from(is_output), sequence, &data);
            let link = if is_output { Link::Output } else { Link::Points };
            let expected = WireFrame { stamp_ns, link, sequence, data: &data };
            prop_assert_eq!(WireFrame::decode(&message), Ok(expected));
            for length in 0..message.len() {
                prop_assert!(WireFrame::decode(&message[..length]).is_err());
            }
        }

        #[test]
        fn garbage_is_an_error_or_a_part_of_the_message(
            order in order(), garbage: Vec<u8>, with_header: bool,
        ) {
            let mut message = if with_header { order.header().to_vec() } else { Vec::new() };
            message.extend(garbage);
            if let Ok(frame) = WireFrame::decode(&message) {
                prop_assert!(message.ends_with(frame.data) || frame.data.len() < message.len());
            }
        }

        #[test]
        fn a_damaged_message_is_no_reason_to_panic(
            order in order(), at: prop::sample::Index, value: u8, data: Vec<u8>,
        ) {
            let mut message = fixture::message(order, 1, 0, 2, &data);
            let at = at.index(message.len());
            message[at] = value;
            let _ = WireFrame::decode(&message);
        }
    }
}
