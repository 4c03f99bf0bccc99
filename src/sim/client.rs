//! One connection: handshake, reading, writing, ending.
//!
//! Incoming frames are parsed by tungstenite. Outgoing ones are written by [`Frame`]: tungstenite
//! copies every payload into a buffer of its own and moves the rest of it to the front after every
//! partial write, which costs more than all the rest of the server when a client reads slowly.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::frame::Frame;
use super::hub::Hub;
use super::report::LinkCounters;
use super::send_queue::{Close, Outgoing, SendQueue};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The WebSocket handshake.
    handshake: Duration,
    /// The answer to a close frame. Long, because a slow client that answers a ping on a closed socket
    /// would lose what it has not read yet, the close frame among it.
    close: Duration,
    /// Without anything being written to a connection that is to end.
    stall: Duration,
    /// Between two looks at the limits.
    watch: Duration,
    /// Between two pings; `None`: no pings.
    ping_interval: Option<Duration>,
}

impl Limits {
    pub(super) fn new(ping_interval: Option<Duration>) -> Self {
        const WATCH: Duration = Duration::from_millis(500);
        Self {
            handshake: Duration::from_secs(5),
            close: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            watch: WATCH.min(ping_interval.unwrap_or(WATCH)),
            ping_interval,
        }
    }
}

/// A ping that has no answer after so many intervals means that nobody is there.
const PING_PATIENCE: u32 = 3;

/// The biggest message a client may send; SENSR's clients send none.
const MAX_INCOMING_BYTES: usize = 64 << 10;

/// Serves one client until it leaves or is closed.
pub(super) async fn serve<S>(stream: S, peer: SocketAddr, hub: Arc<Hub>, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = tokio_tungstenite::accept_async(stream);
    let stream = match tokio::time::timeout(limits.handshake, handshake).await {
        // Nothing was read beyond the handshake: tungstenite refuses a client that does not wait.
        Ok(Ok(accepted)) => accepted.into_inner(),
        Ok(Err(error)) => return log::debug!("{} {peer}: no handshake: {error}", hub.name),
        Err(_) => return log::debug!("{} {peer}: no handshake in time", hub.name),
    };
    let membership = hub.join();
    log::info!("{} {peer}: connected", hub.name);
    let connection = Connection {
        queue: &membership.queue,
        counters: &hub.counters,
        pulse: Pulse::new(),
        limits,
    };
    let ended = connection.run(stream).await;
    log::info!("{} {peer}: {ended}", hub.name);
}

struct Connection<'a> {
    queue: &'a SendQueue,
    counters: &'a LinkCounters,
    pulse: Pulse,
    limits: Limits,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// A close frame was written.
    Closed(Close),
    /// The client sent a close frame.
    ByClient,
    /// The connection broke.
    Lost,
    /// Nothing can be written to it any more.
    Stalled,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) => write!(f, "closed with {} {}", close.code, close.reason),
            Self::ByClient => f.write_str("closed by the client"),
            Self::Lost => f.write_str("lost"),
            Self::Stalled => f.write_str("cut, since the client takes nothing any more"),
        }
    }
}

