//! The bytes below the WebSocket: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection to the server. Remembers when a byte last came, and what the first one was.
#[derive(Debug)]
pub(super) struct Transport {
    stream: Stream,
    heard: Instant,
    answer: Answer,
}

/// How the server's answer begins. Outlives the connection, which is gone when the handshake has failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer(Arc<OnceLock<u8>>);

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Content types of TLS records that a server may begin with: an alert, or its part of a handshake (RFC 8446,
/// section 5.1). No HTTP answer begins with such a byte.
const TLS_RECORDS: [u8; 2] = [21, 22];

impl Transport {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self::new(Stream::Plain(stream))
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::new(Stream::Tls(Box::new(stream)))
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            heard: Instant::now(),
            answer: Answer::default(),
        }
    }

    pub(super) fn answer(&self) -> Answer {
        self.answer.clone()
    }

    /// When a byte last came.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }
}

impl Answer {
    /// Whether a server that was not spoken to in TLS answered in it.
    pub(super) fn is_tls(&self) -> bool {
        let first = self.0.get();
        first.is_some_and(|byte| TLS_RECORDS.contains(byte))
    }

    /// Whether there was none.
    pub(super) fn is_missing(&self) -> bool {
        self.0.get().is_none()
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
        if let Some(&first) = buf.filled().get(before) {
            this.answer.0.get_or_init(|| first);
            this.heard = Instant::now();
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
