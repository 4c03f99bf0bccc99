//! Faults during which nothing arrives.

use std::time::Duration;

use sensr_sim::{Options, Server};
use tokio_tungstenite::tungstenite::Message;

use super::with_fault::{next_event, small_scene};
use crate::support::{Client, start, wait_until, within_limit};

/// Returns a server and a client of its point stream, on which the fault has begun.
async fn begin_fault(fault: &str) -> (Server, Client) {
    let server = start(Options {
        ping_interval: None,
        ..small_scene()
    })
    .await;
    let mut events = server.fault_events();
    let mut client = Client::connect(server.points_addr()).await;
    client.points().await;
    let parsed = fault.parse().expect("a fault");
    server.inject(parsed).await.expect("accepted");
    next_event(&mut events).await;
    (server, client)
}

async fn ping(client: &mut Client) {
    client.send(Message::Ping("there?".into())).await;
}

#[tokio::test]
async fn silent_port_answers_pings_and_sends_no_messages() {
    let (server, mut client) = begin_fault("silent points for 1000").await;
    ping(&mut client).await;
    // Messages that were on their way when the fault began.
    while !matches!(client.next().await, Some(Message::Pong(_))) {}
    for _ in 0..50 {
        ping(&mut client).await;
        let answer = client.next().await;
        assert!(matches!(answer, Some(Message::Pong(_))), "{answer:?}");
    }
    wait_until(&server, |report| {
        report.points.offered > report.points.delivered
    })
    .await;
    let (stopped, (_, close)) = tokio::join!(within_limit(server.stop()), client.rest());
    assert_eq!(u16::from(close.code), 1001);
    assert!(stopped.expect("ends well").points.cut > 0, "what waited");
}

#[tokio::test]
async fn stalled_and_half_open_connections_send_not_even_a_pong() {
    for fault in ["stall points for 1000", "halfopen points"] {
        let (server, mut client) = begin_fault(fault).await;
        ping(&mut client).await;
        let quiet = async {
            loop {
                let message = client.next().await;
                let was_on_its_way = matches!(message, Some(Message::Binary(_)));
                assert!(was_on_its_way, "{fault}: {message:?}");
            }
        };
        let limited = tokio::time::timeout(Duration::from_millis(300), quiet);
        assert!(limited.await.is_err(), "{fault}");
        let mut other = Client::connect(server.points_addr()).await;
        other.points().await;
        drop(client);
        within_limit(server.stop()).await.expect("ends well");
    }
}
