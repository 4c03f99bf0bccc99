//! What a server sends after the handshake.

use std::io::{self, Read, Write};

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::input::Input;
use super::{memory, points};

/// What is read from the socket at a time, tungstenite's own, and what is to be sent.
const BUFFERS: usize = 384 << 10;

/// Bytes as they come from a server (three bytes before them are choices).
///
/// Reading ends with an error or the stream, and takes no more memory than its buffers and four times the
/// largest message allowed, whatever a header promises: a frame in the read buffer, the message that it is added
/// to, which may have to move to grow, and the message before, which is still held. Whole messages go the way of
/// the point stream, which has its own property.
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
    let taken = memory::taken_by(|| messages = read(input, limit, piece.max(1).into()));
    assert!(
        taken <= BUFFERS + 4 * limit + 2 * sent,
        "{sent} bytes took {taken} bytes of memory"
    );
    for message in &messages {
        assert!(message.len() <= limit, "{} > {limit}", message.len());
    }
    let frames: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    points::run(&frames, choices & 0xf, choices & 0xf0);
}

/// The whole binary messages.
fn read(input: Input<'_>, limit: usize, piece: usize) -> Vec<Vec<u8>> {
    // As the link has it.
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

/// Sends in pieces, and listens to nobody.
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
