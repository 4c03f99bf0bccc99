//! Bytes of a server after the handshake.

use std::io::{self, Read, Write};

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::input::Input;
use super::{memory, points};

/// Buffers: read from the socket, of tungstenite, and to be sent.
const BUFFERS: usize = 384 << 10;

/// Bytes from a server (three bytes before them are choices).
///
/// Reading ends with an error or at the end of the bytes. It takes no more memory than its buffers and four times the
/// maximum message size, whatever length a header announces: a frame in the read buffer, the message that it is appended
/// to, which may be reallocated, and the previous message, which is still held. Complete messages are passed to the
/// property of the point stream.
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
    let peak =
        memory::peak_allocation_of(|| messages = read_messages(input, limit, piece.max(1).into()));
    assert!(
        peak <= BUFFERS + 4 * limit + 2 * sent,
        "{sent} bytes took {peak} bytes of memory"
    );
    for message in &messages {
        assert!(message.len() <= limit, "{} > {limit}", message.len());
    }
    let frames: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    points::run(&frames, choices & 0xf, choices & 0xf0);
}

/// Reads all complete binary messages.
fn read_messages(input: Input<'_>, limit: usize, piece: usize) -> Vec<Vec<u8>> {
    // As in the link.
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let stream = Server { input, piece };
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(payload)) => messages.push(payload.to_vec()),
            Ok(_) => {}
            Err(_) => return messages,
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
