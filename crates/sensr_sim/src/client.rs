//! One client connection: handshake, reading, writing, end.
//!
//! Incoming frames are parsed by tungstenite. Outgoing frames are written by [`Writer`]: tungstenite copies every payload
//! into a buffer of its own and moves the rest of it to the front after every partial write, which costs more than the
//! rest of the server when a client reads slowly.

mod activity;
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

use super::broadcast::Broadcast;
use super::close::{Close, Disconnect, discard_incoming, graceful_close};
use super::counters::LinkCounters;
use super::fault::{OneShotFault, PendingFault};
use super::port_state::PortState;
use super::send_queue::{OngoingFault, SendQueue};
use activity::Activity;
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
    check_interval: Duration,
    /// Interval of pings; `None` for no pings.
    ping_interval: Option<Duration>,
}

impl Limits {
    pub(super) fn new(ping_interval: Option<Duration>) -> Self {
        const CHECK_INTERVAL: Duration = Duration::from_millis(500);
        Self {
            handshake: Duration::from_secs(5),
            close: Duration::from_secs(10),
            leave: Duration::from_secs(5),
            stall: Duration::from_secs(10),
            check_interval: CHECK_INTERVAL.min(ping_interval.unwrap_or(CHECK_INTERVAL)),
            ping_interval,
        }
    }
}

/// Number of ping intervals without an answer after which a client is closed.
const MAX_UNANSWERED_INTERVALS: u32 = 3;

/// Longest message accepted from a client; SENSR's clients send none.
const MAX_INCOMING_BYTES: usize = 64 << 10;

/// Everything needed to serve the connections of one port.
#[derive(Debug, Clone)]
pub(super) struct ServeContext {
    pub broadcast: Arc<Broadcast>,
    pub port: Arc<PortState>,
    pub limits: Limits,
    /// Cancelled when the server is closing; ends active faults.
    pub closing: CancellationToken,
}

/// Serves one client until it disconnects or is closed.
pub(super) async fn serve_client<S>(stream: S, peer: SocketAddr, context: ServeContext)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ServeContext {
        broadcast, limits, ..
    } = &context;
    let handshake = tokio_tungstenite::accept_async(stream);
    let stream = match tokio::time::timeout(limits.handshake, handshake).await {
        // Nothing was read beyond the handshake: tungstenite refuses a client that sends frames before its end.
        Ok(Ok(accepted)) => accepted.into_inner(),
        Ok(Err(error)) => {
            return log::debug!("{} {peer}: handshake failed: {error}", broadcast.name);
        }
        Err(_) => return log::debug!("{} {peer}: handshake timed out", broadcast.name),
    };
    if !context.port.is_open() {
        return log::debug!(
            "{} {peer}: connected while the port was closed by a fault",
            broadcast.name
        );
    }
    let registration = broadcast.register_client();
    log::info!("{} {peer}: connected", broadcast.name);
    let connection = Connection {
        queue: &registration.queue,
        counters: &broadcast.counters,
        activity: Activity::new(),
        limits: *limits,
        closing: context.closing.clone(),
    };
    let ended = connection.run(stream).await;
    log::info!("{} {peer}: {ended}", broadcast.name);
}

struct Connection<'a> {
    queue: &'a SendQueue,
    counters: &'a LinkCounters,
    activity: Activity,
    limits: Limits,
    closing: CancellationToken,
}

/// End of the exchange on a connection.
#[derive(Debug)]
enum ConnectionEnd {
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
    Fault(PendingFault),
    /// A fault disconnected the client without a close frame.
    Disconnected(Disconnect),
}

impl fmt::Display for ConnectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) | Self::Unanswered(close) => {
                write!(f, "closed with {} {}", close.code, close.reason)
            }
            Self::ByClient => f.write_str("closed by the client"),
            Self::Lost => f.write_str("lost"),
            Self::Stalled => f.write_str("cut because the client reads nothing"),
            Self::Fault(_) | Self::Disconnected(_) => f.write_str("ended by a fault"),
        }
    }
}

