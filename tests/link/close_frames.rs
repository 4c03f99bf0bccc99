//! Close frames of either side.

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Fixture, Server, TIMEOUT, options, read_close_frame};

#[tokio::test]
async fn close_reason_of_the_server_is_reported() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let mut socket = server.accept().await;
    let frame = CloseFrame {
        code: CloseCode::Error,
        reason: "Writing buffer is full".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    fixture
        .wait_until("the reason", |figures, _| {
            figures.last_error.contains("1011")
                && figures.last_error.contains("Writing buffer is full")
        })
        .await;
    let figures = fixture.stop().await;
    assert!(
        figures.last_error.contains("dropped data"),
        "{}",
        figures.last_error
    );
    assert_eq!(figures.server_overflows, 1);
}

#[tokio::test]
async fn ordinary_close_frame_is_not_a_loss() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let frame = CloseFrame {
        code: CloseCode::Restart,
        reason: "".into(),
    };
    server.accept().await.close(Some(frame)).await.unwrap();
    fixture
        .wait_until("the reason", |figures, _| {
            figures.last_error == "closed by the server: code 1012, service restart"
        })
        .await;
    assert_eq!(fixture.stop().await.server_overflows, 0);
}

#[tokio::test]
async fn shutdown_sends_going_away() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let mut socket = server.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
    fixture.trigger.cancel();
    assert_eq!(read_close_frame(&mut socket).await.code, CloseCode::Away);
    fixture.stop().await;
}

#[tokio::test]
async fn shutdown_ends_every_wait() {
    // The back-off delay, the handshake with a server that never answers, and the wait for a close frame that is never
    // sent.
    let fixture = Fixture::in_a_long_backoff().await;
    fixture.stop().await;

    let silent = Server::start().await;
    let fixture = Fixture::start(options(silent.port()));
    let _held = timeout(TIMEOUT, silent.0.accept())
        .await
        .expect("a client connects")
        .unwrap();
    fixture.stop().await;

    let deaf = Server::start().await;
    let fixture = Fixture::start(options(deaf.port()));
    let _held = deaf.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
    fixture.stop().await;
}
