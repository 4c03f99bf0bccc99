//! The bytes below the WebSocket: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::message_count::MessageCount;
use super::tls::Secured;

/// A connection to the server. Remembers when a byte last came.
#[derive(Debug)]
pub(super) struct Transport {
    stream: Stream,
    heard: Instant,
    warning: Option<String>,
    /// From the end of the handshake on.
    messages: Option<MessageCount>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self::new(Stream::Plain(stream))
    }

    pub(super) fn tls(secured: Secured) -> Self {
        let Secured { stream, warning } = secured;
        Self {
            warning,
            ..Self::new(Stream::Tls(Box::new(stream)))
        }
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            heard: Instant::now(),
            warning: None,
            messages: None,
        }
    }

    /// A fault of the server's certificate that did not keep it from being accepted.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// From now on frames come. `first` are those bytes of them that have been read already.
    pub(super) fn begin_frames(&mut self, first: &[u8]) {
        self.messages.insert(MessageCount::default()).feed(first);
    }

    /// Messages of which at least a part was read from the socket.
    pub(super) fn messages_begun(&self) -> u64 {
        self.messages.as_ref().map_or(0, MessageCount::begun)
    }

    /// When a byte last came.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            this.heard = Instant::now();
            if let Some(messages) = &mut this.messages {
                messages.feed(read);
            }
        }
        result
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
