//! Data that are under way when a link is closed.

use std::time::Duration;

use sensr_bridge::connection::keepalive::KeepAliveTimeouts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, Rig, Server, options};

const CLOSE: &[u8] = b"\x88\x02\x03\xe8";
/// The first byte of a close frame. No other frame of a client has it, and none is longer than a few bytes.
const CLOSE_OPCODE: u8 = 0x88;

/// Binary frames of one byte each, numbered.
fn frames(numbers: std::ops::Range<u8>) -> Vec<u8> {
    numbers.flat_map(|number| [0x82, 1, number]).collect()
}

/// Reads frames of a client, which are all short, until its close frame. Whatever comes is answered with a pong.
async fn hear_close(stream: &mut TcpStream) {
    let hear = async {
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
    timeout(PATIENCE, hear).await.expect("a close frame");
}

async fn accept(server: &Server) -> TcpStream {
    server.accept().await.into_inner()
}

/// Data before the close frame was heard, and behind that.
async fn require_all(rig: Rig, mut stream: TcpStream, leave: impl FnOnce(&Rig)) {
    stream.write_all(&frames(0..3)).await.expect("sent");
    rig.until("the first data", |_, received| received.len() == 3)
        .await;
    leave(&rig);
    hear_close(&mut stream).await;
    stream.write_all(&frames(3..100)).await.expect("sent");
    stream.write_all(CLOSE).await.expect("sent");
    rig.until("all data", |_, received| received.len() == 100)
        .await;
    let received: Vec<u8> = rig
        .received
        .lock()
        .expect("no panic")
        .iter()
        .map(|payload| payload[0])
        .collect();
    assert!(received.iter().copied().eq(0..100), "{received:?}");
    let figures = rig.stop().await;
    assert_eq!((figures.frames, figures.truncated_frames), (100, 0));
}

#[tokio::test]
async fn at_a_stop_they_are_taken() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let stream = accept(&server).await;
    require_all(rig, stream, |rig| rig.trigger.cancel()).await;
}

#[tokio::test]
async fn at_a_reconnect_they_are_taken() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let stream = accept(&server).await;
    require_all(rig, stream, |rig| {
        rig.change(|options| options.reconnect_generation += 1);
    })
    .await;
}

#[tokio::test]
async fn at_another_address_they_are_taken_of_the_old_one_first() {
    let (old, new) = (Server::start().await, Server::start().await);
    let rig = Rig::start(options(old.port()));
    let stream = accept(&old).await;
    let port = new.port();
    require_all(rig, stream, |rig| {
        rig.change(|options| options.endpoint.port = port);
    })
    .await;
}

#[tokio::test]
async fn at_a_pause_they_are_taken() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let stream = accept(&server).await;
    require_all(rig, stream, |rig| {
        rig.change(|options| options.enabled = false);
    })
    .await;
}

#[tokio::test]
async fn after_a_silence_they_are_taken() {
    let server = Server::start().await;
    let mut options = options(server.port());
    options.patience = KeepAliveTimeouts {
        stall_timeout: Duration::from_millis(400),
        ping_interval: Duration::from_millis(50),
    };
    let rig = Rig::start(options);
    let mut stream = accept(&server).await;
    hear_close(&mut stream).await;
    stream.write_all(&frames(0..20)).await.expect("sent");
    stream.write_all(CLOSE).await.expect("sent");
    rig.until("all data", |figures, received| {
        received.len() == 20 && figures.disconnects == 1
    })
    .await;
    assert_eq!(rig.stop().await.truncated_frames, 0);
}

#[tokio::test]
async fn a_message_that_is_cut_is_counted() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    // By the server.
    let mut stream = accept(&server).await;
    stream.write_all(&frames(0..3)).await.expect("sent");
    stream.write_all(b"\x82\x0ahalf of").await.expect("sent");
    rig.until("the whole ones", |_, received| received.len() == 3)
        .await;
    drop(stream);
    rig.until("the loss", |figures, _| {
        figures.disconnects == 1 && figures.truncated_frames == 1
    })
    .await;
    // By the bridge, which cannot wait for the rest of it.
    let mut stream = accept(&server).await;
    stream.write_all(b"\x82\x0ahalf of").await.expect("sent");
    rig.until("the link", |figures, _| figures.connects == 2)
        .await;
    let figures = rig.stop().await;
    assert_eq!((figures.frames, figures.truncated_frames), (3, 2));
}
