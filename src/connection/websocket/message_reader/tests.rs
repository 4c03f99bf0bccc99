//! Tests of the reader with tungstenite as the oracle.

use super::*;
use crate::connection::websocket::control_frames::ControlFrames;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::task::Waker;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

const MAX_MESSAGE_BYTES: usize = 200_000;

/// Bytes of a server, which arrive in pieces.
struct Server {
    bytes: VecDeque<u8>,
    piece: usize,
}

impl Read for Server {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.min(buf.len());
        self.bytes.read(&mut buf[..count])
    }
}

impl Write for Server {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Server {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; buf.remaining()];
        let count = Read::read(self.get_mut(), &mut bytes)?;
        buf.put_slice(&bytes[..count]);
        Poll::Ready(Ok(()))
    }
}

/// Data messages of a connection and how it ended, in words.
type Outcome = (Vec<(bool, Vec<u8>)>, String);

const CLOSED: &str = "closed";
const TRUNCATED: &str = "WebSocket protocol error: Connection reset without closing handshake";

fn read_by_oracle(mut server: Server) -> Outcome {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let mut socket = WebSocket::from_raw_socket(&mut server, Role::Client, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(payload)) => messages.push((false, payload.to_vec())),
            Ok(Message::Text(text)) => messages.push((true, text.as_bytes().to_vec())),
            Ok(Message::Close(_)) => return (messages, CLOSED.to_owned()),
            Ok(_) => {}
            Err(error) => return (messages, error.to_string()),
        }
    }
}

fn read_by_reader(mut server: Server, received: &[u8]) -> Outcome {
    let mut reader = MessageReader::new(received, MAX_MESSAGE_BYTES);
    let mut control = ControlFrames::new();
    let mut messages = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match reader.next_incoming() {
            Ok(Some(Incoming::Binary(payload))) => messages.push((false, payload.to_vec())),
            Ok(Some(Incoming::Text(payload))) => messages.push((true, payload.to_vec())),
            Ok(Some(Incoming::Control(frame))) => match control.handle_frame(&frame) {
                Ok(None) => {}
                Ok(Some(_)) => return (messages, CLOSED.to_owned()),
                Err(error) => return (messages, error.to_string()),
            },
            Ok(None) => {
                let missing = reader.missing_bytes();
                let Poll::Ready(read) = reader.poll_read(&mut server, &mut cx) else {
                    panic!("the server is always ready");
                };
                let count = read.expect("no error");
                if count == 0 {
                    return (messages, control.end_of_stream().to_string());
                }
                assert!(missing > 0);
            }
            Err(error) => return (messages, error.to_string()),
        }
    }
}

