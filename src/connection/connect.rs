//! From a name to an established WebSocket: resolve, connect, TLS, handshake, all within one limit.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::error::LinkError;
use super::handshake::shake_hands;
use super::status::Endpoint;
use super::transport::Transport;

/// Name resolution, TCP, TLS and WebSocket handshake together may take this long.
const LIMIT: Duration = Duration::from_secs(10);
/// An address that does not answer gets this much of a start on the next one (RFC 8305, section 8): a name with a
/// dead IPv6 address must not cost the link.
const HEAD_START: Duration = Duration::from_millis(250);
/// A name with more addresses than this is no SENSR machine.
const MAX_ADDRESSES: usize = 8;

/// One attempt. A message over `max_message_bytes` will end the link.
pub(super) async fn connect(
    endpoint: &Endpoint,
    max_message_bytes: usize,
) -> Result<WebSocketStream<Transport>, LinkError> {
    let Endpoint { address, port, tls } = endpoint;
    let until = Instant::now() + LIMIT;
    let secured = match tls {
        None => None,
        Some(tls) => {
            let what = "no answer from the file system that tls.ca_file is on";
            let trust = async { Ok(tls.read_trust().await?) };
            Some((tls, within(until, what, trust).await?))
        }
    };
    let addresses = within(
        until,
        "no answer from the name server",
        resolve(address, *port),
    )
    .await?;
    let stream = within(until, "no answer to the connection", reach(addresses)).await?;
    // A ping is a few bytes that should leave at once. Without it the link works as well.
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("TCP_NODELAY: {error}");
    }
    let transport = match secured {
        None => Transport::plain(stream),
        Some((tls, trust)) => {
            let secured = async { Ok(tls.connect(stream, address, trust).await?) };
            let what = "connected, but no answer to the TLS handshake";
            Transport::tls(within(until, what, secured).await?)
        }
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes));
    let shaken = async { Ok(shake_hands(endpoint, transport, config).await?) };
    let what = "connected, but no answer to the WebSocket handshake";
    within(until, what, shaken).await
}

/// A step of an attempt. `waiting_for` says what has not come if its time is over.
async fn within<T>(
    until: Instant,
    waiting_for: &'static str,
    step: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let limit = LIMIT;
    timeout_at(until, step)
        .await
        .unwrap_or(Err(LinkError::Timeout { waiting_for, limit }))
}

/// Asks anew at every attempt: the machine may have got another address.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, LinkError> {
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

/// Tries all addresses in their order, each some time after the one before or as soon as that has failed, and
/// takes the first connection there is.
async fn reach(addresses: Vec<SocketAddr>) -> Result<TcpStream, LinkError> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut refusals = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(async move { (address, TcpStream::connect(address).await) });
        } else if attempts.is_empty() {
            return Err(LinkError::Connect(refusals));
        }
        let may_start_another = waiting.len() > 0;
        tokio::select! {
            Some(ended) = attempts.next() => match ended {
                (_, Ok(stream)) => return Ok(stream),
                (address, Err(error)) => refusals.push((address, error)),
            },
            () = sleep(HEAD_START), if may_start_another => {}
        }
    }
}
