//! Messages through a link.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use sensr_bridge::connection::reconnect::FrameHandler;
use sensr_bridge::time::stamp::Arrival;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Fixture, MAX_MESSAGE_BYTES, Server, TIMEOUT, options};

#[tokio::test]
async fn messages_of_all_sizes_arrive_whole() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let mut socket = server.accept().await;
    let sent: Vec<Bytes> = [0, 1, 125, 126, 65_535, 65_536, MAX_MESSAGE_BYTES]
        .map(|length| Bytes::from(vec![7u8; length]))
        .into();
    for payload in &sent {
        socket
            .send(Message::Ping(Bytes::from_static(b"?")))
            .await
            .unwrap();
        socket.send(Message::Binary(payload.clone())).await.unwrap();
    }
    fixture
        .wait_until("all messages", |_, received| received.len() == sent.len())
        .await;
    assert_eq!(*fixture.received.lock().expect("no panic"), sent);
    let figures = fixture.stop().await;
    assert_eq!(figures.frames, sent.len() as u64);
    assert_eq!(
        figures.bytes,
        sent.iter().map(|p| p.len() as u64).sum::<u64>()
    );
}

#[tokio::test]
async fn pings_are_answered() {
    let server = Server::start().await;
    let _fixture = Fixture::start(options(server.port()));
    let mut socket = server.accept().await;
    socket
        .send(Message::Ping(Bytes::from_static(b"alive?")))
        .await
        .unwrap();
    let answer = timeout(TIMEOUT, socket.next())
        .await
        .expect("an answer")
        .unwrap()
        .unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"alive?")));
}

#[tokio::test]
async fn text_message_is_counted_and_ignored() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let mut socket = server.accept().await;
    socket.send(Message::text("hello")).await.unwrap();
    socket
        .send(Message::Binary(Bytes::from_static(b"data")))
        .await
        .unwrap();
    fixture
        .wait_until("the data", |figures, received| {
            figures.text_frames == 1 && received.len() == 1
        })
        .await;
}

#[tokio::test]
async fn oversized_message_closes_with_message_too_big_and_reconnects() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let (mut sender, mut receiver) = server.accept().await.split();
    let flood = tokio::spawn(async move {
        // The client stops reading in the middle of it, so this may fail.
        let _ = sender
            .send(Message::Binary(vec![0; 8 * MAX_MESSAGE_BYTES].into()))
            .await;
    });
    let closed = async {
        while let Some(Ok(message)) = receiver.next().await {
            if let Message::Close(Some(frame)) = message {
                return Some(frame.code);
            }
        }
        None
    };
    let code = timeout(TIMEOUT, closed).await.expect("the link is closed");
    assert_eq!(code, Some(CloseCode::Size));
    flood.await.unwrap();
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    fixture
        .wait_until("data again", |_, received| received.len() == 1)
        .await;
    let figures = fixture.stop().await;
    assert_eq!(figures.oversized_frames, 1);
    assert!(
        figures.last_error.contains("max_message_bytes"),
        "{}",
        figures.last_error
    );
}

#[derive(Clone, Default)]
struct CallRecorder(Arc<Mutex<Vec<&'static str>>>);

impl FrameHandler for CallRecorder {
    fn handle_frame(&mut self, _payload: Bytes, _arrival: Arrival) {
        self.0.lock().expect("no panic").push("frame");
    }

    fn handle_connect(&mut self) {
        self.0.lock().expect("no panic").push("connect");
    }
}

#[tokio::test]
async fn handler_is_told_of_each_connection_before_its_first_frame() {
    let server = Server::start().await;
    let recorder = CallRecorder::default();
    let fixture = Fixture::start_with(options(server.port()), recorder.clone());
    for connection in 1..=2 {
        let mut socket = server.accept().await;
        socket
            .send(Message::Binary(Bytes::from_static(b"x")))
            .await
            .unwrap();
        fixture
            .wait_until("a frame", |figures, _| figures.frames == connection)
            .await;
    }
    fixture.stop().await;
    let calls = recorder.0.lock().expect("no panic").clone();
    assert_eq!(calls, ["connect", "frame", "connect", "frame"]);
}