/// Reads the same bytes by both, and compares.
fn compare(bytes: &[u8], piece: usize, received: usize) -> Outcome {
    let server = |bytes: &[u8], piece| Server {
        bytes: bytes.iter().copied().collect(),
        piece,
    };
    let (expected, expected_end) = read_by_oracle(server(bytes, 1 << 20));
    let (first, rest) = bytes.split_at(received.min(bytes.len()));
    let (messages, end) = read_by_reader(server(rest, piece), first);
    assert_eq!(messages, expected);
    // With the header of a frame that is not complete. The words about invalid text differ.
    let is_earlier = expected_end == TRUNCATED;
    let is_text_error = |end: &str| end.starts_with("UTF-8");

    assert!(
        end == expected_end || is_earlier || (is_text_error(&end) && is_text_error(&expected_end)),
        "{end}, expected: {expected_end}"
    );
    (messages, end)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![first];
    match length {
        0..126 => frame.push(u8::try_from(length).expect("short")),
        126..65_536 => {
            frame.push(126);
            frame.extend(u16::try_from(length).expect("short").to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// Valid frames, and now and then others.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        4 => 0usize..300,
        2 => 15_000usize..70_000,
        1 => MAX_MESSAGE_BYTES - 2..MAX_MESSAGE_BYTES + 2,
    ];
    let payload = (length, any::<u8>()).prop_map(|(length, byte)| vec![byte % 128; length]);
    let message = (vec(payload, 1..5), 1u8..3, any::<bool>()).prop_map(|(parts, opcode, pings)| {
        let last = parts.len() - 1;
        let mut bytes = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let is_final = if index == last { 0x80 } else { 0 };
            bytes.extend(frame(is_final | if index == 0 { opcode } else { 0 }, part));
            if pings {
                bytes.extend(frame(0x89, b"ping"));
            }
        }
        bytes
    });
    prop_oneof![
        12 => message,
        1 => vec(any::<u8>(), 0..100).prop_map(|text| frame(0x81, &text)),
        1 => vec(any::<u8>(), 0..130).prop_map(|body| frame(0x8a, &body)),
        1 => any::<u16>().prop_map(|code| frame(0x88, &code.to_be_bytes())),
        1 => vec(any::<u8>(), 1..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn messages_and_errors_are_those_of_tungstenite(
        parts in vec(frames(), 0..6),
        piece in prop_oneof![1usize..100, 1000usize..100_000],
        received in 0usize..500,
        cut in prop_oneof![3 => Just(1.0f64), 1 => 0.0f64..1.0],
    ) {
        let bytes = parts.concat();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let length = (bytes.len() as f64 * cut) as usize;
        compare(&bytes[..length], piece, received);
    }
}

/// One end for each rule, in the words of tungstenite.
#[test]
fn each_violation_is_the_error_of_tungstenite() {
    let long = frame(0x82, &vec![0; MAX_MESSAGE_BYTES + 1]);
    let halves = [frame(0x02, &vec![0; MAX_MESSAGE_BYTES]), frame(0x80, b"x")].concat();
    let cases: [(&[u8], &str); 11] = [
        (&frame(0xc2, b""), "Reserved bits are non-zero"),
        (&[0x82, 0x81, 1, 2, 3, 4, 5], "masked frame from server"),
        (&frame(0x80, b""), "Continue frame but nothing to continue"),
        (
            &[frame(0x02, b"a"), frame(0x82, b"b")].concat(),
            "while waiting for more fragments",
        ),
        (&frame(0x83, b""), "invalid opcode"),
        (&frame(0x09, b""), "Fragmented control frame"),
        (&frame(0x89, &[0; 126]), "Control frame too big"),
        (&frame(0x81, b"\xff"), "UTF-8"),
        (
            &[frame(0x01, b"\xed\xa0"), frame(0x80, b"x")].concat(),
            "UTF-8",
        ),
        (&long, "too long"),
        (&halves, "too long"),
    ];
    for (bytes, expected) in cases {
        let (messages, end) = compare(bytes, 1000, 0);
        assert!(messages.is_empty());
        assert!(
            end.to_lowercase().contains(&expected.to_lowercase()),
            "{end}, expected: {expected}"
        );
    }
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let bytes = [frame(0x01, b"\xea\xb0"), frame(0x80, b"\x80!")].concat();
    let (messages, _) = compare(&bytes, 1, 0);
    assert_eq!(messages, [(true, "가!".as_bytes().to_vec())]);
}

/// Reads all messages and returns the address of each.
fn addresses(bytes: &[u8], piece: usize) -> Vec<*const u8> {
    let mut reader = MessageReader::new(&[], MAX_MESSAGE_BYTES);
    let mut server = Server {
        bytes: bytes.iter().copied().collect(),
        piece,
    };
    let mut cx = Context::from_waker(Waker::noop());
    let mut addresses = Vec::new();
    loop {
        match reader.next_incoming().expect("valid") {
            Some(Incoming::Binary(payload)) => addresses.push(payload.as_ptr()),
            Some(_) => {}
            None => match reader.poll_read(&mut server, &mut cx) {
                Poll::Ready(Ok(1..)) => {}
                _ => return addresses,
            },
        }
    }
}

#[test]
fn released_messages_are_read_into_the_same_buffer_in_whole_and_in_fragments() {
    let whole = frame(0x82, &vec![1; 150_000]).repeat(4);
    let mut fragments = frame(0x02, &vec![1; 4_000]);
    for _ in 0..35 {
        fragments.extend(frame(0x00, &vec![2; 4_000]));
    }
    fragments.extend(frame(0x80, b"end"));
    for bytes in [whole, fragments.repeat(4)] {
        let addresses = addresses(&bytes, 10_000);
        assert_eq!(addresses.len(), 4);
        // The buffer of the first message in fragments had to grow; later ones know their length.
        assert!(
            addresses
                .iter()
                .skip(1)
                .all(|address| *address == addresses[1])
        );
    }
}

#[test]
fn missing_bytes_are_those_of_the_frame() {
    let mut reader = MessageReader::new(&frame(0x82, &[0; 1000])[..504], MAX_MESSAGE_BYTES);
    assert_eq!(reader.missing_bytes(), 1, "no header was parsed");
    assert_eq!(reader.next_incoming().expect("valid"), None);
    assert_eq!(reader.missing_bytes(), 500);
}
