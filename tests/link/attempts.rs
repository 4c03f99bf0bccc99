//! Servers that are late, die, or are none.

use bytes::Bytes;
use futures::SinkExt as _;
use sensr_bridge::connection::status::LinkState;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PATIENCE, Rig, Server, options};

#[tokio::test]
async fn a_server_that_comes_late_is_found() {
    let port = Server::start().await.port(); // free again
    let rig = Rig::start(options(port));
    rig.until("some failures", |figures, _| {
        figures.failed_attempts >= 3 && figures.last_error.contains("cannot connect")
    })
    .await;
    let server = Server(
        TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("still free"),
    );
    server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
}

#[tokio::test]
async fn a_lost_server_is_found_again() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    for round in 1..4u64 {
        let mut socket = server.accept().await;
        socket
            .send(Message::Binary(Bytes::from_static(b"x")))
            .await
            .unwrap();
        rig.until("the data", |_, received| received.len() as u64 == round)
            .await;
        drop(socket); // no close frame
        rig.until("the loss", |figures, _| figures.disconnects == round)
            .await;
    }
}

#[tokio::test]
async fn something_that_is_no_websocket_server_is_named() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let (mut stream, _) = timeout(PATIENCE, server.0.accept())
        .await
        .expect("a client comes")
        .unwrap();
    stream
        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    rig.until("the error", |figures, _| {
        figures.last_error.contains("no WebSocket server")
    })
    .await;
}

#[tokio::test]
async fn one_that_hangs_up_instead_of_answering_is_asked_for_tls() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let (stream, _) = timeout(PATIENCE, server.0.accept())
        .await
        .expect("a client comes")
        .unwrap();
    drop(stream);
    rig.until("the error", |figures, _| {
        figures.last_error.contains("without an answer") || figures.last_error.contains("reset")
    })
    .await;
}

/// The whole attempt has a limit, whoever does not answer.
#[tokio::test]
async fn a_server_that_accepts_and_never_answers_is_given_up() {
    let silent = Server::start().await;
    let rig = Rig::start(options(silent.port()));
    rig.until("the end of the attempt", |figures, _| {
        figures.last_error == "connected, but no answer to the WebSocket handshake within 10 s"
    })
    .await;
    rig.until("the next attempt", |figures, _| {
        figures.failed_attempts >= 1 && figures.state == LinkState::Connecting
    })
    .await;
}
