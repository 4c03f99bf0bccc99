//! Data in flight when a connection is closed.

use std::time::Duration;

use sensr_bridge::connection::keepalive::KeepAliveTimeouts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Fixture, Server, TIMEOUT, options};

const CLOSE: &[u8] = b"\x88\x02\x03\xe8";
/// The first byte of a close frame. No other frame of a client has it, and none is longer than a few bytes.
const CLOSE_OPCODE: u8 = 0x88;

/// Binary frames of one byte each, numbered.
fn frames(numbers: std::ops::Range<u8>) -> Vec<u8> {
    numbers.flat_map(|number| [0x82, 1, number]).collect()
}

/// Reads frames of a client, which are all short, until its close frame. Answers each other one with a pong.
async fn read_until_close(stream: &mut TcpStream) {
    let read = async {
        loop {
            let mut header = [0; 6];
            stream.read_exact(&mut header).await.expect("a frame");
            let mut payload = vec![0; usize::from(header[1] & 0x7f)];
            stream.read_exact(&mut payload).await.expect("its payload");
            if header[0] == CLOSE_OPCODE {
                return;
            }
            stream.write_all(b"\x8a\x00").await.expect("sent");
        }
    };
    timeout(TIMEOUT, read).await.expect("a close frame");
}

async fn accept(server: &Server) -> TcpStream {
    server.accept().await.into_inner()
}

/// Requires that data sent before the client's close frame and after it are received.
async fn require_all(fixture: Fixture, mut stream: TcpStream, leave: impl FnOnce(&Fixture)) {
    stream.write_all(&frames(0..3)).await.expect("sent");
    fixture
        .wait_until("the first data", |_, received| received.len() == 3)
        .await;
    leave(&fixture);
    read_until_close(&mut stream).await;
    stream.write_all(&frames(3..100)).await.expect("sent");
    stream.write_all(CLOSE).await.expect("sent");
    fixture
        .wait_until("all data", |_, received| received.len() == 100)
        .await;
    let received: Vec<u8> = fixture
        .received
        .lock()
        .expect("no panic")
        .iter()
        .map(|payload| payload[0])
        .collect();
    assert!(received.iter().copied().eq(0..100), "{received:?}");
    let figures = fixture.stop().await;
    assert_eq!((figures.frames, figures.truncated_frames), (100, 0));
}

#[tokio::test]
async fn data_are_received_at_shutdown() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let stream = accept(&server).await;
    require_all(fixture, stream, |fixture| fixture.trigger.cancel()).await;
}

#[tokio::test]
async fn data_are_received_at_a_reconnect() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let stream = accept(&server).await;
    require_all(fixture, stream, |fixture| {
        fixture.change_options(|options| options.reconnect_generation += 1);
    })
    .await;
}

#[tokio::test]
async fn data_of_the_old_server_are_received_before_those_of_the_new_one() {
    let (old, new) = (Server::start().await, Server::start().await);
    let fixture = Fixture::start(options(old.port()));
    let stream = accept(&old).await;
    let port = new.port();
    require_all(fixture, stream, |fixture| {
        fixture.change_options(|options| options.endpoint.port = port);
    })
    .await;
}

#[tokio::test]
async fn data_are_received_when_paused() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let stream = accept(&server).await;
    require_all(fixture, stream, |fixture| {
        fixture.change_options(|options| options.enabled = false);
    })
    .await;
}

#[tokio::test]
async fn data_are_received_after_a_no_data_timeout() {
    let server = Server::start().await;
    let mut options = options(server.port());
    options.keep_alive = KeepAliveTimeouts {
        stall_timeout: Duration::from_millis(400),
        ping_interval: Duration::from_millis(50),
    };
    let fixture = Fixture::start(options);
    let mut stream = accept(&server).await;
    read_until_close(&mut stream).await;
    stream.write_all(&frames(0..20)).await.expect("sent");
    stream.write_all(CLOSE).await.expect("sent");
    fixture
        .wait_until("all data", |figures, received| {
            received.len() == 20 && figures.disconnects == 1
        })
        .await;
    assert_eq!(fixture.stop().await.truncated_frames, 0);
}

#[tokio::test]
async fn truncated_message_is_counted() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    // By the server.
    let mut stream = accept(&server).await;
    stream.write_all(&frames(0..3)).await.expect("sent");
    stream.write_all(b"\x82\x0ahalf of").await.expect("sent");
    fixture
        .wait_until("the complete frames", |_, received| received.len() == 3)
        .await;
    drop(stream);
    fixture
        .wait_until("the loss", |figures, _| {
            figures.disconnects == 1 && figures.truncated_frames == 1
        })
        .await;
    // By the bridge, which cannot wait for the rest of it.
    let mut stream = accept(&server).await;
    stream.write_all(b"\x82\x0ahalf of").await.expect("sent");
    fixture
        .wait_until("the link", |figures, _| figures.connects == 2)
        .await;
    let figures = fixture.stop().await;
    assert_eq!((figures.frames, figures.truncated_frames), (3, 2));
}
