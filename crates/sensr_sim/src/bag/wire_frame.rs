//! Decoding of `sensr_bridge/msg/WireFrame`.
//!
//! ```text
//! header    std_msgs/Header
//! link      uint8
//! sequence  uint64
//! data      uint8[]
//! ```

use ros_cdr::{ReadError, Reader};

/// Link that a frame was received on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Points,
    Output,
}

/// A recorded frame; `data` is borrowed from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireFrame<'a> {
    /// Time of arrival, nanoseconds since 1970.
    pub stamp_ns: i64,
    pub link: Link,
    /// Number of the frame among those of the link.
    pub sequence: u64,
    pub data: &'a [u8],
}

/// Message that is not a `WireFrame`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireFrameError {
    #[error(transparent)]
    Cdr(#[from] ReadError),
    #[error("link {0} is neither 0 (points) nor 1 (output)")]
    Link(u8),
}

impl<'a> WireFrame<'a> {
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, WireFrameError> {
        let mut reader = Reader::new(message)?;
        let stamp = reader.read_time()?;
        // As bytes: the frame_id is not used, so it need not be valid.
        let _frame_id = reader.read_byte_sequence()?;
        let link = match reader.read_u8()? {
            0 => Link::Points,
            1 => Link::Output,
            other => return Err(WireFrameError::Link(other)),
        };
        Ok(Self {
            stamp_ns: i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nanosec),
            link,
            sequence: reader.read_u64()?,
            data: reader.read_byte_sequence()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Order};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn message_laid_out_by_hand_is_decoded() {
        // Laid out by hand from the specification, with an empty frame_id.
        let message = [
            &[0, 1, 0, 0][..],
            &[0x15, 0xcd, 0x5b, 0x07], // sec
            &[0x40, 0xe2, 0x01, 0x00], // nanosec
            &[1, 0, 0, 0, 0],          // frame_id
            &[1],                      // link
            &[0, 0],                   // padding to a multiple of 8
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
    fn malformed_messages_are_refused_with_the_reason() {
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
        fn both_byte_orders_are_decoded(
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
        fn data_of_any_bytes_is_part_of_the_message(
            order in order(), garbage: Vec<u8>, with_header: bool,
        ) {
            let mut message = if with_header { order.header().to_vec() } else { Vec::new() };
            message.extend(garbage);
            if let Ok(frame) = WireFrame::decode(&message) {
                prop_assert!(message.ends_with(frame.data) || frame.data.len() < message.len());
            }
        }

        #[test]
        fn damaged_message_does_not_panic(
            order in order(), at: prop::sample::Index, value: u8, data: Vec<u8>,
        ) {
            let mut message = fixture::message(order, 1, 0, 2, &data);
            let at = at.index(message.len());
            message[at] = value;
            let _ = WireFrame::decode(&message);
        }
    }
}
