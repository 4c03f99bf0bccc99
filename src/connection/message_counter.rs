//! Count of the messages in the received bytes of a connection.
//!
//! A connection that ends may have messages that were never read: one that was received in part, and those after bytes
//! that could not be read. Their number is that of the started messages minus that of the messages read.

/// Bytes of the longest frame header.
const MAX_HEADER: usize = 14;

/// Counts the messages that begin in a stream of WebSocket frames (RFC 6455, section 5.2).
#[derive(Debug, Default)]
pub(super) struct MessageCounter {
    header: [u8; MAX_HEADER],
    /// Bytes of the header received so far.
    filled: usize,
    /// Bytes of the frame's payload that are still missing.
    payload: u64,
    started: u64,
    /// True if the bytes turned out not to be frames.
    is_invalid: bool,
}

impl MessageCounter {
    /// Number of text and binary messages of which at least one byte was received.
    pub(super) fn started(&self) -> u64 {
        self.started
    }

    /// Counts the messages that start in the next bytes.
    pub(super) fn count_bytes(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first()
            && !self.is_invalid
        {
            if self.payload > 0 {
                let skipped =
                    usize::try_from(self.payload).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.payload -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            bytes = rest;
            if self.filled == 0 {
                self.start_frame(byte);
            }
            self.header[self.filled] = byte;
            self.filled += 1;
            if let Some(payload) = self.payload_length() {
                self.payload = payload;
                self.filled = 0;
            }
        }
    }

    fn start_frame(&mut self, first: u8) {
        let (reserved, opcode) = (first & 0x70, first & 0x0f);
        match opcode {
            _ if reserved != 0 => self.is_invalid = true,
            1 | 2 => self.started += 1,
            // Continuation; close, ping, pong.
            0 | 8..=10 => {}
            _ => self.is_invalid = true,
        }
    }

    /// Length of the payload. `None` while the header is incomplete.
    fn payload_length(&self) -> Option<u64> {
        let header = &self.header[..self.filled];
        let &second = header.get(1)?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.filled < 2 + extended + mask {
            return None;
        }
        if extended == 0 {
            return Some(u64::from(second & 0x7f));
        }
        let bytes = header[2..2 + extended].iter();
        Some(bytes.fold(0, |length, &byte| length << 8 | u64::from(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
    use tokio_tungstenite::tungstenite::{Bytes, Message};

    /// Bytes of messages as a server writes them, with the offset at which each starts.
    fn write_messages(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let mut socket =
            WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Server, None);
        let mut starts = Vec::new();
        for (number, &length) in lengths.iter().enumerate() {
            socket
                .send(Message::Ping(Bytes::from_static(b"?")))
                .expect("written");
            starts.push(socket.get_ref().get_ref().len());
            let message = if number % 3 == 0 {
                Message::text("x".repeat(length))
            } else {
                Message::Binary(vec![7; length].into())
            };
            socket.send(message).expect("written");
        }
        (socket.get_ref().get_ref().clone(), starts)
    }

    proptest! {
        #[test]
        fn message_counts_from_its_first_byte(
            lengths in proptest::collection::vec(prop_oneof![0usize..300, 65_000usize..66_000], 0..6),
            piece in 1usize..5000,
            end in 0.0f64..=1.0,
        ) {
            let (bytes, starts) = write_messages(&lengths);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let end = (end * bytes.len() as f64) as usize;
            let mut counter = MessageCounter::default();
            for piece in bytes[..end].chunks(piece) {
                counter.count_bytes(piece);
            }
            let expected = starts.iter().filter(|&&start| start < end).count();
            prop_assert_eq!(counter.started(), expected as u64);
        }

        #[test]
        fn any_bytes_are_accepted(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut counter = MessageCounter::default();
            counter.count_bytes(&bytes);
            prop_assert!(counter.started() <= bytes.len() as u64);
        }
    }

    #[test]
    fn counting_stops_at_bytes_that_are_not_frames() {
        let mut counter = MessageCounter::default();
        counter.count_bytes(b"\x82\x00\x83\x00\x82\x00");
        assert_eq!(counter.started(), 1);
    }
}
