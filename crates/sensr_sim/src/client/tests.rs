use super::*;
use crate::report::OutputCounts;
use bytes::Bytes;
use futures::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);

fn long_limits() -> Limits {
    Limits {
        handshake: LONG,
        close: LONG,
        leave: LONG,
        stall: LONG,
        check_interval: Duration::from_millis(5),
        ping_interval: None,
    }
}

fn cancelled() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}

/// Returns both ends of a connection whose buffer holds 1 kB.
fn connect(broadcast: &Arc<Broadcast>, limits: Limits) -> (DuplexStream, JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(1000);
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let context = ServeContext {
        broadcast: Arc::clone(broadcast),
        port: Arc::new(PortState::new()),
        limits,
        closing: cancelled(),
    };
    let serving = serve_client(far, peer, context);
    (near, tokio::spawn(serving))
}

async fn handshake(broadcast: &Broadcast, stream: DuplexStream) -> WebSocketStream<DuplexStream> {
    let connected = tokio_tungstenite::client_async("ws://sensr/", stream).await;
    broadcast.wait_for_client().await;
    connected.expect("must be accepted").0
}

fn broadcast() -> Arc<Broadcast> {
    Arc::new(Broadcast::new("points", 1 << 20))
}

fn offer(broadcast: &Broadcast, bytes: usize) {
    let message =
        crate::queue_item::Message::output(vec![0; bytes].into(), OutputCounts::default());
    broadcast.send_message(|_| message.clone(), || None);
}

/// Asserts that the serving task ends on its own, before a long limit ends it.
async fn assert_ends(serving: JoinHandle<()>) {
    let limited = tokio::time::timeout(LONG / 2, serving).await;
    limited.expect("must end").expect("must not panic");
}

#[tokio::test]
async fn connection_without_handshake_is_not_counted_as_client() {
    let broadcast = broadcast();
    let limits = Limits {
        handshake: SHORT,
        ..long_limits()
    };
    let (_silent, serving) = connect(&broadcast, limits);
    assert_ends(serving).await;
    assert_eq!(broadcast.counters.clients.get(), 0);
}

#[tokio::test]
async fn client_that_reads_nothing_is_cut_when_it_is_to_be_closed() {
    let broadcast = broadcast();
    let limits = Limits {
        stall: SHORT,
        ..long_limits()
    };
    let (stream, serving) = connect(&broadcast, limits);
    let _unread = handshake(&broadcast, stream).await;
    offer(&broadcast, 5000);
    tokio::time::sleep(SHORT * 5).await;
    assert_eq!(
        broadcast.connected_clients(),
        1,
        "being slow does not end it"
    );
    broadcast.close_after_queued(Close::FINISHED);
    assert_ends(serving).await;
    assert_eq!(broadcast.connected_clients(), 0);
    assert_eq!(
        broadcast.counters.delivered.get(),
        0,
        "it was written partly"
    );
}

#[tokio::test]
async fn client_that_reads_slowly_to_the_end_gets_everything() {
    let broadcast = broadcast();
    let limits = Limits {
        stall: Duration::from_secs(1),
        ..long_limits()
    };
    let (stream, serving) = connect(&broadcast, limits);
    let mut slow = handshake(&broadcast, stream).await;
    for _ in 0..20 {
        offer(&broadcast, 900);
    }
    broadcast.close_after_queued(Close::FINISHED);
    for _ in 0..20 {
        // Longer than the limit in all, but each read restarts the limit.
        tokio::time::sleep(Duration::from_millis(70)).await;
        let message = slow.next().await.expect("open").expect("valid");
        assert_eq!(message.len(), 900);
    }
    let close = slow.next().await.expect("open").expect("valid");
    assert!(close.is_close());
    assert!(slow.next().await.is_none());
    assert_ends(serving).await;
    assert_eq!(broadcast.counters.delivered.get(), 20);
}

#[tokio::test]
async fn close_frame_without_answer_ends_the_connection() {
    let broadcast = broadcast();
    let limits = Limits {
        close: SHORT,
        ..long_limits()
    };
    let (stream, serving) = connect(&broadcast, limits);
    let _unread = handshake(&broadcast, stream).await;
    broadcast.close_after_queued(Close::FINISHED);
    assert_ends(serving).await;
}

#[tokio::test]
async fn too_large_message_from_a_client_ends_its_connection() {
    let broadcast = broadcast();
    let (stream, serving) = connect(&broadcast, long_limits());
    let mut client = handshake(&broadcast, stream).await;
    let big = Bytes::from(vec![0; MAX_INCOMING_BYTES + 1]);
    // Fails once the server has closed the connection.
    let _ = client.send(Message::Binary(big)).await;
    assert_ends(serving).await;
}
