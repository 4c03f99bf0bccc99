//! What comes through a link.

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{LIMIT, PATIENCE, Rig, Server, options};

#[tokio::test]
async fn whole_messages_arrive_however_they_are_cut() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    let sent: Vec<Bytes> = [0, 1, 125, 126, 65_535, 65_536, LIMIT]
        .map(|length| Bytes::from(vec![7u8; length]))
        .into();
    for payload in &sent {
        socket
            .send(Message::Ping(Bytes::from_static(b"?")))
            .await
            .unwrap();
        socket.send(Message::Binary(payload.clone())).await.unwrap();
    }
    rig.until("all messages", |_, received| received.len() == sent.len())
        .await;
    assert_eq!(*rig.received.lock().expect("no panic"), sent);
    let figures = rig.stop().await;
    assert_eq!(figures.frames, sent.len() as u64);
    assert_eq!(
        figures.bytes,
        sent.iter().map(|p| p.len() as u64).sum::<u64>()
    );
}

#[tokio::test]
async fn pings_are_answered() {
    let server = Server::start().await;
    let _rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    socket
        .send(Message::Ping(Bytes::from_static(b"alive?")))
        .await
        .unwrap();
    let answer = timeout(PATIENCE, socket.next())
        .await
        .expect("an answer")
        .unwrap()
        .unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"alive?")));
}

#[tokio::test]
async fn text_is_counted_and_costs_nothing_else() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    socket.send(Message::text("hello")).await.unwrap();
    socket
        .send(Message::Binary(Bytes::from_static(b"data")))
        .await
        .unwrap();
    rig.until("the data", |figures, received| {
        figures.text_frames == 1 && received.len() == 1
    })
    .await;
}

#[tokio::test]
async fn an_oversized_message_closes_with_1009_and_the_link_comes_back() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let (mut sender, mut receiver) = server.accept().await.split();
    let flood = tokio::spawn(async move {
        // The client stops reading in the middle of it, so this may fail.
        let _ = sender
            .send(Message::Binary(vec![0; 8 * LIMIT].into()))
            .await;
    });
    let closed = async {
        while let Some(Ok(message)) = receiver.next().await {
            if let Message::Close(Some(frame)) = message {
                return Some(frame.code);
            }
        }
        None
    };
    let code = timeout(PATIENCE, closed).await.expect("the link is closed");
    assert_eq!(code, Some(CloseCode::Size));
    flood.await.unwrap();
    let mut socket = server.accept().await;
    socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    rig.until("data again", |_, received| received.len() == 1)
        .await;
    let figures = rig.stop().await;
    assert_eq!(figures.oversized_frames, 1);
    assert!(
        figures.last_error.contains("max_message_bytes"),
        "{}",
        figures.last_error
    );
}
