//! Links that are reconfigured, reconnected or paused at run time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt as _;
use sensr_bridge::connection::reconnect::FrameHandler;
use sensr_bridge::connection::status::{Endpoint, LinkState};
use sensr_bridge::time::stamp::Arrival;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Fixture, Server, options, read_close_frame};

#[tokio::test]
async fn changed_address_reconnects_at_once_with_a_close_frame() {
    let (old, new) = (Server::start().await, Server::start().await);
    let fixture = Fixture::start(options(old.port()));
    let mut socket = old.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
    fixture.options.send_replace(options(new.port()));
    assert_eq!(read_close_frame(&mut socket).await.code, CloseCode::Normal);
    new.accept().await;
    fixture
        .wait_until("the new link", |figures, _| {
            figures.url.contains(&new.port().to_string())
        })
        .await;
}

#[tokio::test]
async fn changed_address_ends_a_long_backoff() {
    let fixture = Fixture::in_a_long_backoff().await;
    let server = Server::start().await;
    fixture.options.send_replace(options(server.port()));
    server.accept().await;
}

#[tokio::test]
async fn requested_reconnect_sends_a_close_frame() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let mut first = server.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
    fixture.change_options(|options| options.reconnect_generation += 1);
    assert_eq!(read_close_frame(&mut first).await.code, CloseCode::Normal);
    let _second = server.accept().await;
    fixture
        .wait_until("the new link", |figures, _| figures.connects == 2)
        .await;
    assert_eq!(fixture.stop().await.failed_attempts, 0);
}

#[tokio::test]
async fn requested_reconnect_ends_a_long_backoff() {
    let fixture = Fixture::in_a_long_backoff().await;
    fixture.change_options(|options| options.reconnect_generation += 1);
    fixture
        .wait_until("another attempt", |figures, _| figures.failed_attempts == 2)
        .await;
}

#[tokio::test]
async fn paused_link_sends_a_close_frame_and_resumes() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let mut socket = server.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
    fixture.change_options(|options| options.enabled = false);
    assert_eq!(read_close_frame(&mut socket).await.code, CloseCode::Normal);
    fixture
        .wait_until("the pause", |figures, _| figures.state == LinkState::Paused)
        .await;
    // A requested reconnect does not resume it.
    fixture.change_options(|options| options.reconnect_generation += 1);
    let connected = timeout(Duration::from_millis(50), server.0.accept()).await;
    assert!(connected.is_err(), "a paused link connected");
    assert_eq!(fixture.link.snapshot().state, LinkState::Paused);

    fixture.change_options(|options| options.enabled = true);
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    fixture
        .wait_until("data", |_, received| received.len() == 1)
        .await;
}

#[tokio::test]
async fn paused_link_stops_at_shutdown() {
    let server = Server::start().await;
    let mut paused = options(server.port());
    paused.enabled = false;
    let fixture = Fixture::start(paused);
    fixture
        .wait_until("the pause", |figures, _| figures.state == LinkState::Paused)
        .await;
    let figures = fixture.stop().await;
    assert_eq!((figures.connects, figures.failed_attempts), (0, 0));
}

/// Handler that records its calls.
#[derive(Debug, Default)]
struct CallRecorder(Arc<Mutex<Vec<String>>>);

impl FrameHandler for CallRecorder {
    fn handle_frame(&mut self, payload: Bytes, _: Arrival) {
        let text = String::from_utf8_lossy(&payload).into_owned();
        self.0.lock().expect("no panic").push(text);
    }

    fn handle_server(&mut self, server: &Endpoint) {
        let port = server.port.to_string();
        self.0.lock().expect("no panic").push(port);
    }
}

#[tokio::test]
async fn new_server_is_announced_before_its_frames_and_a_reconnect_is_not() {
    let servers = [Server::start().await, Server::start().await];
    let absent = Server::start().await.port(); // free again
    let recorder = CallRecorder::default();
    let calls = Arc::clone(&recorder.0);
    let fixture = Fixture::start_with(options(servers[0].port()), recorder);
    let mut expected = vec![servers[0].port().to_string()];
    for _ in 0..2 {
        let mut socket = servers[0].accept().await;
        socket
            .send(Message::Binary(Bytes::from_static(b"first")))
            .await
            .unwrap();
        expected.push("first".to_owned());
        fixture
            .wait_until("a frame", |_, _| *calls.lock().unwrap() == expected)
            .await;
        fixture.change_options(|options| options.reconnect_generation += 1);
    }
    // A server that does not answer is announced too.
    for port in [absent, servers[1].port()] {
        fixture.change_options(|options| options.endpoint.port = port);
        expected.push(port.to_string());
        fixture
            .wait_until("the server", |_, _| *calls.lock().unwrap() == expected)
            .await;
    }
    let _socket = servers[1].accept().await;
    fixture.change_options(|options| options.enabled = false);
    fixture
        .wait_until("the pause", |figures, _| figures.state == LinkState::Paused)
        .await;
    fixture.change_options(|options| options.endpoint.port = absent);
    expected.push(absent.to_string());
    fixture
        .wait_until("the server", |_, _| *calls.lock().unwrap() == expected)
        .await;
    assert_eq!(fixture.stop().await.last_error, "");
}
