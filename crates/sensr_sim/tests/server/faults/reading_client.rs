//! Client that always reconnects and counts everything it receives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use prost::Message as _;
use sensr_protocol::wire::proto::{OutputMessage, PointResult};
use sensr_protocol::wire::{CloudType, PointCloud};
use sensr_sim::{CloudCounts, LinkReport, OutputCounts};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::within_limit;

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(crate) type Socket = WebSocketStream<Box<dyn Stream>>;

/// Counts of everything received over one link.
#[derive(Debug, Default)]
pub(crate) struct ReceivedCounts {
    pub connections: u64,
    /// Attempts without a TCP connection.
    pub refused: u64,
    /// Attempts answered with 503.
    pub unavailable: u64,
    /// Attempts without an answer.
    pub unanswered: u64,
    /// Whole binary messages.
    pub binary: u64,
    pub binary_bytes: u64,
    /// Binary messages that do not decode.
    pub undecodable: u64,
    pub text: u64,
    pub pings: u64,
    /// Messages that were too large to be received.
    pub oversized: u64,
    pub clouds: CloudCounts,
    pub empty_clouds: u64,
    pub non_finite_clouds: u64,
    pub contents: OutputCounts,
    /// Output messages without stream and event.
    pub bare: u64,
    /// Server time of each output message, nanoseconds.
    pub times_ns: Vec<i64>,
    /// Close codes of the connections that ended with a close frame.
    pub closes: Vec<u16>,
    /// Errors of the connections that ended otherwise.
    pub breaks: Vec<String>,
}

/// Handle of the client's task.
pub(crate) struct ReadingClient {
    stop: watch::Sender<bool>,
    received: Arc<AtomicU64>,
    task: JoinHandle<ReceivedCounts>,
}

impl ReadingClient {
    pub(crate) fn points(address: SocketAddr, tls: Option<TlsConnector>) -> Self {
        Self::start(address, tls, ReceivedCounts::record_points)
    }

    pub(crate) fn output(address: SocketAddr, tls: Option<TlsConnector>) -> Self {
        Self::start(address, tls, ReceivedCounts::record_output)
    }

    fn start(
        address: SocketAddr,
        tls: Option<TlsConnector>,
        record: fn(&mut ReceivedCounts, Bytes),
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let task = tokio::spawn(async move {
            let mut received = ReceivedCounts::default();
            while !*stopped.borrow() {
                match connect(address, tls.as_ref()).await {
                    Ok(socket) => {
                        received.connections += 1;
                        received.read(socket, record, &counter).await;
                    }
                    Err(error) => received.record_failed_attempt(&error),
                }
                tokio::time::sleep(PAUSE).await;
            }
            received
        });
        Self {
            stop,
            received,
            task,
        }
    }

    /// Waits for this number of further binary messages.
    pub(crate) async fn wait_for_messages(&self, count: u64) {
        let received = || self.received.load(Ordering::Relaxed);
        let wanted = received() + count;
        within_limit(async {
            while received() < wanted {
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
    }

    /// Ends the client after the server has stopped; returns its counts.
    pub(crate) async fn stop(self) -> ReceivedCounts {
        self.stop.send_replace(true);
        within_limit(self.task).await.expect("no panic")
    }
}

/// Connects with or without TLS.
pub(crate) async fn connect(
    address: SocketAddr,
    tls: Option<&TlsConnector>,
) -> Result<Socket, Error> {
    let tcp = TcpStream::connect(address).await?;
    let (scheme, stream): (_, Box<dyn Stream>) = match tls {
        None => ("ws", Box::new(tcp)),
        Some(tls) => {
            let name = ServerName::from(address.ip());
            ("wss", Box::new(tls.connect(name, tcp).await?))
        }
    };
    let url = format!("{scheme}://{address}");
    let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    Ok(socket)
}

impl ReceivedCounts {
    async fn read(
        &mut self,
        mut socket: Socket,
        record: fn(&mut Self, Bytes),
        received: &AtomicU64,
    ) {
        while let Some(message) = within_limit(socket.next()).await {
            match message {
                Ok(Message::Binary(data)) => {
                    self.binary += 1;
                    self.binary_bytes += data.len() as u64;
                    record(self, data);
                    received.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Message::Text(_)) => self.text += 1,
                Ok(Message::Ping(_)) => self.pings += 1,
                Ok(Message::Close(frame)) => {
                    self.closes.push(frame.map_or(0, |frame| frame.code.into()));
                }
                Ok(_) => {}
                Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                    self.oversized += 1;
                    return;
                }
                Err(error) => return self.breaks.push(error.to_string()),
            }
        }
    }

    fn record_failed_attempt(&mut self, error: &Error) {
        match error {
            Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                self.refused += 1;
            }
            Error::Http(response) if response.status() == 503 => self.unavailable += 1,
            _ => self.unanswered += 1,
        }
    }

    fn record_points(&mut self, data: Bytes) {
        let Ok(result) = PointResult::decode(data) else {
            self.undecodable += 1;
            return;
        };
        for cloud in &result.points {
            match cloud.r#type() {
                CloudType::Raw => self.clouds.raw += 1,
                CloudType::Ground => self.clouds.ground += 1,
                CloudType::Background => self.clouds.background += 1,
                CloudType::None => {}
            }
            self.empty_clouds += u64::from(cloud.points.is_empty());
            self.non_finite_clouds += u64::from(has_non_finite_points(cloud));
        }
    }

    fn record_output(&mut self, data: Bytes) {
        let Ok(message) = OutputMessage::decode(data) else {
            self.undecodable += 1;
            return;
        };
        let time = message.timestamp.unwrap_or_default();
        self.times_ns
            .push(time.seconds * 1_000_000_000 + i64::from(time.nanos));
        self.bare += u64::from(message.stream.is_none() && message.event.is_none());
        let counts = &mut self.contents;
        if let Some(stream) = message.stream {
            counts.streams += 1;
            counts.objects += stream.objects.len() as u64;
        }
        if let Some(event) = message.event {
            counts.zone_events += event.zone.len() as u64;
            counts.losing_events += event.losing.len() as u64;
            counts.health_events += u64::from(event.health.is_some());
            counts.recalibration_events += event.online_recalibration.len() as u64;
        }
    }

    /// Asserts that the client received exactly what the server counted, and that all other messages are counted as cut.
    pub(crate) fn assert_balanced(&self, link: &LinkReport, what: &str) {
        let counts = format!("{what}: {link:?} {self:?}");
        assert_eq!(self.binary, link.delivered + link.injected, "{counts}");
        assert_eq!(link.offered, link.delivered + link.cut, "{counts}");
        assert_eq!(self.text, link.injected_text, "{counts}");
        assert_eq!(self.oversized, link.oversized, "{counts}");
    }
}

fn has_non_finite_points(cloud: &PointCloud) -> bool {
    let words = cloud.points.chunks_exact(4);
    let mut floats = words.map(|word| f32::from_le_bytes(word.try_into().expect("4 bytes")));
    floats.any(|value| !value.is_finite())
}
