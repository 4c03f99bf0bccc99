//! Client side of a WebSocket connection after its handshake (RFC 6455).
//!
//! Messages are read into recycled buffers by a reader of our own: tungstenite copies and zero-fills each byte several
//! times and allocates each message. Control frames, their answers and the closing handshake are tungstenite's.

mod control_frames;
mod message_buffers;
mod message_reader;

use std::future::poll_fn;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::transport::Transport;
use control_frames::ControlFrames;
pub use message_buffers::MAX_BUFFERS;
pub use message_reader::{Incoming, MessageReader};

/// Message of the server. Pings and pongs are answered and not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Binary(Bytes),
    Text(Bytes),
    /// Close frame. `None` for one without a body.
    Close(Option<CloseFrame>),
}

/// WebSocket connection to a server.
#[derive(Debug)]
pub(super) struct WebSocket {
    transport: Transport,
    reader: MessageReader,
    control: ControlFrames,
}

impl WebSocket {
    /// Creates the connection after its handshake. `received` are the bytes of frames that have been read already. A
    /// message larger than `max_message_bytes` will end the connection.
    pub(super) fn new(transport: Transport, received: &[u8], max_message_bytes: usize) -> Self {
        Self {
            transport,
            reader: MessageReader::new(received, max_message_bytes),
            control: ControlFrames::new(),
        }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn into_transport(self) -> Transport {
        self.transport
    }

    /// Reads the next message. `None` at the end of a connection that was closed. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<Message, WsError>> {
        match poll_fn(|cx| self.poll_next(cx)).await {
            Err(WsError::ConnectionClosed) => None,
            result => Some(result),
        }
    }

    /// Reads the next message if it has been received already.
    ///
    /// After a process, or the machine, was suspended, its timers have expired before the bytes on its sockets are
    /// noticed. Only if there are none to read has nothing been received.
    pub(super) async fn next_if_received(&mut self) -> Option<Option<Result<Message, WsError>>> {
        self.transport.expect_any();
        // Lets the reactor poll the sockets.
        tokio::task::yield_now().await;
        let mut next = std::pin::pin!(self.next());
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => Some(message),
            Poll::Pending => None,
        }
    }

    /// Sends a ping without waiting: bytes that the socket does not accept now are sent later. A server that reads
    /// nothing must not keep this side from reading.
    pub(super) fn send_ping(&mut self) -> Result<(), WsError> {
        self.control.ping()?;
        self.send_waiting()
    }

    /// Sends a close frame, again without waiting.
    pub(super) fn send_close(&mut self, frame: CloseFrame) -> Result<(), WsError> {
        self.control.close(frame)?;
        self.send_waiting()
    }

    /// Sends what waits, such as the answer to the server's close frame, as far as the socket accepts it now.
    pub(super) fn send_waiting(&mut self) -> Result<(), WsError> {
        // The waker is registered by the next read.
        let mut context = Context::from_waker(Waker::noop());
        match self.control.poll_send(&mut self.transport, &mut context) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, WsError>> {
        loop {
            if let Poll::Ready(Err(error)) = self.control.poll_send(&mut self.transport, cx) {
                return Poll::Ready(Err(self.control.end_of(error)));
            }
            match self.reader.next_incoming()? {
                Some(_) if self.control.is_closed_by_server() => {
                    let error = ProtocolError::ReceivedAfterClosing;
                    return Poll::Ready(Err(WsError::Protocol(error)));
                }
                Some(Incoming::Binary(payload)) => {
                    return Poll::Ready(Ok(Message::Binary(payload)));
                }
                Some(Incoming::Text(payload)) => return Poll::Ready(Ok(Message::Text(payload))),
                Some(Incoming::Control(frame)) => {
                    if let Some(close) = self.control.handle_frame(&frame)? {
                        return Poll::Ready(Ok(close));
                    }
                    continue;
                }
                None => {}
            }
            self.transport.expect_bytes(self.reader.missing_bytes());
            let count = ready!(self.reader.poll_read(&mut self.transport, cx));
            match count {
                Ok(0) => return Poll::Ready(Err(self.control.end_of_stream())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(self.control.end_of(WsError::Io(error)))),
            }
        }
    }
}
