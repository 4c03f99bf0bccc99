//! Ends of links, by either side.

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{PATIENCE, Rig, Server, close_frame, options};

#[tokio::test]
async fn the_servers_reason_is_kept() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    let frame = CloseFrame {
        code: CloseCode::Error,
        reason: "Writing buffer is full".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    rig.until("the reason", |figures, _| {
        figures.last_error.contains("1011") && figures.last_error.contains("Writing buffer is full")
    })
    .await;
    let figures = rig.stop().await;
    assert!(
        figures.last_error.contains("data are lost"),
        "{}",
        figures.last_error
    );
    assert_eq!(figures.server_overflows, 1);
}

#[tokio::test]
async fn an_ordinary_goodbye_is_no_loss() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let frame = CloseFrame {
        code: CloseCode::Restart,
        reason: "".into(),
    };
    server.accept().await.close(Some(frame)).await.unwrap();
    rig.until("the reason", |figures, _| {
        figures.last_error == "closed by the server: code 1012, it restarts"
    })
    .await;
    assert_eq!(rig.stop().await.server_overflows, 0);
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.trigger.cancel();
    assert_eq!(close_frame(&mut socket).await.code, CloseCode::Away);
    rig.stop().await;
}

#[tokio::test]
async fn a_shutdown_ends_every_wait() {
    // In the pause, in the handshake with a server that never answers, and with one that never says
    // goodbye.
    let rig = Rig::in_a_long_pause().await;
    rig.stop().await;

    let silent = Server::start().await;
    let rig = Rig::start(options(silent.port()));
    let _held = timeout(PATIENCE, silent.0.accept())
        .await
        .expect("a client comes")
        .unwrap();
    rig.stop().await;

    let deaf = Server::start().await;
    let rig = Rig::start(options(deaf.port()));
    let _held = deaf.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.stop().await;
}
