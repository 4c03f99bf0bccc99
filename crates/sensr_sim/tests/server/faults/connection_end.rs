//! Ends of connections, byte by byte.

use std::net::TcpListener;
use std::time::Duration;

use sensr_sim::{FaultEvent, Options, Report};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::reading_client::ReadingClient;
use super::with_fault::{next_event, small_scene};
use crate::support::{start, wait_until, within_limit};

/// Masked ping without payload.
const PING: &[u8] = b"\x89\x80\0\0\0\0";

/// Counts the binary messages at the beginning of the bytes of a server; returns the rest too.
fn whole_messages(mut bytes: &[u8]) -> (u64, &[u8]) {
    let mut count = 0;
    loop {
        let header = match bytes.get(1) {
            Some(127) => 10,
            Some(126) => 4,
            _ => 2,
        };
        let Some((head, rest)) = bytes.split_at_checked(header) else {
            return (count, bytes);
        };
        let length = match head[1..] {
            [short] => usize::from(short),
            [_, ref long @ ..] => long
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            [] => 0,
        };
        if rest.len() < length {
            return (count, bytes);
        }
        count += u64::from(head[0] == 0x82);
        bytes = &rest[length..];
    }
}

/// Runs a client without a WebSocket library that reads nothing until a fault has begun and the client has sent many
/// pings; then it reads to the end. Returns whether the last message is incomplete.
async fn read_late(fault: &str, options: Options, has_begun: impl Fn(&Report) -> bool) -> bool {
    let server = start(options).await;
    let mut events = server.fault_events();
    let tcp = within_limit(TcpStream::connect(server.points_addr())).await;
    let url = format!("ws://{}", server.points_addr());
    let handshake = tokio_tungstenite::client_async(url, tcp.expect("accepted"));
    let (socket, _) = within_limit(handshake).await.expect("accepted");
    let mut tcp = socket.into_inner();
    wait_until(&server, has_begun).await;
    let parsed = fault.parse().expect("a fault");
    server.inject(parsed).await.expect("accepted");
    next_event(&mut events).await;
    for _ in 0..1000 {
        tcp.write_all(PING)
            .await
            .expect("the server does not reset it");
        tokio::task::yield_now().await;
    }
    let mut received = Vec::new();
    let read = within_limit(tcp.read_to_end(&mut received)).await;
    read.unwrap_or_else(|error| panic!("{fault}: {error}"));
    drop(tcp);
    next_event(&mut events).await;
    let report = within_limit(server.stop()).await.expect("ends well").points;
    let (whole, rest) = whole_messages(&received);
    assert_eq!(whole, report.delivered, "{fault}");
    assert_eq!(report.offered, report.delivered + report.cut, "{fault}");
    !rest.is_empty()
}

#[tokio::test]
async fn connection_ends_gracefully_although_the_client_keeps_sending() {
    for fault in ["cut points", "oversized points"] {
        let options = Options {
            ping_interval: None,
            ..small_scene()
        };
        let is_incomplete = read_late(fault, options, |report| report.points.delivered > 0).await;
        assert!(is_incomplete, "{fault}");
    }
}

#[tokio::test]
async fn written_bytes_arrive_although_the_connection_is_cut() {
    for fault in ["refuse points for 0.1", "halfopen points for 0.1"] {
        let options = Options {
            points: Some(20_000),
            rate_hz: 50.0,
            ping_interval: None,
            ..small_scene()
        };
        // More than the socket buffers hold, so that one message is half written.
        let is_blocked = |report: &Report| report.points.offered > report.points.delivered + 3;
        assert!(read_late(fault, options, is_blocked).await, "{fault}");
    }
}

#[tokio::test]
async fn port_taken_by_another_process_is_retried_until_it_is_free() {
    let server = start(small_scene()).await;
    let mut events = server.fault_events();
    let address = server.points_addr();
    let fault = "refuse points for 2".parse().expect("a fault");
    server.inject(fault).await.expect("accepted");
    next_event(&mut events).await;
    let other_process = TcpListener::bind(address).expect("only bound");
    let points = ReadingClient::points(address, None);
    let recovered = tokio::time::timeout(Duration::from_millis(2300), events.recv());
    assert!(recovered.await.is_err(), "the port is taken");
    drop(other_process);
    let event = next_event(&mut events).await;
    assert!(matches!(event, FaultEvent::Recovered { .. }), "{event:?}");
    points.wait_for_messages(3).await;
    let report = within_limit(server.stop()).await.expect("ends well");
    points
        .stop()
        .await
        .assert_balanced(&report.points, "refuse");
}
