//! Links that are led elsewhere, made anew or paused while they run.

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

use crate::support::{Rig, Server, close_frame, options};

#[tokio::test]
async fn a_changed_address_is_followed_at_once_and_politely() {
    let (old, new) = (Server::start().await, Server::start().await);
    let rig = Rig::start(options(old.port()));
    let mut socket = old.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.options.send_replace(options(new.port()));
    assert_eq!(close_frame(&mut socket).await.code, CloseCode::Normal);
    new.accept().await;
    rig.until("the new link", |figures, _| {
        figures.url.contains(&new.port().to_string())
    })
    .await;
}

#[tokio::test]
async fn a_changed_address_ends_a_long_pause() {
    let rig = Rig::in_a_long_pause().await;
    let server = Server::start().await;
    rig.options.send_replace(options(server.port()));
    server.accept().await;
}

#[tokio::test]
async fn asked_to_reconnect_it_does_at_once_and_politely() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut first = server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.change(|options| options.reconnect_generation += 1);
    assert_eq!(close_frame(&mut first).await.code, CloseCode::Normal);
    let _second = server.accept().await;
    rig.until("the new link", |figures, _| figures.connects == 2)
        .await;
    assert_eq!(rig.stop().await.failed_attempts, 0);
}

#[tokio::test]
async fn asked_to_reconnect_it_does_not_sit_out_a_pause() {
    let rig = Rig::in_a_long_pause().await;
    rig.change(|options| options.reconnect_generation += 1);
    rig.until("another attempt", |figures, _| figures.failed_attempts == 2)
        .await;
}

#[tokio::test]
async fn a_paused_link_is_left_politely_and_resumed() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.change(|options| options.enabled = false);
    assert_eq!(close_frame(&mut socket).await.code, CloseCode::Normal);
    rig.until("the pause", |figures, _| figures.state == LinkState::Paused)
        .await;
    // Another request changes nothing about that.
    rig.change(|options| options.reconnect_generation += 1);
    let comes = timeout(Duration::from_millis(50), server.0.accept()).await;
    assert!(comes.is_err(), "a paused link came");
    assert_eq!(rig.link.snapshot().state, LinkState::Paused);

    rig.change(|options| options.enabled = true);
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    rig.until("data", |_, received| received.len() == 1).await;
}

#[tokio::test]
async fn a_paused_link_stops() {
    let server = Server::start().await;
    let mut paused = options(server.port());
    paused.enabled = false;
    let rig = Rig::start(paused);
    rig.until("the pause", |figures, _| figures.state == LinkState::Paused)
        .await;
    let figures = rig.stop().await;
    assert_eq!((figures.connects, figures.failed_attempts), (0, 0));
}

/// A call of a handler.
#[derive(Debug, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl FrameHandler for Told {
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
async fn another_server_is_announced_before_its_frames_even_while_paused_and_another_link_is_not() {
    let servers = [Server::start().await, Server::start().await];
    let absent = Server::start().await.port(); // free again
    let told = Told::default();
    let heard = Arc::clone(&told.0);
    let rig = Rig::start_with(options(servers[0].port()), told);
    let mut expected = vec![servers[0].port().to_string()];
    for _ in 0..2 {
        let mut socket = servers[0].accept().await;
        socket
            .send(Message::Binary(Bytes::from_static(b"first")))
            .await
            .unwrap();
        expected.push("first".to_owned());
        rig.until("a frame", |_, _| *heard.lock().unwrap() == expected)
            .await;
        rig.change(|options| options.reconnect_generation += 1);
    }
    // One that does not answer counts too.
    for port in [absent, servers[1].port()] {
        rig.change(|options| options.endpoint.port = port);
        expected.push(port.to_string());
        rig.until("the server", |_, _| *heard.lock().unwrap() == expected)
            .await;
    }
    let _socket = servers[1].accept().await;
    rig.change(|options| options.enabled = false);
    rig.until("the pause", |figures, _| figures.state == LinkState::Paused)
        .await;
    rig.change(|options| options.endpoint.port = absent);
    expected.push(absent.to_string());
    rig.until("the server", |_, _| *heard.lock().unwrap() == expected)
        .await;
    assert_eq!(rig.stop().await.last_error, "");
}
