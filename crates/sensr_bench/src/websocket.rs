//! The little of RFC 6455 that a measurement needs: handshake of the server, frame headers, pong.

use std::io::{self, Read};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// First byte of a binary message in one frame.
const BINARY_MESSAGE: u8 = 0x82;
const OPCODE_CLOSE: u8 = 8;
const OPCODE_PING: u8 = 9;
const PONG_FRAME: u8 = 0x8a;
const MASK_BYTES: usize = 4;
/// Longest request that is accepted, bytes.
const MAX_REQUEST_BYTES: usize = 16 << 10;

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    first_byte: u8,
    is_masked: bool,
    /// Length of the payload, bytes.
    pub length: usize,
}

impl FrameHeader {
    /// Reads a header.
    pub fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 2];
        input.read_exact(&mut head)?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut bytes = [0; 2];
                input.read_exact(&mut bytes)?;
                u64::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                input.read_exact(&mut bytes)?;
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        Ok(Self {
            first_byte: head[0],
            is_masked: head[1] & 0x80 != 0,
            length: usize::try_from(length).map_err(io::Error::other)?,
        })
    }

    /// Returns whether the frame is a whole binary message.
    #[must_use]
    pub fn is_binary_message(&self) -> bool {
        self.first_byte == BINARY_MESSAGE
    }

    fn opcode(&self) -> u8 {
        self.first_byte & 0x0f
    }
}

/// Appends the header of an unmasked binary message of `length` bytes.
pub fn write_frame_header(length: usize, out: &mut Vec<u8>) {
    out.push(BINARY_MESSAGE);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Answer of the server to what a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Frame to be sent.
    Pong(Vec<u8>),
    /// The client closes.
    Close,
}

/// Takes the first complete frame of a client out of `received`, and returns the answer to it, if it needs one. `None`
/// if no frame is complete.
pub fn take_client_frame(received: &mut Vec<u8>) -> Option<Option<Reply>> {
    let mut rest = received.as_slice();
    let header = FrameHeader::read(&mut rest).ok()?;
    let mask_bytes = if header.is_masked { MASK_BYTES } else { 0 };
    let (mask, rest) = rest.split_at_checked(mask_bytes)?;
    let payload = rest.get(..header.length)?;
    let reply = match header.opcode() {
        OPCODE_CLOSE => Some(Reply::Close),
        OPCODE_PING => {
            // A control frame has 125 bytes at most, so that the length takes one byte.
            let length = u8::try_from(header.length).unwrap_or(u8::MAX);
            let mut pong = vec![PONG_FRAME, length];
            let unmasked = payload.iter().enumerate().map(|(i, byte)| {
                byte ^ if header.is_masked {
                    mask[i % MASK_BYTES]
                } else {
                    0
                }
            });
            pong.extend(unmasked);
            Some(Reply::Pong(pong))
        }
        _ => None,
    };
    let taken = received.len() - rest.len() + header.length;
    received.drain(..taken);
    Some(reply)
}

/// Reads the request of a client and returns the response that accepts it.
pub fn read_request(input: &mut impl Read) -> io::Result<String> {
    let request = read_http_head(input)?;
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    });
    let key = key.ok_or_else(|| io::Error::other("the request has no Sec-WebSocket-Key"))?;
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    ))
}

/// Reads the head of an HTTP message byte by byte, so that nothing behind it is taken.
pub fn read_http_head(input: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_REQUEST_BYTES {
            return Err(io::Error::other("the HTTP head is too long"));
        }
        input.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_has_the_length_of_rfc_6455() {
        for (length, bytes) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut header = Vec::new();
            write_frame_header(length, &mut header);
            assert_eq!(header.len(), bytes);
            let read = FrameHeader::read(&mut header.as_slice()).unwrap();
            assert_eq!((read.length, read.is_masked), (length, false));
            assert!(read.is_binary_message());
        }
    }

    #[test]
    fn masked_ping_is_answered_with_its_payload() {
        let mut received = vec![0x89, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, 0x88];
        let reply = take_client_frame(&mut received);
        assert_eq!(reply, Some(Some(Reply::Pong(b"\x8a\x02ab".to_vec()))));
        assert_eq!(received, [0x88], "the next frame is left");
        assert_eq!(take_client_frame(&mut received), None);
        received.extend([0x80, 0, 0, 0, 0]);
        assert_eq!(take_client_frame(&mut received), Some(Some(Reply::Close)));
        assert_eq!(take_client_frame(&mut received), None);
    }

    #[test]
    fn pong_needs_no_answer() {
        let mut received = vec![0x8a, 0x80, 1, 2, 3, 4];
        assert_eq!(take_client_frame(&mut received), Some(None));
        assert!(received.is_empty());
    }

    #[test]
    fn handshake_is_accepted_as_in_rfc_6455() {
        let request = "GET / HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nrest";
        let mut input = request.as_bytes();
        let response = read_request(&mut input).unwrap();
        assert!(response.contains("Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert_eq!(input, b"rest");
        assert!(read_request(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).is_err());
    }
}
