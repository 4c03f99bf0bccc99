//! How connections end, byte by byte.

use std::net::TcpListener;

use sensr_bridge::sim::{FaultEvent, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ordeal::{next, small};
use super::stubborn::Stubborn;
use crate::support::{soon, start};

/// A masked ping without payload.
const PING: &[u8] = b"\x89\x80\0\0\0\0";

/// The binary messages at the beginning of what a server wrote, and what is left over.
fn whole_messages(mut bytes: &[u8]) -> (u64, &[u8]) {
    let mut count = 0;
    loop {
        let (header, payload): (usize, usize) = match *bytes {
            [_, 126, high, low, ..] => (4, u16::from_be_bytes([high, low]).into()),
            [_, length, ..] if length < 126 => (2, length.into()),
            _ => return (count, bytes),
        };
        let Some(rest) = bytes.get(header + payload..) else {
            return (count, bytes);
        };
        count += u64::from(bytes[0] == 0x82);
        bytes = rest;
    }
}

#[tokio::test]
async fn a_connection_ends_in_order_whatever_the_client_still_sends() {
    for fault in [
        "cut points",
        "refuse points for 0.1",
        "halfopen points for 0.1",
        "oversized points",
    ] {
        let server = start(Options {
            ping_interval: None,
            ..small()
        })
        .await;
        let mut told = server.fault_events();
        let tcp = soon(TcpStream::connect(server.points_addr())).await;
        let url = format!("ws://{}", server.points_addr());
        let handshake = tokio_tungstenite::client_async(url, tcp.expect("accepted"));
        let (socket, _) = soon(handshake).await.expect("accepted");
        // Nothing is read until it is over.
        let mut tcp = socket.into_inner();
        let parsed = fault.parse().expect("a fault");
        server.inject(parsed).await.expect("carried out");
        next(&mut told).await;
        for _ in 0..1000 {
            // Fails once the server has waited long enough.
            if tcp.write_all(PING).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let mut received = Vec::new();
        let read = soon(tcp.read_to_end(&mut received)).await;
        read.unwrap_or_else(|error| panic!("{fault}: {error}"));
        drop(tcp);
        next(&mut told).await;
        let report = soon(server.stop()).await.expect("ends well").points;
        let (whole, rest) = whole_messages(&received);
        assert_eq!(whole, report.delivered, "{fault}");
        assert_eq!(report.offered, report.delivered + report.cut, "{fault}");
        let expects_more = fault.starts_with("cut") || fault.starts_with("oversized");
        assert!(!rest.is_empty() || !expects_more, "{fault}");
    }
}

#[tokio::test]
async fn a_port_that_somebody_took_meanwhile_is_tried_until_it_is_free() {
    let server = start(small()).await;
    let mut told = server.fault_events();
    let address = server.points_addr();
    let fault = "refuse points for 0.1".parse().expect("a fault");
    server.inject(fault).await.expect("carried out");
    next(&mut told).await;
    let thief = TcpListener::bind(address).expect("only bound");
    let points = Stubborn::points(address, None);
    let recovered = tokio::time::timeout(std::time::Duration::from_millis(300), told.recv());
    assert!(recovered.await.is_err(), "the port is taken");
    drop(thief);
    let event = next(&mut told).await;
    assert!(matches!(event, FaultEvent::Recovered { .. }), "{event:?}");
    points.more(3).await;
    let report = soon(server.stop()).await.expect("ends well");
    points.end().await.assert_balanced(&report.points, "refuse");
}
