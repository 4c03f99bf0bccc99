//! Control frames: pings and pongs, and the closing handshake.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, WebSocketContext,
};
use tokio_tungstenite::tungstenite::{self, Error as WsError};

use super::Message;

/// Bytes of frames that wait to be sent. A server that sends pings and reads no pongs gets the last pong only.
const MAX_WAITING_BYTES: usize = 4 << 10;

/// State of the control frames of a connection, kept by tungstenite, which gets whole frames and writes the answers.
#[derive(Debug)]
pub(super) struct ControlFrames {
    context: WebSocketContext,
    waiting: Vec<u8>,
    /// True if bytes were written that the transport may hold back.
    is_unflushed: bool,
    is_closed_by_server: bool,
}

impl ControlFrames {
    pub(super) fn new() -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(256)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_WAITING_BYTES);
        Self {
            context: WebSocketContext::new(Role::Client, Some(config)),
            waiting: Vec::new(),
            is_unflushed: false,
            is_closed_by_server: false,
        }
    }

    /// Returns whether the server's close frame has been handled.
    pub(super) fn is_closed_by_server(&self) -> bool {
        self.is_closed_by_server
    }

    /// Handles a control frame of the server. Returns it if it is a close frame.
    pub(super) fn handle_frame(&mut self, frame: &[u8]) -> Result<Option<Message>, WsError> {
        let message = self.exchange(frame, |context, exchange| context.read(exchange))?;
        self.is_unflushed = true;
        Ok(match message {
            tungstenite::Message::Close(frame) => {
                self.is_closed_by_server = true;
                Some(Message::Close(frame))
            }
            _ => None,
        })
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) -> Result<(), WsError> {
        self.write(tungstenite::Message::Ping(Bytes::new()))
    }

    /// Queues a close frame.
    pub(super) fn close(&mut self, frame: CloseFrame) -> Result<(), WsError> {
        self.write(tungstenite::Message::Close(Some(frame)))
    }

    fn write(&mut self, message: tungstenite::Message) -> Result<(), WsError> {
        self.is_unflushed = true;
        let written = self.exchange(&[], |context, exchange| context.write(exchange, message));
        match written {
            // It is written when there is room.
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            written => written,
        }
    }

    /// Writes what waits to the transport.
    pub(super) fn poll_send(
        &mut self,
        transport: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), WsError>> {
        if !self.is_unflushed {
            return Poll::Ready(Ok(()));
        }
        loop {
            match self.exchange(&[], |context, exchange| context.flush(exchange)) {
                Ok(()) | Err(WsError::ConnectionClosed) => {}
                Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            if self.waiting.is_empty() {
                break;
            }
            let count = ready!(Pin::new(&mut *transport).poll_write(cx, &self.waiting))?;
            if count == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.waiting.drain(..count);
        }
        ready!(Pin::new(transport).poll_flush(cx))?;
        self.is_unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Returns the error for an end of the stream.
    pub(super) fn end_of_stream(&self) -> WsError {
        if self.is_closed_by_server {
            WsError::ConnectionClosed
        } else {
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        }
    }

    /// Returns the error to report: a reset after the server's close frame is the end of a closed connection.
    pub(super) fn end_of(&self, error: WsError) -> WsError {
        if self.is_closed_by_server && is_reset(&error) {
            WsError::ConnectionClosed
        } else {
            error
        }
    }

    fn exchange<T>(
        &mut self,
        received: &[u8],
        action: impl FnOnce(&mut WebSocketContext, &mut Exchange<'_>) -> T,
    ) -> T {
        let mut exchange = Exchange {
            received,
            waiting: &mut self.waiting,
        };
        action(&mut self.context, &mut exchange)
    }
}

/// Returns whether the other side reset the connection.
fn is_reset(error: &WsError) -> bool {
    matches!(error, WsError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset)
}

/// Stream of tungstenite: reads one frame, writes to the bytes that wait.
struct Exchange<'a> {
    received: &'a [u8],
    waiting: &'a mut Vec<u8>,
}

impl Read for Exchange<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.received.read(buf)
    }
}

impl Write for Exchange<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.waiting.len() >= MAX_WAITING_BYTES {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.waiting.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
