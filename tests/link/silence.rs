//! Servers that vanish without a word, or stop sending.

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use sensr_bridge::connection::keepalive::KeepAliveTimeouts;
use sensr_bridge::connection::options::LinkOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Rig, Server, options};

const PING_INTERVAL: Duration = Duration::from_millis(50);

/// Times are limits from below only: a busy machine may take longer.
fn impatient(port: u16, stall_timeout: Duration) -> LinkOptions {
    LinkOptions {
        patience: KeepAliveTimeouts {
            stall_timeout,
            ping_interval: PING_INTERVAL,
        },
        ..options(port)
    }
}

/// Answers pings, and does nothing else.
fn only_live(mut socket: WebSocketStream<TcpStream>) -> JoinHandle<()> {
    tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} })
}

#[tokio::test]
async fn a_dead_server_is_left_and_looked_for_again() {
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), Duration::from_millis(300)));
    // Nobody reads it, so no ping is answered.
    let _dead = server.accept().await;
    rig.until("the end of the link", |figures, _| figures.stalls == 1)
        .await;
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    rig.until("data", |_, received| received.len() == 1).await;
    let figures = rig.link.snapshot();
    assert!(
        figures.last_error.contains("connection dead"),
        "{figures:?}"
    );
}

#[tokio::test]
async fn a_server_is_asked_for_a_sign_of_life_and_one_that_gives_it_stays() {
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), Duration::from_secs(20)));
    let mut socket = server.accept().await;
    for _ in 0..3 {
        let message = socket.next().await.expect("open").expect("whole");
        assert!(message.is_ping(), "{message:?}");
    }
    assert_eq!(rig.stop().await.stalls, 0);
}

#[tokio::test]
async fn pongs_without_data_are_an_error_at_once_and_a_new_link_later() {
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), Duration::from_millis(400)));
    let live = only_live(server.accept().await);
    rig.until("the error", |figures, _| {
        figures.is_silent && figures.connects == 1
    })
    .await;
    rig.until("the end of the link", |figures, _| {
        figures.stalls == 1 && figures.last_error.contains("though the server is alive")
    })
    .await;
    // It was told, for it is alive.
    live.await.expect("no panic");
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    rig.until("data", |figures, received| {
        received.len() == 1 && !figures.is_silent
    })
    .await;
}

/// A silence costs one link. The next one is kept, single messages are no reason to give that up, and the end of
/// another stream is.
#[tokio::test]
async fn a_server_that_stays_silent_is_reconnected_to_once() {
    let stall_timeout = Duration::from_millis(200);
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), stall_timeout));
    only_live(server.accept().await);
    rig.until("the end of the link", |figures, _| figures.stalls == 1)
        .await;

    let (mut sender, receiver) = server.accept().await.split();
    let live = tokio::spawn(async move { receiver.for_each(|_| async {}).await });
    for event in 1..=4 {
        rig.until("the silence", |figures, _| figures.is_silent)
            .await;
        // Longer than the link before was kept.
        tokio::time::sleep(4 * stall_timeout).await;
        let message = Message::Binary(Bytes::from_static(b"event"));
        sender.send(message).await.expect("still connected");
        rig.until("the event", |_, received| received.len() == event)
            .await;
    }
    let figures = rig.link.snapshot();
    assert_eq!((figures.connects, figures.stalls), (2, 1), "{figures:?}");

    for _ in 0..10 {
        let message = Message::Binary(Bytes::from_static(b"stream"));
        sender.send(message).await.expect("still connected");
    }
    rig.until("the end of the link", |figures, _| figures.stalls == 2)
        .await;
    live.await.expect("no panic");
}

#[tokio::test]
async fn asked_to_reconnect_a_silence_may_cost_a_link_again() {
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), Duration::from_millis(100)));
    for stalls in 1..=2 {
        only_live(server.accept().await);
        rig.until("the end of the link", |figures, _| figures.stalls == stalls)
            .await;
        only_live(server.accept().await);
        rig.until("the new link", |figures, _| {
            figures.is_silent && figures.connects == 2 * stalls
        })
        .await;
        rig.change(|options| options.reconnect_generation += 1);
    }
}

#[tokio::test]
async fn a_message_that_takes_long_to_come_is_no_silence() {
    let stall_timeout = Duration::from_secs(3);
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), stall_timeout));
    let mut stream = server.accept().await.into_inner();
    // A binary message of 100 bytes, one by one: longer than the timeout in all.
    stream.write_all(&[0x82, 100]).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(stall_timeout / 60).await;
        stream.write_all(b"x").await.unwrap();
    }
    rig.until("the message", |_, received| received.len() == 1)
        .await;
    assert_eq!(rig.stop().await.stalls, 0);
}

/// A server that takes nothing must not keep us from reading what it sends.
#[tokio::test]
async fn pings_that_nobody_takes_do_not_hold_up_the_reading() {
    let server = Server::start().await;
    let mut options = impatient(server.port(), Duration::from_secs(20));
    options.patience.ping_interval = Duration::from_millis(1);
    let rig = Rig::start(options);
    // Its receiver is never read.
    let mut deaf = server.accept().await;
    for count in 1..=200 {
        deaf.send(Message::Binary(Bytes::from_static(b"x")))
            .await
            .unwrap();
        rig.until("the message", |_, received| received.len() == count)
            .await;
    }
}

#[tokio::test]
async fn patience_changes_while_the_link_runs() {
    let server = Server::start().await;
    let rig = Rig::start(impatient(server.port(), Duration::from_secs(3600)));
    let _dead = server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.change(|options| options.patience.stall_timeout = Duration::from_millis(200));
    rig.until("the end of the link", |figures, _| figures.stalls == 1)
        .await;
}
