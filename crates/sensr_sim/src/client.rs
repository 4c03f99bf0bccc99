//! One client connection: handshake, reading, writing, end.
//!
//! Incoming frames are parsed by tungstenite. Outgoing frames are written by [`Writer`]: tungstenite copies every payload
//! into a buffer of its own and moves the rest of it to the front after every partial write, which costs more than the
//! rest of the server when a client reads slowly.

mod pulse;
mod writer;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::counters::LinkCounters;
use super::door::Door;
use super::ending::{Close, Release};
use super::farewell::{drain, part};
use super::fault::{Blow, Strike};
use super::hub::Hub;
use super::send_queue::{Grip, SendQueue};
use pulse::Pulse;
use tokio_util::sync::CancellationToken;
use writer::Writer;

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Limit of the TLS handshake and of the WebSocket handshake.
    pub handshake: Duration,
    /// Wait for the answer to a close frame. Long, because a slow client that answers a ping on a closed socket would
    /// lose everything it has not read yet, including the close frame.
    pub close: Duration,
    /// Wait for the client to disconnect after an invalid frame.
    leave: Duration,
    /// Longest time without a write on a connection that is being closed.
    stall: Duration,
    /// Interval of checking the limits.
    watch: Duration,
    /// Interval of pings; `None` for no pings.
    ping_interval: Option<Duration>,
}

impl Limits {
    pub(super) fn new(ping_interval: Option<Duration>) -> Self {
        const WATCH: Duration = Duration::from_millis(500);
        Self {
            handshake: Duration::from_secs(5),
            close: Duration::from_secs(10),
            leave: Duration::from_secs(5),
            stall: Duration::from_secs(10),
            watch: WATCH.min(ping_interval.unwrap_or(WATCH)),
            ping_interval,
        }
    }
}

/// Number of ping intervals without an answer after which a client is closed.
const PING_PATIENCE: u32 = 3;

/// Longest message accepted from a client; SENSR's clients send none.
const MAX_INCOMING_BYTES: usize = 64 << 10;

/// Everything needed to serve the connections of one port.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub hub: Arc<Hub>,
    pub door: Arc<Door>,
    pub limits: Limits,
    /// Cancelled when the server is closing; ends active faults.
    pub closing: CancellationToken,
}

/// Serves one client until it disconnects or is closed.
pub(super) async fn serve<S>(stream: S, peer: SocketAddr, host: Host)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Host { hub, limits, .. } = &host;
    let handshake = tokio_tungstenite::accept_async(stream);
    let stream = match tokio::time::timeout(limits.handshake, handshake).await {
        // Nothing was read beyond the handshake: tungstenite refuses a client that sends frames before its end.
        Ok(Ok(accepted)) => accepted.into_inner(),
        Ok(Err(error)) => return log::debug!("{} {peer}: handshake failed: {error}", hub.name),
        Err(_) => return log::debug!("{} {peer}: handshake timed out", hub.name),
    };
    if !host.door.is_open() {
        return log::debug!(
            "{} {peer}: connected while the port was closed by a fault",
            hub.name
        );
    }
    let membership = hub.join();
    log::info!("{} {peer}: connected", hub.name);
    let connection = Connection {
        queue: &membership.queue,
        counters: &hub.counters,
        pulse: Pulse::new(),
        limits: *limits,
        closing: host.closing.clone(),
    };
    let ended = connection.run(stream).await;
    log::info!("{} {peer}: {ended}", hub.name);
}

struct Connection<'a> {
    queue: &'a SendQueue,
    counters: &'a LinkCounters,
    pulse: Pulse,
    limits: Limits,
    closing: CancellationToken,
}

/// End of the exchange on a connection.
#[derive(Debug)]
enum Ended {
    /// A close frame was written and answered in time.
    Closed(Close),
    /// A close frame was written and not answered.
    Unanswered(Close),
    /// The client sent a close frame.
    ByClient,
    /// The connection was lost.
    Lost,
    /// The client reads nothing while it is being closed.
    Stalled,
    /// A fault of the writer ended the connection.
    Struck(Strike),
    /// A fault disconnected the client without a close frame.
    Released(Release),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) | Self::Unanswered(close) => {
                write!(f, "closed with {} {}", close.code, close.reason)
            }
            Self::ByClient => f.write_str("closed by the client"),
            Self::Lost => f.write_str("lost"),
            Self::Stalled => f.write_str("cut because the client reads nothing"),
            Self::Struck(_) | Self::Released(_) => f.write_str("ended by a fault"),
        }
    }
}

