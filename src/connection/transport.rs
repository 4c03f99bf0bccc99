//! Byte stream below the WebSocket: TCP, or TLS over TCP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::message_counter::MessageCounter;
use super::socket::Socket;
use super::tls::{CertificateSummary, TlsConnection};

/// Bytes that are read from the socket at a time under TLS. rustls itself asks for 4 KiB.
const TLS_READ_BYTES: usize = 128 << 10;
/// Bytes of a message that TLS may hold back: a part of a record (RFC 8446, section 5.2), whose rest is still to come.
const TLS_HELD_BYTES: usize = 32 << 10;

/// Connection to the server. Records the time of the last received byte.
#[derive(Debug)]
pub(super) struct Transport {
    stream: Stream,
    last_received: Instant,
    warning: Option<String>,
    /// `None` until the end of the handshake.
    messages: Option<MessageCounter>,
}

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<TlsSocket>>),
}

/// Socket below TLS.
pub(super) type TlsSocket = BufReader<Socket>;

/// Puts the read buffer of TLS before a socket.
pub(super) fn buffer_for_tls(socket: Socket) -> TlsSocket {
    BufReader::with_capacity(TLS_READ_BYTES, socket)
}

impl Transport {
    pub(super) fn plain(socket: Socket) -> Self {
        Self::new(Stream::Plain(socket))
    }

    pub(super) fn tls(connection: TlsConnection) -> Self {
        let TlsConnection { stream, warning } = connection;
        Self {
            warning,
            ..Self::new(Stream::Tls(Box::new(stream)))
        }
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            last_received: Instant::now(),
            warning: None,
            messages: None,
        }
    }

    /// Warning about the server's certificate, which was accepted nevertheless.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Certificate of the server. `None` without TLS.
    pub(super) fn certificate(&self) -> Option<CertificateSummary> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => {
                let presented = stream.get_ref().1.peer_certificates()?.first()?;
                CertificateSummary::parse(presented)
            }
        }
    }

    /// Starts counting messages, at the end of the handshake. `first` are the bytes of frames that have been read already.
    pub(super) fn start_frames(&mut self, first: &[u8]) {
        self.messages
            .insert(MessageCounter::default())
            .count_bytes(first);
    }

    /// Number of messages of which at least one byte was read from the socket.
    pub(super) fn started_messages(&self) -> u64 {
        self.messages.as_ref().map_or(0, MessageCounter::started)
    }

    /// Sets the number of bytes that the reader waits for, so that it is not woken for each piece of them.
    pub(super) fn expect_bytes(&mut self, count: usize) {
        let held = match self.stream {
            Stream::Plain(_) => 0,
            // Encrypted, the rest is more.
            Stream::Tls(_) => TLS_HELD_BYTES,
        };
        self.socket().expect_bytes(count.saturating_sub(held));
    }

    /// Makes any byte that has been received wake the reader.
    pub(super) fn expect_any(&mut self) {
        self.socket().expect_any();
    }

    fn socket(&mut self) -> &mut Socket {
        match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_mut().0.get_mut(),
        }
    }

    /// Time of the last received byte.
    pub(super) fn last_received(&self) -> Instant {
        self.last_received
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
            this.last_received = Instant::now();
            if let Some(messages) = &mut this.messages {
                messages.count_bytes(read);
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
