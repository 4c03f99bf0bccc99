//! Client for tests. Every wait has a limit, and no test sleeps for a fixed time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use sensr_protocol::wire::CloudType;
use sensr_protocol::wire::proto::{OutputMessage, PointResult};
use sensr_sim::{Options, Report, Server};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than any wait on a busy machine.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let connecting = tokio_tungstenite::connect_async(format!("ws://{address}"));
        let connected = within_limit(connecting).await;
        let (socket, _) = connected.expect("the server must accept");
        Self { socket }
    }

    /// Returns the next message of any kind; `None` after the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = within_limit(self.socket.next()).await;
        next.transpose()
            .expect("the stream must be valid to its end")
    }

    /// Returns the next binary message; panics if there is none.
    pub(crate) async fn frame(&mut self) -> Bytes {
        loop {
            match self.next().await {
                Some(Message::Binary(frame)) => return frame,
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a binary message was expected, not {other:?}"),
            }
        }
    }

    pub(crate) async fn points(&mut self) -> PointResult {
        PointResult::decode(self.frame().await).expect("a PointResult")
    }

    pub(crate) async fn output(&mut self) -> OutputMessage {
        OutputMessage::decode(self.frame().await).expect("an OutputMessage")
    }

    /// Reads to the end; returns the binary messages and the close frame.
    pub(crate) async fn rest(&mut self) -> (Vec<Bytes>, CloseFrame) {
        let mut frames = Vec::new();
        let mut close = None;
        while let Some(message) = self.next().await {
            match message {
                Message::Binary(frame) => frames.push(frame),
                Message::Close(frame) => close = frame,
                _ => {}
            }
        }
        (
            frames,
            close.expect("a close frame must come before the end"),
        )
    }

    pub(crate) async fn send(&mut self, message: Message) {
        within_limit(self.socket.send(message))
            .await
            .expect("must be sent");
    }
}

/// Returns the result, or panics after [`WAIT_LIMIT`].
pub(crate) async fn within_limit<T>(future: impl Future<Output = T>) -> T {
    let limited = tokio::time::timeout(WAIT_LIMIT, future).await;
    limited.expect("must happen within the limit")
}

/// Polls the server's counts until `wanted` returns true.
pub(crate) async fn wait_until(server: &Server, wanted: impl Fn(&Report) -> bool) -> Report {
    let begin = Instant::now();
    loop {
        let report = server.report();
        if wanted(&report) {
            return report;
        }
        assert!(
            begin.elapsed() < WAIT_LIMIT,
            "condition never met: {report:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Returns options of a small scene with a high rate.
pub(crate) fn quick_scene() -> Options {
    Options {
        points: Some(500),
        rate_hz: 200.0,
        ..Options::ephemeral()
    }
}

pub(crate) async fn start(options: Options) -> Server {
    within_limit(Server::start(options))
        .await
        .expect("must start")
}

/// Returns the types of a message's clouds.
pub(crate) fn types(message: &PointResult) -> Vec<CloudType> {
    let clouds = message.points.iter();
    clouds
        .map(sensr_protocol::wire::PointCloud::r#type)
        .collect()
}

/// Returns points with intensity as bits, for exact comparison.
pub(crate) fn point_bits(points: &[u8], intensities: &[u8]) -> Vec<[u32; 4]> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
    let with = points.chunks_exact(12).zip(intensities.chunks_exact(4));
    with.map(|(p, i)| [word(&p[..4]), word(&p[4..8]), word(&p[8..]), word(i)])
        .collect()
}
