//! Bytes of a server after the handshake.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use sensr_bridge::connection::websocket::{Incoming, MAX_BUFFERS, MessageReader};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::input::Input;
use super::{memory, points};

/// Input buffer of the reader, and the granularity of its other buffers.
const BUFFERS: usize = 128 << 10;
/// Opcode of a close frame.
const CLOSE: u8 = 8;

/// Bytes from a server (three bytes before them are choices).
///
/// Reading ends with an error or at the end of the bytes, with the same messages as tungstenite reads. It takes no more
/// memory than its input buffer, the recycled buffers of messages and, while a message in fragments grows, its old and
/// its new buffer, whatever length a header announces. Complete messages are passed to the property of the point stream.
///
/// # Panics
///
/// If that does not hold.
pub fn websocket(data: &[u8]) {
    let mut input = Input(data);
    let [limit, choices, piece] = [input.byte(), input.byte(), input.byte()];
    let limit = match limit & 3 {
        0 => 64,
        1 => 1024,
        2 => 16 << 10,
        _ => 1 << 20,
    };
    let mut messages = Vec::new();
    let sent = input.0.len();
    let expected = read_by_tungstenite(Input(input.0), limit);
    let peak =
        memory::peak_allocation_of(|| messages = read_messages(input, limit, piece.max(1).into()));
    assert!(
        peak <= BUFFERS + (MAX_BUFFERS + 5) * limit + 2 * sent,
        "{sent} bytes took {peak} bytes of memory"
    );
    assert!(messages == expected, "tungstenite reads other messages");
    for message in &messages {
        assert!(message.len() <= limit, "{} > {limit}", message.len());
    }
    let frames: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    points::run(&frames, choices & 0xf, choices & 0xf0);
}

/// Reads all complete binary messages.
fn read_messages(input: Input<'_>, limit: usize, piece: usize) -> Vec<Vec<u8>> {
    let mut server = Server { input, piece };
    let mut reader = MessageReader::new(&[], limit);
    let mut cx = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    loop {
        match reader.next_incoming() {
            Ok(Some(Incoming::Binary(payload))) => messages.push(payload.to_vec()),
            Ok(Some(Incoming::Control(frame))) if frame[0] & 0xf == CLOSE => return messages,
            Ok(Some(_)) => {}
            Ok(None) => match reader.poll_read(&mut server, &mut cx) {
                Poll::Ready(Ok(1..)) => {}
                _ => return messages,
            },
            Err(_) => return messages,
        }
    }
}

/// Reads all complete binary messages by tungstenite.
fn read_by_tungstenite(input: Input<'_>, limit: usize) -> Vec<Vec<u8>> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let piece = usize::MAX;
    let mut socket =
        WebSocket::from_raw_socket(Server { input, piece }, Role::Client, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(payload)) => messages.push(payload.to_vec()),
            Ok(Message::Close(_)) | Err(_) => return messages,
            Ok(_) => {}
        }
    }
}

/// Server that sends in pieces and discards what it receives.
struct Server<'a> {
    input: Input<'a>,
    piece: usize,
}

impl Read for Server<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.input.take(self.piece.min(buffer.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

impl Write for Server<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Server<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let piece = this.input.take(this.piece.min(buf.remaining()));
        buf.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}
