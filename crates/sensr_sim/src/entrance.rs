//! Listener of one port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::client::{self, Host};
use super::door::Mode;
use super::error::SimError;
use super::farewell::{drain, part};
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
pub(super) struct Entrance {
    pub address: SocketAddr,
    pub host: Host,
    pub tls: Option<TlsAcceptor>,
}

/// Socket of the port. A closed port stays bound, so that no other process takes it: a bound socket that does not
/// listen refuses connections.
enum Port {
    Listening(TcpListener),
    Shut(TcpSocket),
    /// Not bound; binding is retried.
    Lost,
}

impl Entrance {
    /// Accepts clients until the server is closing, then waits for the last one to leave; `killing` aborts them.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        killing: CancellationToken,
    ) -> Result<(), SimError> {
        let mut guests = JoinSet::new();
        let mut port = Port::Listening(listener);
        let closing = self.host.closing.clone();
        loop {
            let mode = self.host.door.mode();
            port = self.turned(port, mode);
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Some(ended) = guests.join_next() => ended.map_err(|error| failed(&error))?,
                () = self.host.door.leaves(mode) => {}
                () = tokio::time::sleep(REOPEN_PAUSE), if matches!(port, Port::Lost) => {}
                (stream, peer) = self.accept(&port) => {
                    let greeting = greet(stream, peer, self.host.clone(), self.tls.clone(), mode);
                    guests.spawn(greeting);
                }
            }
        }
        drop(port);
        tokio::select! {
            biased;
            () = killing.cancelled() => {
                guests.shutdown().await;
                Ok(())
            }
            ended = all_ended(&mut guests) => ended,
        }
    }

    /// Returns the socket in the state that `mode` requires.
    fn turned(&self, port: Port, mode: Mode) -> Port {
        let is_shut = mode == Mode::Shut;
        let was_lost = matches!(port, Port::Lost);
        let turned = match port {
            Port::Listening(listener) if is_shut => {
                drop(listener);
                bind(self.address).map(Port::Shut)
            }
            Port::Lost if is_shut => bind(self.address).map(Port::Shut),
            Port::Shut(socket) if !is_shut => socket.listen(BACKLOG).map(Port::Listening),
            Port::Lost => {
                let bound = bind(self.address).and_then(|socket| socket.listen(BACKLOG));
                bound.map(Port::Listening)
            }
            as_it_is => return as_it_is,
        };
        let port = turned.unwrap_or_else(|error| {
            if !was_lost {
                let name = self.host.hub.name;
                log::warn!(
                    "{name}: cannot listen on {} yet, retrying: {error}",
                    self.address
                );
            }
            Port::Lost
        });
        let is_listening = matches!(port, Port::Listening(_));
        self.host.door.set_listening(is_listening);
        port
    }

    /// Waits for the next connection.
    async fn accept(&self, port: &Port) -> (TcpStream, SocketAddr) {
        loop {
            match port {
                Port::Shut(_) | Port::Lost => std::future::pending().await,
                Port::Listening(listener) => match listener.accept().await {
                    Ok(accepted) => return accepted,
                    Err(error) => {
                        let name = self.host.hub.name;
                        log::warn!("{name}: cannot accept a connection: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn all_ended(guests: &mut JoinSet<()>) -> Result<(), SimError> {
    while let Some(ended) = guests.join_next().await {
        ended.map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn failed(error: &JoinError) -> SimError {
    SimError::Task {
        part: "serving a client",
        reason: error.to_string(),
    }
}

async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    host: Host,
    tls: Option<TlsAcceptor>,
    mode: Mode,
) {
    let name = host.hub.name;
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("{name} {peer}: {error}");
    }
    if mode == Mode::Mute {
        return ignore(stream, host).await;
    }
    let Some(tls) = tls else {
        return admit(stream, peer, host, mode).await;
    };
    match tokio::time::timeout(host.limits.handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => admit(stream, peer, host, mode).await,
        Ok(Err(error)) => log::warn!("{name} {peer}: TLS handshake failed: {error}"),
        Err(_) => log::warn!("{name} {peer}: TLS handshake failed: timed out"),
    }
}

async fn admit<S>(stream: S, peer: SocketAddr, host: Host, mode: Mode)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if mode == Mode::Reject {
        reject(stream, host).await;
    } else {
        client::serve(stream, peer, host).await;
    }
}

/// Answers nothing until the client leaves or the port is no longer mute.
async fn ignore(stream: TcpStream, host: Host) {
    let (mut incoming, outgoing) = stream.into_split();
    tokio::select! {
        () = drain(&mut incoming) => {}
        () = host.door.leaves(Mode::Mute) => {}
        () = host.closing.cancelled() => {}
    }
    part(incoming, outgoing, host.limits.close).await;
}

/// Answers any request with 503.
async fn reject<S>(stream: S, host: Host)
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
    match tokio::time::timeout(host.limits.handshake, answer).await {
        Ok(Ok(())) => part(incoming, outgoing, host.limits.close).await,
        Ok(Err(error)) => log::debug!("{}: cannot answer with 503: {error}", host.hub.name),
        Err(_) => log::debug!("{}: request timed out", host.hub.name),
    }
}
