//! The messages in the bytes of a connection, counted before anything reads them.
//!
//! A link that ends has messages that nobody read: one that came in part, and those behind what could not be read.
//! Messages that began less messages that were read are those.

/// Bytes of the longest header of a frame.
const MAX_HEADER: usize = 14;

/// Counts the messages that begin in a stream of WebSocket frames (RFC 6455, section 5.2).
#[derive(Debug, Default)]
pub struct MessageCount {
    header: [u8; MAX_HEADER],
    /// Bytes of the header so far.
    filled: usize,
    /// Bytes of the frame's payload that are still to come.
    payload: u64,
    begun: u64,
    /// The bytes are no stream of frames.
    is_lost: bool,
}

impl MessageCount {
    /// Text and binary messages of which at least a byte came.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Takes the bytes that follow those before.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first()
            && !self.is_lost
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
                self.begin(byte);
            }
            self.header[self.filled] = byte;
            self.filled += 1;
            if let Some(payload) = self.payload_length() {
                self.payload = payload;
                self.filled = 0;
            }
        }
    }

    fn begin(&mut self, first: u8) {
        let (reserved, opcode) = (first & 0x70, first & 0x0f);
        match opcode {
            _ if reserved != 0 => self.is_lost = true,
            1 | 2 => self.begun += 1,
            // A continuation, and close, ping, pong.
            0 | 8..=10 => {}
            _ => self.is_lost = true,
        }
    }

    /// The length in the header, if that is complete.
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

    /// Messages as a server writes them, with the place where each begins.
    fn written(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let mut socket =
            WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Server, None);
        let mut begins = Vec::new();
        for (number, &length) in lengths.iter().enumerate() {
            socket
                .send(Message::Ping(Bytes::from_static(b"?")))
                .expect("written");
            begins.push(socket.get_ref().get_ref().len());
            let message = if number % 3 == 0 {
                Message::text("x".repeat(length))
            } else {
                Message::Binary(vec![7; length].into())
            };
            socket.send(message).expect("written");
        }
        (socket.get_ref().get_ref().clone(), begins)
    }

    proptest! {
        #[test]
        fn each_message_counts_from_its_first_byte_on(
            lengths in proptest::collection::vec(prop_oneof![0usize..300, 65_000usize..66_000], 0..6),
            piece in 1usize..5000,
            end in 0.0f64..=1.0,
        ) {
            let (bytes, begins) = written(&lengths);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let end = (end * bytes.len() as f64) as usize;
            let mut count = MessageCount::default();
            for piece in bytes[..end].chunks(piece) {
                count.feed(piece);
            }
            let expected = begins.iter().filter(|&&begin| begin < end).count();
            prop_assert_eq!(count.begun(), expected as u64);
        }

        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut count = MessageCount::default();
            count.feed(&bytes);
            prop_assert!(count.begun() <= bytes.len() as u64);
        }
    }

    #[test]
    fn what_is_no_stream_of_frames_is_not_counted_on() {
        let mut count = MessageCount::default();
        count.feed(b"\x82\x00\x83\x00\x82\x00");
        assert_eq!(count.begun(), 1);
    }
}
