//! Attempts to connect: servers that start late, die, or are not WebSocket servers.

use bytes::Bytes;
use futures::SinkExt as _;
use sensr_bridge::connection::status::LinkState;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Fixture, Server, TIMEOUT, options};

#[tokio::test]
async fn server_that_starts_late_is_connected_to() {
    let port = Server::start().await.port(); // free again
    let fixture = Fixture::start(options(port));
    fixture
        .wait_until("some failures", |figures, _| {
            figures.failed_attempts >= 3 && figures.last_error.contains("cannot connect")
        })
        .await;
    let server = Server(
        TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("still free"),
    );
    server.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
}

#[tokio::test]
async fn lost_server_is_reconnected_to() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    for round in 1..4u64 {
        let mut socket = server.accept().await;
        socket
            .send(Message::Binary(Bytes::from_static(b"x")))
            .await
            .unwrap();
        fixture
            .wait_until("the data", |_, received| received.len() as u64 == round)
            .await;
        drop(socket); // no close frame
        fixture
            .wait_until("the loss", |figures, _| figures.disconnects == round)
            .await;
    }
}

#[tokio::test]
async fn server_without_websocket_is_reported() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let (mut stream, _) = timeout(TIMEOUT, server.0.accept())
        .await
        .expect("a client connects")
        .unwrap();
    stream
        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    fixture
        .wait_until("the error", |figures, _| {
            figures.last_error.contains("no WebSocket server")
        })
        .await;
}

#[tokio::test]
async fn server_that_closes_instead_of_answering_is_reported() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let (stream, _) = timeout(TIMEOUT, server.0.accept())
        .await
        .expect("a client connects")
        .unwrap();
    drop(stream);
    fixture
        .wait_until("the error", |figures, _| {
            figures.last_error.contains("without an answer") || figures.last_error.contains("reset")
        })
        .await;
}

/// The whole attempt has one timeout.
#[tokio::test]
async fn server_that_accepts_and_never_answers_times_out() {
    let silent = Server::start().await;
    let fixture = Fixture::start(options(silent.port()));
    fixture
        .wait_until("the end of the attempt", |figures, _| {
            figures.last_error == "connected, but no answer to the WebSocket handshake within 10 s"
        })
        .await;
    fixture
        .wait_until("the next attempt", |figures, _| {
            figures.failed_attempts >= 1 && figures.state == LinkState::Connecting
        })
        .await;
}
