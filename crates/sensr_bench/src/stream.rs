//! Accepted WebSocket connection: sends frames, and answers the client in between.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::clock::now_ns;
use crate::pacing::limit_speed;
use crate::websocket::{Reply, read_request, take_client_frame};

/// Bytes read at once. Clients send pings and little else.
const READ_BYTES: usize = 4096;
const NS_PER_SECOND: i64 = 1_000_000_000;

enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Transport {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write_vectored(parts),
            Self::Tls(stream) => stream.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Options of accepted connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamOptions {
    /// TLS settings, if TLS is used.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Limit of the speed, Mbit/s.
    pub(crate) pace_mbit: Option<u32>,
}

/// Accepted WebSocket connection. One thread uses it: writes block, and the client is answered between them.
pub(crate) struct Stream {
    transport: Transport,
    received: Vec<u8>,
}

impl Stream {
    /// Accepts the handshakes of a client.
    pub(crate) fn accept(socket: TcpStream, options: &StreamOptions) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        if let Some(mbit) = options.pace_mbit {
            limit_speed(&socket, mbit)?;
        }
        let mut transport = match &options.tls {
            None => Transport::Plain(socket),
            Some(config) => {
                let connection =
                    ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Transport::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
        };
        let response = read_request(&mut transport)?;
        transport.write_all(response.as_bytes())?;
        transport.flush()?;
        Ok(Self {
            transport,
            received: Vec::new(),
        })
    }

    /// Sends the parts of a frame.
    pub(crate) fn send(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut rest = parts;
        while !rest.is_empty() {
            match self.transport.write_vectored(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.transport.flush()
    }

    /// Answers the client until a time. Once at least, so that a sender that never waits answers too.
    ///
    /// The end of the connection is an error.
    pub(crate) fn answer_until(&mut self, due_ns: i64) -> io::Result<()> {
        loop {
            let left = (due_ns - now_ns()).max(0);
            let is_readable = self.wait_readable(left)?;
            if is_readable {
                self.answer()?;
            }
            if now_ns() >= due_ns {
                return Ok(());
            }
        }
    }

    fn wait_readable(&self, timeout_ns: i64) -> io::Result<bool> {
        let timeout = Timespec {
            tv_sec: timeout_ns / NS_PER_SECOND,
            tv_nsec: timeout_ns % NS_PER_SECOND,
        };
        let socket = self.transport.socket().as_fd();
        let mut waiting = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        match poll(&mut waiting, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn answer(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ_BYTES];
        let read = self.transport.read(&mut buffer)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&buffer[..read]);
        while let Some(reply) = take_client_frame(&mut self.received) {
            match reply {
                Some(Reply::Pong(pong)) => {
                    self.transport.write_all(&pong)?;
                    self.transport.flush()?;
                }
                Some(Reply::Close) => return Err(ErrorKind::ConnectionAborted.into()),
                None => {}
            }
        }
        Ok(())
    }
}
