//! Probes: one connection, with the result of each step.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::SinkExt as _;
use sensr_bridge::connection::error::LinkError;
use sensr_bridge::connection::options::LinkOptions;
use sensr_bridge::connection::probe::{AttemptStep, ListenTime, ProbeHandler, ProbeResult, probe};
use sensr_bridge::connection::tls::TlsError;
use sensr_bridge::time::stamp::Arrival;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Server, TIMEOUT, options, read_close_frame};
use crate::tls::{Authority, VALID, serve, tls};

const SHORT: ListenTime = ListenTime {
    least: Duration::from_millis(20),
    most: Duration::from_millis(20),
};

/// Counts frames, and needs that many.
struct Counter {
    frames: usize,
    needed: usize,
}

impl ProbeHandler for Counter {
    fn handle_frame(&mut self, _: Bytes, _: Arrival) {
        self.frames += 1;
    }

    fn is_complete(&self) -> bool {
        self.frames >= self.needed
    }
}

async fn run(options: &LinkOptions, listen: ListenTime) -> ProbeResult {
    let mut handler = Counter {
        frames: 0,
        needed: 0,
    };
    probe(options, listen, &mut handler).await
}

#[tokio::test]
async fn incomplete_probe_listens_on_until_it_is_complete_and_leaves_gracefully() {
    let server = Server::start().await;
    let options = options(server.port());
    let mut handler = Counter {
        frames: 0,
        needed: 3,
    };
    let listen = ListenTime {
        most: TIMEOUT,
        ..SHORT
    };
    let start = Instant::now();
    let serving = async {
        let mut socket = server.accept().await;
        // Longer than the least time.
        tokio::time::sleep(5 * SHORT.least).await;
        for _ in 0..3 {
            let frame = Message::Binary(Bytes::from_static(b"frame"));
            socket.send(frame).await.expect("connected");
        }
        read_close_frame(&mut socket).await
    };
    let (result, close) = tokio::join!(probe(&options, listen, &mut handler), serving);
    assert_eq!(handler.frames, 3);
    assert!(start.elapsed() < TIMEOUT, "not for the most time");
    assert_eq!(close.code, CloseCode::Away);
    assert!(result.error.is_none(), "{result:?}");
    assert_eq!(result.trace.completed, Some(AttemptStep::WebSocket));
    assert_eq!((result.figures.frames, result.figures.bytes), (3, 15));
    assert!(result.connected_at.is_some() && result.certificate.is_none());
}

#[tokio::test]
async fn probe_of_a_silent_server_ends_after_the_most_time() {
    let server = Server::start().await;
    let options = options(server.port());
    let serving = async {
        let mut socket = server.accept().await;
        read_close_frame(&mut socket).await
    };
    let mut handler = Counter {
        frames: 0,
        needed: 1,
    };
    let (result, _) = tokio::join!(probe(&options, SHORT, &mut handler), serving);
    assert!(result.error.is_none(), "{result:?}");
    assert_eq!(result.figures.frames, 0);
}

#[tokio::test]
async fn end_by_the_server_is_reported_with_its_reason() {
    let server = Server::start().await;
    let options = options(server.port());
    let listen = ListenTime {
        least: TIMEOUT,
        most: TIMEOUT,
    };
    let serving = async {
        let mut socket = server.accept().await;
        socket.close(None).await.expect("connected");
    };
    let (result, ()) = tokio::join!(run(&options, listen), serving);
    assert!(
        matches!(result.error, Some(LinkError::Closed(_))),
        "{result:?}"
    );
    assert_eq!(result.trace.completed, Some(AttemptStep::WebSocket));
}

#[tokio::test]
async fn last_completed_step_is_that_before_the_error() {
    let free_port = Server::start().await.port(); // free again
    let closed = run(&options(free_port), SHORT).await;
    assert_eq!(closed.trace.completed, Some(AttemptStep::Resolve));
    assert!(matches!(closed.error, Some(LinkError::Connect(_))));

    let mut unknown = options(free_port);
    unknown.endpoint.address = "no-such-host.invalid".to_owned();
    let unknown = run(&unknown, SHORT).await;
    assert_eq!(unknown.trace.completed, Some(AttemptStep::CaFile));
    assert!(unknown.trace.addresses.is_empty());
}

#[tokio::test]
async fn certificate_of_the_server_is_returned() {
    let authority = Authority::new("probe");
    let port = serve(authority.acceptor(&["127.0.0.1", "sensr.example"], VALID)).await;
    let result = run(&tls(port, authority.ca_file()), SHORT).await;
    assert!(result.error.is_none(), "{result:?}");
    let certificate = result.certificate.expect("presented");
    assert_eq!(certificate.names, ["127.0.0.1", "sensr.example"]);
    assert!(certificate.issuer.contains("CN=probe"), "{certificate:?}");
    let days = certificate.days_left();
    assert!((0..=1).contains(&days), "{days}");
}

#[tokio::test]
async fn unusable_ca_file_does_not_keep_the_port_from_being_tried() {
    let authority = Authority::new("unread");
    let port = serve(authority.acceptor(&["127.0.0.1"], VALID)).await;
    let missing = PathBuf::from("/nonexistent/sensr-ca.crt");
    let open = run(&tls(port, missing.clone()), SHORT).await;
    assert!(matches!(open.ca_file_error, Some(TlsError::CaFile(_))));
    assert_eq!(open.trace.completed, Some(AttemptStep::Connect));
    assert!(open.error.is_none(), "{open:?}");

    let free_port = Server::start().await.port();
    let closed = run(&tls(free_port, missing), SHORT).await;
    assert!(closed.ca_file_error.is_some());
    assert!(matches!(closed.error, Some(LinkError::Connect(_))));
}
