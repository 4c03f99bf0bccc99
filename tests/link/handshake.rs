//! Responses to the WebSocket handshake as servers and proxies write them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::{Fixture, Server, TIMEOUT, options};

/// Binary frame of one byte.
const FRAME: &[u8] = b"\x82\x01x";

/// Reads a client's request. Returns the hash of its key.
async fn read_request(server: &Server) -> (TcpStream, String) {
    let (mut stream, _) = timeout(TIMEOUT, server.0.accept())
        .await
        .expect("a client connects")
        .expect("accepted");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let read = timeout(TIMEOUT, stream.read_buf(&mut request)).await;
        assert_ne!(read.expect("a request").expect("read"), 0);
    }
    let request = String::from_utf8(request).expect("ASCII");
    let mut lines = request.lines();
    assert_eq!(lines.next(), Some("GET / HTTP/1.1"));
    let host = format!("Host: 127.0.0.1:{}", server.port());
    assert!(request.lines().any(|line| line == host), "{request}");
    let key = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    (stream, derive_accept_key(key.expect("a key").as_bytes()))
}

fn response(connection: &str, accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n{connection}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[tokio::test]
async fn connection_is_a_list_of_tokens() {
    for connection in [
        "Connection: Upgrade",
        "Connection: keep-alive, Upgrade",
        "connection: upgrade, Keep-Alive",
        "Connection: keep-alive\r\nConnection: Upgrade",
        "Connection: keep-alive,\r\n Upgrade",
    ] {
        let server = Server::start().await;
        let fixture = Fixture::start(options(server.port()));
        let (mut stream, accept) = read_request(&server).await;
        // With the first message in the same segment.
        let bytes = [response(connection, &accept).as_bytes(), FRAME].concat();
        stream.write_all(&bytes).await.unwrap();
        fixture
            .wait_until("the message", |_, received| received == [&b"x"[..]])
            .await;
        let figures = fixture.stop().await;
        assert_eq!(
            (figures.connects, figures.truncated_frames),
            (1, 0),
            "{connection}"
        );
    }
}

#[tokio::test]
async fn response_may_arrive_in_pieces() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let (mut stream, accept) = read_request(&server).await;
    stream.set_nodelay(true).unwrap();
    let bytes = [response("Connection: Upgrade", &accept).as_bytes(), FRAME].concat();
    for byte in bytes {
        stream.write_all(&[byte]).await.unwrap();
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    fixture
        .wait_until("the message", |_, received| received == [&b"x"[..]])
        .await;
}

#[tokio::test]
async fn refusal_is_reported_with_its_reason() {
    let long = format!("HTTP/1.1 101 x\r\nX: {}", "y".repeat(20_000));
    for (reply, words) in [
        (
            "HTTP/1.1 301 Moved\r\nLocation: http://there/\r\n\r\n",
            "redirects to http://there/",
        ),
        (
            "HTTP/1.0 403 Forbidden\r\n\r\n",
            "answered 403 Forbidden: it requires a login",
        ),
        ("SSH-2.0-x\r\n", "begins with \"SSH-2.0-x\""),
        (
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
            "no Connection, where Upgrade is needed",
        ),
        (&long, "longer than 16384 bytes"),
        ("HTTP/1.1 101 Swi", "before its answer was complete"),
    ] {
        let server = Server::start().await;
        let fixture = Fixture::start(options(server.port()));
        let (mut stream, _) = read_request(&server).await;
        stream.write_all(reply.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        fixture
            .wait_until(words, |figures, _| {
                figures.last_error.contains("no WebSocket server")
                    && figures.last_error.contains(words)
            })
            .await;
        assert_eq!(fixture.stop().await.connects, 0);
    }
}

#[tokio::test]
async fn unrequested_extension_is_named() {
    let server = Server::start().await;
    let fixture = Fixture::start(options(server.port()));
    let (mut stream, accept) = read_request(&server).await;
    let connection = "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate";
    stream
        .write_all(response(connection, &accept).as_bytes())
        .await
        .unwrap();
    fixture
        .wait_until("the error", |figures, _| {
            figures
                .last_error
                .contains("extension \"permessage-deflate\"")
        })
        .await;
}
