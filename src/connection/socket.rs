//! TCP connection that wakes its reader rarely while a large message arrives.
//!
//! A cloud of 2 MB takes 17 ms at 1 Gbit/s, in hundreds of pieces. A reader that is woken for each of them spends more
//! time on waking up and asking the kernel than on everything else. While many bytes of a message are still to come,
//! the low watermark of the socket (`SO_RCVLOWAT`, socket(7)) therefore lets the kernel collect. It does not delay
//! acknowledgements, as a pause in reading would: the kernel acknowledges at once while fewer bytes than the watermark
//! have arrived, enlarges the receive buffer accordingly, and wakes the reader before the window closes.

use std::io;
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that the kernel collects at most before it wakes the reader: a few milliseconds at 1 Gbit/s, and little enough
/// to be in the cache of the core when they are copied.
const MAX_WATERMARK: usize = 512 << 10;
/// Watermark that makes the kernel enlarge the receive buffer to twice its size, or as far as `net.ipv4.tcp_rmem` allows.
/// It holds what arrives while the reader is late: otherwise the server's buffer fills, and SENSR closes the link.
const BUFFER_WATERMARK: usize = 8 << 20;

/// TCP connection with a low watermark that follows the number of expected bytes.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// Bytes that will certainly arrive, at least.
    expected: usize,
    /// Present low watermark of the socket.
    watermark: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        let mut socket = Self {
            stream,
            expected: 1,
            watermark: 1,
        };
        // The buffer keeps its size afterwards. Memory is taken up by what waits in it only.
        socket.set_watermark(BUFFER_WATERMARK);
        socket.set_watermark(1);
        socket
    }

    /// Sets the number of bytes that the reader waits for. Only that many, or [`MAX_WATERMARK`], wake it.
    pub(super) fn expect_bytes(&mut self, count: usize) {
        self.expected = count;
    }

    /// Makes any byte that has been received wake the reader.
    pub(super) fn expect_any(&mut self) {
        self.expected = 1;
        self.update_watermark();
    }

    /// Sets the low watermark of the socket. The kernel wakes the reader at once if enough bytes have been received.
    fn update_watermark(&mut self) {
        let watermark = self.expected.clamp(1, MAX_WATERMARK);
        if watermark != self.watermark {
            self.set_watermark(watermark);
        }
    }

    fn set_watermark(&mut self, watermark: usize) {
        self.watermark = watermark;
        let value = i32::try_from(watermark).expect("watermarks are some MiB");
        let (level, option) = (uapi::c::SOL_SOCKET, uapi::c::SO_RCVLOWAT);
        // The link works without it too, with more wake-ups.
        if let Err(error) = uapi::setsockopt(self.stream.as_raw_fd(), level, option, &value) {
            log::debug!("SO_RCVLOWAT: {error}");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if result.is_pending() {
            this.update_watermark();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