impl Connection<'_> {
    async fn run<S>(&self, stream: S) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut incoming, mut outgoing) = tokio::io::split(stream);
        let ended = tokio::select! {
            ended = self.talk(&mut incoming, &mut outgoing) => ended,
            () = self.watch() => Ended::Stalled,
            release = self.queue.released() => Ended::Released(release),
        };
        self.finish(incoming, outgoing, &ended).await;
        ended
    }

    /// Reads and writes until one direction ends, then waits for the other.
    async fn talk<S>(&self, incoming: &mut ReadHalf<S>, outgoing: &mut WriteHalf<S>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let writer = Writer::new(
            outgoing,
            self.queue,
            self.counters,
            &self.pulse,
            self.closing.clone(),
        );
        let reading = self.read(incoming);
        let writing = writer.run();
        tokio::pin!(reading, writing);
        tokio::select! {
            ended = &mut reading => {
                if matches!(ended, Ended::ByClient) {
                    self.queue.close_now(None, Close::REPLY);
                    self.within_close_limit(writing).await;
                }
                ended
            }
            ended = &mut writing => match ended {
                Ended::Closed(close) if !self.within_close_limit(reading).await => {
                    Ended::Unanswered(close)
                }
                ended => ended,
            }
        }
    }

    /// Closes the socket so that a client that keeps reading gets everything that was written.
    async fn finish<S>(&self, mut incoming: ReadHalf<S>, outgoing: WriteHalf<S>, ended: &Ended)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.queue.abandon();
        match ended {
            Ended::Lost | Ended::Stalled | Ended::Unanswered(_) => return,
            // Neither side sends anything more.
            Ended::Closed(_) | Ended::ByClient => {
                return part(tokio::io::empty(), outgoing, self.limits.close).await;
            }
            Ended::Released(Release::HangUp) => {}
            Ended::Struck(strike) => {
                if !matches!(strike.blow, Blow::Cut) {
                    // The client is expected to disconnect first.
                    let _ = tokio::time::timeout(self.limits.leave, drain(&mut incoming)).await;
                }
            }
            Ended::Released(Release::HalfOpen(lasts)) => {
                let closing = self.closing.clone();
                tokio::select! {
                    () = drain(&mut incoming) => {}
                    () = tokio::time::sleep(*lasts) => {}
                    () = closing.cancelled() => {}
                }
            }
        }
        part(incoming, outgoing, self.limits.close).await;
    }

    /// Reads until the client sends a close frame or disconnects.
    async fn read<S>(&self, incoming: &mut ReadHalf<S>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // Automatic answers of tungstenite are discarded; the writer answers.
        let half = tokio::io::join(incoming, tokio::io::sink());
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .max_message_size(Some(MAX_INCOMING_BYTES))
            .max_frame_size(Some(MAX_INCOMING_BYTES));
        let mut incoming = WebSocketStream::from_raw_socket(half, Role::Server, Some(config)).await;
        while let Some(message) = incoming.next().await {
            self.pulse.heard();
            match message {
                Ok(Message::Ping(payload)) => self.queue.pong(payload),
                Ok(Message::Close(_)) => return Ended::ByClient,
                Ok(Message::Pong(_)) => {}
                Ok(other) => log::debug!("ignoring {} bytes from a client", other.len()),
                Err(error) => {
                    log::debug!("read failed: {error}");
                    return Ended::Lost;
                }
            }
        }
        Ended::Lost
    }

    /// Waits for the other direction; returns false if it does not end within the limit.
    async fn within_close_limit(&self, rest: impl Future<Output = Ended>) -> bool {
        tokio::time::timeout(self.limits.close, rest).await.is_ok()
    }

    /// Sends pings and checks the time limits. Returns when the connection has to be cut.
    async fn watch(&self) {
        let mut last_ping = Instant::now();
        loop {
            tokio::time::sleep(self.limits.watch).await;
            if self.queue.is_gripped(Grip::Stall) {
                // Whether the client would read is unknown during a stall.
                self.pulse.wrote();
            } else if self.queue.is_closing() {
                if self.pulse.written_age() > self.limits.stall {
                    return;
                }
            } else if let Some(interval) = self.limits.ping_interval {
                if self.pulse.unanswered_age() > interval * PING_PATIENCE {
                    self.queue.close_now(None, Close::PING_TIMEOUT);
                } else if last_ping.elapsed() >= interval {
                    last_ping = Instant::now();
                    self.queue.ping();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
