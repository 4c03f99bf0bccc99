//! Listener of one port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::client::{self, ServeContext};
use super::close::{discard_incoming, graceful_close};
use super::error::SimError;
use super::port_state::PortMode;
use tokio_util::sync::CancellationToken;

/// Pause after `accept` failed, for example because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Pause before binding the port is retried.
const REOPEN_PAUSE: Duration = Duration::from_millis(20);

/// Length of the queue of connections that are not accepted yet.
const BACKLOG: u32 = 1024;

/// Longest request that is read before it is rejected.
const MAX_REQUEST_BYTES: usize = 16 << 10;

const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Port that accepts clients of one stream.
pub(super) struct PortListener {
    pub address: SocketAddr,
    pub context: ServeContext,
    pub tls: Option<TlsAcceptor>,
}

/// Socket of the port. A closed port stays bound, so that no other process takes it: a bound socket that does not
/// listen refuses connections.
enum Socket {
    Listening(TcpListener),
    Closed(TcpSocket),
    /// Not bound; binding is retried.
    Unbound,
}

impl PortListener {
    /// Accepts clients until the server is closing, then waits for the last one to leave; `killing` aborts them.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        killing: CancellationToken,
    ) -> Result<(), SimError> {
        let mut connections = JoinSet::new();
        let mut socket = Socket::Listening(listener);
        let closing = self.context.closing.clone();
        loop {
            let mode = self.context.port.mode();
            socket = self.apply_mode(socket, mode);
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Some(ended) = connections.join_next() => ended.map_err(|error| task_error(&error))?,
                () = self.context.port.wait_mode_change(mode) => {}
                () = tokio::time::sleep(REOPEN_PAUSE), if matches!(socket, Socket::Unbound) => {}
                (stream, peer) = self.accept_connection(&socket) => {
                    let serving = accept_client(stream, peer, self.context.clone(), self.tls.clone(), mode);
                    connections.spawn(serving);
                }
            }
        }
        drop(socket);
        tokio::select! {
            biased;
            () = killing.cancelled() => {
                connections.shutdown().await;
                Ok(())
            }
            ended = join_all(&mut connections) => ended,
        }
    }

    /// Returns the socket in the state that `mode` requires.
    fn apply_mode(&self, socket: Socket, mode: PortMode) -> Socket {
        let is_closed = mode == PortMode::Closed;
        let was_unbound = matches!(socket, Socket::Unbound);
        let changed = match socket {
            Socket::Listening(listener) if is_closed => {
                drop(listener);
                bind_socket(self.address).map(Socket::Closed)
            }
            Socket::Unbound if is_closed => bind_socket(self.address).map(Socket::Closed),
            Socket::Closed(socket) if !is_closed => socket.listen(BACKLOG).map(Socket::Listening),
            Socket::Unbound => {
                let bound = bind_socket(self.address).and_then(|socket| socket.listen(BACKLOG));
                bound.map(Socket::Listening)
            }
            unchanged => return unchanged,
        };
        let socket = changed.unwrap_or_else(|error| {
            if !was_unbound {
                let name = self.context.broadcast.name;
                log::warn!(
                    "{name}: cannot listen on {} yet, retrying: {error}",
                    self.address
                );
            }
            Socket::Unbound
        });
        let is_listening = matches!(socket, Socket::Listening(_));
        self.context.port.set_listening(is_listening);
        socket
    }

    /// Waits for the next connection.
    async fn accept_connection(&self, socket: &Socket) -> (TcpStream, SocketAddr) {
        loop {
            match socket {
                Socket::Closed(_) | Socket::Unbound => std::future::pending().await,
                Socket::Listening(listener) => match listener.accept().await {
                    Ok(accepted) => return accepted,
                    Err(error) => {
                        let name = self.context.broadcast.name;
                        log::warn!("{name}: cannot accept a connection: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

fn bind_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Waits for the end of all connections.
async fn join_all(connections: &mut JoinSet<()>) -> Result<(), SimError> {
    while let Some(ended) = connections.join_next().await {
        ended.map_err(|error| task_error(&error))?;
    }
    Ok(())
}

fn task_error(error: &JoinError) -> SimError {
    SimError::Task {
        part: "serving a client",
        reason: error.to_string(),
    }
}

/// Serves, rejects or leaves unanswered one new connection, depending on the port's mode.
async fn accept_client(
    stream: TcpStream,
    peer: SocketAddr,
    context: ServeContext,
    tls: Option<TlsAcceptor>,
    mode: PortMode,
) {
    let name = context.broadcast.name;
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("{name} {peer}: {error}");
    }
    if mode == PortMode::Mute {
        return leave_unanswered(stream, context).await;
    }
    let Some(tls) = tls else {
        return serve_or_reject(stream, peer, context, mode).await;
    };
    match tokio::time::timeout(context.limits.handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_or_reject(stream, peer, context, mode).await,
        Ok(Err(error)) => log::warn!("{name} {peer}: TLS handshake failed: {error}"),
        Err(_) => log::warn!("{name} {peer}: TLS handshake failed: timed out"),
    }
}

async fn serve_or_reject<S>(stream: S, peer: SocketAddr, context: ServeContext, mode: PortMode)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if mode == PortMode::Reject {
        reject_client(stream, context).await;
    } else {
        client::serve_client(stream, peer, context).await;
    }
}

/// Answers nothing until the client leaves or the port is no longer mute.
async fn leave_unanswered(stream: TcpStream, context: ServeContext) {
    let (mut incoming, outgoing) = stream.into_split();
    tokio::select! {
        () = discard_incoming(&mut incoming) => {}
        () = context.port.wait_mode_change(PortMode::Mute) => {}
        () = context.closing.cancelled() => {}
    }
    graceful_close(incoming, outgoing, context.limits.close).await;
}

/// Answers any request with 503.
async fn reject_client<S>(stream: S, context: ServeContext)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut incoming, mut outgoing) = tokio::io::split(stream);
    let answer = async {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && request.len() < MAX_REQUEST_BYTES {
            if incoming.read_buf(&mut request).await? == 0 {
                break;
            }
        }
        outgoing.write_all(UNAVAILABLE).await
    };
    match tokio::time::timeout(context.limits.handshake, answer).await {
        Ok(Ok(())) => graceful_close(incoming, outgoing, context.limits.close).await,
        Ok(Err(error)) => log::debug!(
            "{}: cannot answer with 503: {error}",
            context.broadcast.name
        ),
        Err(_) => log::debug!("{}: request timed out", context.broadcast.name),
    }
}
