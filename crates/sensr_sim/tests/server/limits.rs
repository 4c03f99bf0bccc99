//! Clients that are slow, silent, misbehaving or many.

use std::time::Duration;

use prost::Message as _;
use sensr_protocol::wire::CloudType;
use sensr_protocol::wire::proto::OutputMessage;
use sensr_protocol::wire::proto::system_health::Status;
use sensr_sim::{CLOSE_OVERFLOW_REASON, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Client, quick_scene, start, wait_until, within_limit};

fn is_overflow(frame: &[u8]) -> bool {
    let message = OutputMessage::decode(frame).expect("an OutputMessage");
    let health = message.event.and_then(|event| event.health);
    health.is_some_and(|health| health.master() == Status::OutputBufferOverflow)
}

#[tokio::test]
async fn slow_points_client_is_closed_with_1011_and_the_output_stream_reports_it() {
    let server = start(Options {
        points: Some(50_000),
        client_buffer_bytes: 2 << 20,
        ..quick_scene()
    })
    .await;
    let mut output = Client::connect(server.output_addr()).await;
    let mut slow = Client::connect(server.points_addr()).await;
    let report = wait_until(&server, |report| report.clients.overflowed > 0).await;
    assert_eq!(report.clients.overflowed, 1);

    let (frames, close) = slow.rest().await;
    assert_eq!(close.code, CloseCode::Error);
    assert_eq!(close.reason.as_str(), CLOSE_OVERFLOW_REASON);
    let report = wait_until(&server, |report| report.clients.connected == 1).await;
    assert_eq!(report.points.delivered, frames.len() as u64);
    assert!(report.points.messages > report.points.delivered);
    while !is_overflow(&output.frame().await) {}

    let mut second = Client::connect(server.points_addr()).await;
    second.points().await;
}

#[tokio::test]
async fn slow_output_client_gets_the_overflow_event_before_it_is_closed_with_1011() {
    let server = start(Options {
        points: Some(200_000),
        types: vec![CloudType::Raw],
        client_buffer_bytes: 1,
        ..quick_scene()
    })
    .await;
    let mut slow = Client::connect(server.output_addr()).await;
    wait_until(&server, |report| report.clients.overflowed > 0).await;
    let (frames, close) = slow.rest().await;
    assert_eq!(close.code, CloseCode::Error);
    assert_eq!(close.reason.as_str(), CLOSE_OVERFLOW_REASON);
    let (last, before) = frames.split_last().expect("the event at least");
    assert!(is_overflow(last));
    assert!(!before.iter().any(|frame| is_overflow(frame)));
}

#[tokio::test]
async fn pings_are_answered_between_messages() {
    let server = start(Options {
        points: Some(50_000),
        ..quick_scene()
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    client.points().await;
    client.send(Message::Ping("are you there".into())).await;
    loop {
        match client.next().await {
            Some(Message::Pong(payload)) => break assert_eq!(payload, "are you there"),
            Some(Message::Binary(_) | Message::Ping(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn client_is_pinged_and_stays_connected_while_it_answers() {
    let server = start(Options {
        ping_interval: Some(Duration::from_millis(20)),
        ..quick_scene()
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    let mut pings = 0;
    while pings < 10 {
        let message = client.next().await.expect("it must not be closed");
        pings += u32::from(matches!(message, Message::Ping(_)));
    }
}

#[tokio::test]
async fn client_that_answers_no_pings_is_closed() {
    let server = start(Options {
        ping_interval: Some(Duration::from_millis(20)),
        ..quick_scene()
    })
    .await;
    let socket = TcpStream::connect(server.points_addr())
        .await
        .expect("accepted");
    let url = format!("ws://{}", server.points_addr());
    let (client, _) = within_limit(tokio_tungstenite::client_async(url, socket))
        .await
        .expect("accepted");
    // Without the WebSocket library the client reads everything and answers nothing.
    let mut silent = client.into_inner();
    let close = b"\x88\x0e\x03\xf3Ping timeout";
    let mut received = Vec::new();
    while !received.ends_with(close) {
        let read = within_limit(silent.read_buf(&mut received))
            .await
            .expect("readable");
        assert!(read > 0, "it ended with {:?}", received.last_chunk::<40>());
    }
}

#[tokio::test]
async fn close_frame_of_the_client_is_answered() {
    let server = start(quick_scene()).await;
    let mut client = Client::connect(server.points_addr()).await;
    client.points().await;
    client.send(Message::Close(None)).await;
    let (_, reply) = client.rest().await;
    assert_eq!(reply.code, CloseCode::Normal);
    let report = wait_until(&server, |report| report.clients.connected == 0).await;
    assert_eq!((report.clients.points, report.clients.overflowed), (1, 0));
}

#[tokio::test]
async fn messages_from_clients_are_ignored() {
    let server = start(quick_scene()).await;
    let mut client = Client::connect(server.points_addr()).await;
    client.send(Message::Text("hello".into())).await;
    client.send(Message::Binary(vec![7; 1000].into())).await;
    for _ in 0..5 {
        client.points().await;
    }
}

#[tokio::test]
async fn a_thousand_clients_connect_and_leave() {
    const CLIENTS: u64 = 1000;
    let server = start(Options {
        points: Some(10),
        rate_hz: 5000.0,
        ..quick_scene()
    })
    .await;
    let mut stays = Client::connect(server.points_addr()).await;
    for index in 0..CLIENTS {
        match index % 4 {
            0 => drop(Client::connect(server.points_addr()).await),
            1 => drop(Client::connect(server.output_addr()).await),
            2 => drop(
                TcpStream::connect(server.points_addr())
                    .await
                    .expect("accepted"),
            ),
            _ => {
                let mut client = TcpStream::connect(server.output_addr())
                    .await
                    .expect("accepted");
                client
                    .write_all(b"GET / HTTP/1.1\r\n\r\n")
                    .await
                    .expect("sent");
            }
        }
        stays.points().await;
    }
    let report = wait_until(&server, |report| report.clients.connected == 1).await;
    assert_eq!(report.clients.points, CLIENTS / 4 + 1);
    assert_eq!(report.clients.output, CLIENTS / 4);
    within_limit(server.stop()).await.expect("ends well");
}

#[tokio::test]
async fn stopping_closes_every_client_with_1001() {
    let server = start(quick_scene()).await;
    let mut points = Client::connect(server.points_addr()).await;
    let mut output = Client::connect(server.output_addr()).await;
    points.points().await;
    let (stopped, points, output) =
        tokio::join!(within_limit(server.stop()), points.rest(), output.rest());
    assert_eq!(points.1.code, CloseCode::Away);
    assert_eq!(output.1.code, CloseCode::Away);
    let report = stopped.expect("ends well");
    assert_eq!(report.clients.connected, 0);
    assert_eq!(report.points.delivered, points.0.len() as u64 + 1);
}