impl Connection<'_> {
    async fn run<S>(&self, stream: S) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (incoming, outgoing) = tokio::io::split(stream);
        let reading = self.read(incoming);
        let writing = self.write(outgoing);
        tokio::pin!(reading, writing);
        let both = async {
            tokio::select! {
                ended = &mut reading => {
                    if ended == Ended::ByClient {
                        self.queue.close_now(None, Close::REPLY);
                        self.within_close_limit(writing).await;
                    }
                    ended
                }
                ended = &mut writing => {
                    if matches!(ended, Ended::Closed(_)) {
                        self.within_close_limit(reading).await;
                    }
                    ended
                }
            }
        };
        tokio::select! {
            ended = both => ended,
            () = self.watch() => Ended::Stalled,
        }
    }

    /// Reads until the client closes or is gone.
    async fn read<S>(&self, incoming: ReadHalf<S>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // What tungstenite would answer by itself goes nowhere; the writer answers.
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
                Ok(other) => log::debug!("ignored: {} bytes from a client", other.len()),
                Err(error) => {
                    log::debug!("reading: {error}");
                    return Ended::Lost;
                }
            }
        }
        Ended::Lost
    }

    /// Writes what the queue gives until it gives a close frame.
    async fn write<S>(&self, mut stream: WriteHalf<S>) -> Ended
    where
        S: AsyncWrite + Unpin,
    {
        loop {
            let next = self.queue.next().await;
            let message_bytes = match &next {
                Outgoing::Message(message) => Some(message.len()),
                _ => None,
            };
            let last = match &next {
                Outgoing::Close(close) => Some(*close),
                _ => None,
            };
            let is_ping = next == Outgoing::Ping;
            let written = Frame::from(next).write(&mut stream, || self.pulse.wrote());
            if let Err(error) = written.await {
                log::debug!("writing: {error}");
                return Ended::Lost;
            }
            if let Some(bytes) = message_bytes {
                self.queue.written(bytes);
                self.counters.delivered.add(1);
                self.counters.delivered_bytes.add(bytes as u64);
            }
            if is_ping {
                self.pulse.pinged();
            }
            if let Some(close) = last {
                return Ended::Closed(close);
            }
        }
    }

    /// Waits for the other half to end too.
    async fn within_close_limit(&self, rest: impl Future<Output = Ended>) {
        // Nothing depends on how it ends.
        let _ = tokio::time::timeout(self.limits.close, rest).await;
    }

    /// Sends pings and keeps the time limits. Returns when the connection is to be cut.
    async fn watch(&self) {
        let mut last_ping = Instant::now();
        loop {
            tokio::time::sleep(self.limits.watch).await;
            if self.queue.is_closing() {
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

/// When what happened last.
#[derive(Debug)]
struct Pulse(Mutex<Times>);

#[derive(Debug)]
struct Times {
    wrote: Instant,
    /// When the oldest ping was written that nothing was heard after.
    unanswered: Option<Instant>,
}

impl Pulse {
    fn new() -> Self {
        Self(Mutex::new(Times {
            wrote: Instant::now(),
            unanswered: None,
        }))
    }

    fn wrote(&self) {
        self.times().wrote = Instant::now();
    }

    fn heard(&self) {
        self.times().unanswered = None;
    }

    fn pinged(&self) {
        self.times().unanswered.get_or_insert_with(Instant::now);
    }

    fn written_age(&self) -> Duration {
        self.times().wrote.elapsed()
    }

    fn unanswered_age(&self) -> Duration {
        self.times()
            .unanswered
            .map_or(Duration::ZERO, |at| at.elapsed())
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::SinkExt as _;
    use tokio::io::DuplexStream;
    use tokio::task::JoinHandle;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    fn patient() -> Limits {
        Limits {
            handshake: LONG,
            close: LONG,
            stall: LONG,
            watch: Duration::from_millis(5),
            ping_interval: None,
        }
    }

    /// Both ends of a connection that takes 1 kB until it is read.
    fn connect(hub: &Arc<Hub>, limits: Limits) -> (DuplexStream, JoinHandle<()>) {
        let (near, far) = tokio::io::duplex(1000);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let serving = serve(far, peer, Arc::clone(hub), limits);
        (near, tokio::spawn(serving))
    }

    async fn shake_hands(hub: &Hub, stream: DuplexStream) -> WebSocketStream<DuplexStream> {
        let shaken = tokio_tungstenite::client_async("ws://sensr/", stream).await;
        hub.occupied().await;
        shaken.expect("must be accepted").0
    }

    fn hub() -> Arc<Hub> {
        Arc::new(Hub::new("points", 1 << 20))
    }

    fn offer(hub: &Hub, bytes: usize) {
        hub.offer(|_| vec![0; bytes].into(), || None);
    }

    /// The serving task must end by itself before a long limit does it.
    async fn ends(serving: JoinHandle<()>) {
        let limited = tokio::time::timeout(LONG / 2, serving).await;
        limited.expect("must end").expect("must not panic");
    }

    #[tokio::test]
    async fn without_a_handshake_nobody_is_a_client() {
        let hub = hub();
        let limits = Limits {
            handshake: SHORT,
            ..patient()
        };
        let (_silent, serving) = connect(&hub, limits);
        ends(serving).await;
        assert_eq!(hub.counters.clients.get(), 0);
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_when_it_is_to_be_closed() {
        let hub = hub();
        let limits = Limits {
            stall: SHORT,
            ..patient()
        };
        let (stream, serving) = connect(&hub, limits);
        let _unread = shake_hands(&hub, stream).await;
        offer(&hub, 5000);
        tokio::time::sleep(SHORT * 5).await;
        assert_eq!(hub.connected(), 1, "slow is no reason");
        hub.close_after_all(Close::FINISHED);
        ends(serving).await;
        assert_eq!(hub.connected(), 0);
        assert_eq!(hub.counters.delivered.get(), 0, "only a part of it was");
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_to_the_end_gets_everything() {
        let hub = hub();
        let limits = Limits {
            stall: Duration::from_secs(1),
            ..patient()
        };
        let (stream, serving) = connect(&hub, limits);
        let mut slow = shake_hands(&hub, stream).await;
        for _ in 0..20 {
            offer(&hub, 900);
        }
        hub.close_after_all(Close::FINISHED);
        for _ in 0..20 {
            // In all longer than the limit, which begins anew whenever something was read.
            tokio::time::sleep(Duration::from_millis(70)).await;
            let message = slow.next().await.expect("open").expect("valid");
            assert_eq!(message.len(), 900);
        }
        let close = slow.next().await.expect("open").expect("valid");
        assert!(close.is_close());
        assert!(slow.next().await.is_none());
        ends(serving).await;
        assert_eq!(hub.counters.delivered.get(), 20);
    }

    #[tokio::test]
    async fn a_close_frame_without_an_answer_is_enough() {
        let hub = hub();
        let limits = Limits {
            close: SHORT,
            ..patient()
        };
        let (stream, serving) = connect(&hub, limits);
        let _unread = shake_hands(&hub, stream).await;
        hub.close_after_all(Close::FINISHED);
        ends(serving).await;
    }

    #[tokio::test]
    async fn too_big_a_message_from_a_client_ends_it() {
        let hub = hub();
        let (stream, serving) = connect(&hub, patient());
        let mut rude = shake_hands(&hub, stream).await;
        let big = Bytes::from(vec![0; MAX_INCOMING_BYTES + 1]);
        // Fails as soon as the other side is gone.
        let _ = rude.send(Message::Binary(big)).await;
        ends(serving).await;
    }
}
