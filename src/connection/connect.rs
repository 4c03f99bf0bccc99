//! Attempt to connect: name resolution, TCP, TLS and WebSocket handshake, with one timeout for all of them.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::error::LinkError;
use super::handshake::perform_handshake;
use super::socket::Socket;
use super::status::Endpoint;
use super::transport::Transport;
use super::websocket::WebSocket;

/// Timeout of an attempt: CA file, name resolution, TCP, TLS and WebSocket handshake together.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connection Attempt Delay of RFC 8305, section 8: the next address is tried this long after one that does not answer,
/// so that a name with a dead IPv6 address is still connected to.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of a name that are tried. A SENSR machine has fewer.
const MAX_ADDRESSES: usize = 8;

/// Progress of an attempt, which is kept when it fails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptTrace {
    /// Addresses of the name. Empty until it is resolved.
    pub addresses: Vec<SocketAddr>,
    /// Last step that succeeded. `None` if the first one failed.
    pub completed: Option<AttemptStep>,
}

/// Step of an attempt, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptStep {
    /// Reading of the CA file, with TLS.
    CaFile,
    /// Name resolution.
    Resolve,
    /// TCP connection.
    Connect,
    /// TLS handshake, with TLS.
    Tls,
    /// WebSocket handshake.
    WebSocket,
}

/// Makes one attempt to connect and records its steps. A message larger than `max_message_bytes` will end the connection.
pub(super) async fn connect(
    endpoint: &Endpoint,
    max_message_bytes: usize,
    trace: &mut AttemptTrace,
) -> Result<WebSocket, LinkError> {
    let Endpoint { address, port, tls } = endpoint;
    let deadline = Instant::now() + ATTEMPT_TIMEOUT;
    let trust = match tls {
        None => None,
        Some(tls) => {
            let timeout = "no answer from the file system that tls.ca_file is on";
            let trust = async { Ok(tls.load_trust_anchors().await?) };
            Some((tls, with_deadline(deadline, timeout, trust).await?))
        }
    };
    trace.completed = Some(AttemptStep::CaFile);
    let stream = open_connection(address, *port, deadline, trace).await?;
    // For pings, which are a few bytes that should leave at once. The link works without it too.
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("TCP_NODELAY: {error}");
    }
    let socket = Socket::new(stream);
    let transport = match trust {
        None => Transport::plain(socket),
        Some((tls, trust)) => {
            let secured = async { Ok(tls.connect(socket, address, trust).await?) };
            let timeout = "connected, but no answer to the TLS handshake";
            let secured = with_deadline(deadline, timeout, secured).await?;
            trace.completed = Some(AttemptStep::Tls);
            Transport::tls(secured)
        }
    };
    let websocket = async { Ok(perform_handshake(endpoint, transport, max_message_bytes).await?) };
    let timeout = "connected, but no answer to the WebSocket handshake";
    let websocket = with_deadline(deadline, timeout, websocket).await?;
    trace.completed = Some(AttemptStep::WebSocket);
    Ok(websocket)
}

/// Connects and closes again, to try name and port where the rest of an attempt is impossible.
pub(super) async fn try_port(
    endpoint: &Endpoint,
    trace: &mut AttemptTrace,
) -> Result<(), LinkError> {
    let deadline = Instant::now() + ATTEMPT_TIMEOUT;
    open_connection(&endpoint.address, endpoint.port, deadline, trace)
        .await
        .map(drop)
}

async fn open_connection(
    address: &str,
    port: u16,
    deadline: Instant,
    trace: &mut AttemptTrace,
) -> Result<TcpStream, LinkError> {
    let resolved = resolve_host(address, port);
    let addresses = with_deadline(deadline, "no answer from the name server", resolved).await?;
    trace.addresses.clone_from(&addresses);
    trace.completed = Some(AttemptStep::Resolve);
    let connected = connect_to_any(addresses);
    let stream = with_deadline(deadline, "no answer to the connection", connected).await?;
    trace.completed = Some(AttemptStep::Connect);
    Ok(stream)
}

/// Runs a step of an attempt until the deadline. `missing` describes the answer that did not arrive by then.
async fn with_deadline<T>(
    deadline: Instant,
    missing: &'static str,
    step: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let limit = ATTEMPT_TIMEOUT;
    timeout_at(deadline, step)
        .await
        .unwrap_or(Err(LinkError::Timeout { missing, limit }))
}

/// Resolves a name, again at every attempt, because the machine may have a new address.
async fn resolve_host(host: &str, port: u16) -> Result<Vec<SocketAddr>, LinkError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|source| LinkError::Resolve {
        host: host.to_owned(),
        source,
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Tries the addresses in order, each [`ATTEMPT_DELAY`] after the previous one or as soon as that has failed, and
/// returns the first connection.
async fn connect_to_any(addresses: Vec<SocketAddr>) -> Result<TcpStream, LinkError> {
    let mut untried = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut refusals = Vec::new();
    loop {
        if let Some(address) = untried.next() {
            attempts.push(async move { (address, TcpStream::connect(address).await) });
        } else if attempts.is_empty() {
            return Err(LinkError::Connect(refusals));
        }
        let may_start_another = untried.len() > 0;
        tokio::select! {
            Some(ended) = attempts.next() => match ended {
                (_, Ok(stream)) => return Ok(stream),
                (address, Err(error)) => refusals.push((address, error)),
            },
            () = sleep(ATTEMPT_DELAY), if may_start_another => {}
        }
    }
}