impl Connection<'_> {
    /// Runs the connection to its end.
    async fn run<S>(&self, stream: S) -> ConnectionEnd
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut incoming, mut outgoing) = tokio::io::split(stream);
        let ended = tokio::select! {
            ended = self.exchange_messages(&mut incoming, &mut outgoing) => ended,
            () = self.enforce_limits() => ConnectionEnd::Stalled,
            disconnect = self.queue.wait_disconnect() => ConnectionEnd::Disconnected(disconnect),
        };
        self.finish_connection(incoming, outgoing, &ended).await;
        ended
    }

    /// Reads and writes until one direction ends, then waits for the other.
    async fn exchange_messages<S>(
        &self,
        incoming: &mut ReadHalf<S>,
        outgoing: &mut WriteHalf<S>,
    ) -> ConnectionEnd
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let writer = Writer::new(
            outgoing,
            self.queue,
            self.counters,
            &self.activity,
            self.closing.clone(),
        );
        let reading = self.read_frames(incoming);
        let writing = writer.run();
        tokio::pin!(reading, writing);
        tokio::select! {
            ended = &mut reading => {
                if matches!(ended, ConnectionEnd::ByClient) {
                    self.queue.close_now(None, Close::REPLY);
                    self.ends_within_limit(writing).await;
                }
                ended
            }
            ended = &mut writing => match ended {
                ConnectionEnd::Closed(close) if !self.ends_within_limit(reading).await => {
                    ConnectionEnd::Unanswered(close)
                }
                ended => ended,
            }
        }
    }

    /// Closes the socket so that a client that keeps reading gets everything that was written.
    async fn finish_connection<S>(
        &self,
        mut incoming: ReadHalf<S>,
        outgoing: WriteHalf<S>,
        ended: &ConnectionEnd,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.queue.stop_writing();
        match ended {
            ConnectionEnd::Lost | ConnectionEnd::Stalled | ConnectionEnd::Unanswered(_) => return,
            // Neither side sends anything more.
            ConnectionEnd::Closed(_) | ConnectionEnd::ByClient => {
                return graceful_close(tokio::io::empty(), outgoing, self.limits.close).await;
            }
            ConnectionEnd::Disconnected(Disconnect::Immediate) => {}
            ConnectionEnd::Fault(fault) => {
                if !matches!(fault.fault, OneShotFault::Cut) {
                    // The client is expected to disconnect first.
                    let _ =
                        tokio::time::timeout(self.limits.leave, discard_incoming(&mut incoming))
                            .await;
                }
            }
            ConnectionEnd::Disconnected(Disconnect::HalfOpen(duration)) => {
                let closing = self.closing.clone();
                tokio::select! {
                    () = discard_incoming(&mut incoming) => {}
                    () = tokio::time::sleep(*duration) => {}
                    () = closing.cancelled() => {}
                }
            }
        }
        graceful_close(incoming, outgoing, self.limits.close).await;
    }

    /// Reads until the client sends a close frame or disconnects.
    async fn read_frames<S>(&self, incoming: &mut ReadHalf<S>) -> ConnectionEnd
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
            self.activity.record_received();
            match message {
                Ok(Message::Ping(payload)) => self.queue.queue_pong(payload),
                Ok(Message::Close(_)) => return ConnectionEnd::ByClient,
                Ok(Message::Pong(_)) => {}
                Ok(other) => log::debug!("ignoring {} bytes from a client", other.len()),
                Err(error) => {
                    log::debug!("read failed: {error}");
                    return ConnectionEnd::Lost;
                }
            }
        }
        ConnectionEnd::Lost
    }

    /// Waits for the other direction; returns false if it does not end within the limit.
    async fn ends_within_limit(&self, rest: impl Future<Output = ConnectionEnd>) -> bool {
        tokio::time::timeout(self.limits.close, rest).await.is_ok()
    }

    /// Sends pings and checks the time limits. Returns when the connection has to be cut.
    async fn enforce_limits(&self) {
        let mut last_ping = Instant::now();
        loop {
            tokio::time::sleep(self.limits.check_interval).await;
            if self.queue.has_fault(OngoingFault::Stall) {
                // Whether the client would read is unknown during a stall.
                self.activity.record_write();
            } else if self.queue.is_closing() {
                if self.activity.time_since_write() > self.limits.stall {
                    return;
                }
            } else if let Some(interval) = self.limits.ping_interval {
                if self.activity.unanswered_ping_age() > interval * MAX_UNANSWERED_INTERVALS {
                    self.queue.close_now(None, Close::PING_TIMEOUT);
                } else if last_ping.elapsed() >= interval {
                    last_ping = Instant::now();
                    self.queue.queue_ping();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
