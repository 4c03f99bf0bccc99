//! Keep-alive: servers that vanish without a close frame, or stop sending.

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

use crate::support::{Fixture, Server, options};

const PING_INTERVAL: Duration = Duration::from_millis(50);

/// Options with short timeouts. They are lower bounds only: a busy machine may take longer.
fn short_keep_alive(port: u16, stall_timeout: Duration) -> LinkOptions {
    LinkOptions {
        keep_alive: KeepAliveTimeouts {
            stall_timeout,
            ping_interval: PING_INTERVAL,
        },
        ..options(port)
    }
}

/// Answers pings and sends nothing.
fn answer_pings(mut socket: WebSocketStream<TcpStream>) -> JoinHandle<()> {
    tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} })
}

#[tokio::test]
async fn dead_server_is_disconnected_and_reconnected_to() {
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), Duration::from_millis(300)));
    // The socket is not read, so that no ping is answered.
    let _dead = server.accept().await;
    fixture
        .wait_until("the end of the link", |figures, _| figures.stalls == 1)
        .await;
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    fixture
        .wait_until("data", |_, received| received.len() == 1)
        .await;
    let figures = fixture.link.snapshot();
    assert!(
        figures.last_error.contains("connection dead"),
        "{figures:?}"
    );
}

#[tokio::test]
async fn server_that_answers_pings_stays_connected() {
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), Duration::from_secs(20)));
    let mut socket = server.accept().await;
    for _ in 0..3 {
        let message = socket.next().await.expect("open").expect("whole");
        assert!(message.is_ping(), "{message:?}");
    }
    assert_eq!(fixture.stop().await.stalls, 0);
}

#[tokio::test]
async fn pongs_without_data_are_reported_and_then_reconnected() {
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), Duration::from_millis(400)));
    let live = answer_pings(server.accept().await);
    fixture
        .wait_until("the error", |figures, _| {
            figures.is_silent && figures.connects == 1
        })
        .await;
    fixture
        .wait_until("the end of the link", |figures, _| {
            figures.stalls == 1 && figures.last_error.contains("though the server is alive")
        })
        .await;
    // The server got a close frame, because it is alive.
    live.await.expect("no panic");
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    fixture
        .wait_until("data", |figures, received| {
            received.len() == 1 && !figures.is_silent
        })
        .await;
}

/// A stall costs one connection. The next one is kept: single messages do not make it reconnect, the end of another
/// stream does.
#[tokio::test]
async fn server_without_data_is_reconnected_to_once() {
    let stall_timeout = Duration::from_millis(200);
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), stall_timeout));
    answer_pings(server.accept().await);
    fixture
        .wait_until("the end of the link", |figures, _| figures.stalls == 1)
        .await;

    let (mut sender, receiver) = server.accept().await.split();
    let live = tokio::spawn(async move { receiver.for_each(|_| async {}).await });
    for event in 1..=4 {
        fixture
            .wait_until("the stall", |figures, _| figures.is_silent)
            .await;
        // Longer than the previous connection was kept.
        tokio::time::sleep(4 * stall_timeout).await;
        let message = Message::Binary(Bytes::from_static(b"event"));
        sender.send(message).await.expect("still connected");
        fixture
            .wait_until("the event", |_, received| received.len() == event)
            .await;
    }
    let figures = fixture.link.snapshot();
    assert_eq!((figures.connects, figures.stalls), (2, 1), "{figures:?}");

    for _ in 0..10 {
        let message = Message::Binary(Bytes::from_static(b"stream"));
        sender.send(message).await.expect("still connected");
    }
    fixture
        .wait_until("the end of the link", |figures, _| figures.stalls == 2)
        .await;
    live.await.expect("no panic");
}

#[tokio::test]
async fn requested_reconnect_lets_a_stall_cost_a_connection_again() {
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), Duration::from_millis(100)));
    for stalls in 1..=2 {
        answer_pings(server.accept().await);
        fixture
            .wait_until("the end of the link", |figures, _| figures.stalls == stalls)
            .await;
        answer_pings(server.accept().await);
        fixture
            .wait_until("the new link", |figures, _| {
                figures.is_silent && figures.connects == 2 * stalls
            })
            .await;
        fixture.change_options(|options| options.reconnect_generation += 1);
    }
}

#[tokio::test]
async fn slow_message_is_not_a_stall() {
    let stall_timeout = Duration::from_secs(3);
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), stall_timeout));
    let mut stream = server.accept().await.into_inner();
    // A binary message of 100 bytes, one by one: longer than the timeout in all.
    stream.write_all(&[0x82, 100]).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(stall_timeout / 60).await;
        stream.write_all(b"x").await.unwrap();
    }
    fixture
        .wait_until("the message", |_, received| received.len() == 1)
        .await;
    assert_eq!(fixture.stop().await.stalls, 0);
}

/// A server that reads nothing must not keep the client from reading.
#[tokio::test]
async fn unread_pings_do_not_block_reading() {
    let server = Server::start().await;
    let mut options = short_keep_alive(server.port(), Duration::from_secs(20));
    options.keep_alive.ping_interval = Duration::from_millis(1);
    let fixture = Fixture::start(options);
    // Its receiver is never read.
    let mut deaf = server.accept().await;
    for count in 1..=200 {
        deaf.send(Message::Binary(Bytes::from_static(b"x")))
            .await
            .unwrap();
        fixture
            .wait_until("the message", |_, received| received.len() == count)
            .await;
    }
}

#[tokio::test]
async fn timeouts_change_at_run_time() {
    let server = Server::start().await;
    let fixture = Fixture::start(short_keep_alive(server.port(), Duration::from_secs(3600)));
    let _dead = server.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
    fixture.change_options(|options| options.keep_alive.stall_timeout = Duration::from_millis(200));
    fixture
        .wait_until("the end of the link", |figures, _| figures.stalls == 1)
        .await;
}
