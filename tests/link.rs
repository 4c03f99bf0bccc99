//! The link to SENSR, over real sockets, against a server that does what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use sensr_bridge::sensr::backoff::Bounds;
use sensr_bridge::sensr::client::{self, LinkOptions};
use sensr_bridge::sensr::link::{Endpoint, Link, LinkFigures, LinkState};
use sensr_bridge::shutdown::{self, Trigger};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMIT: usize = 100_000;

/// A running link and what came through it.
struct Rig {
    link: Arc<Link>,
    options: watch::Sender<LinkOptions>,
    trigger: Trigger,
    received: Arc<Mutex<Vec<Bytes>>>,
    task: JoinHandle<()>,
}

fn options(port: u16) -> LinkOptions {
    LinkOptions {
        endpoint: Endpoint {
            address: "127.0.0.1".to_owned(),
            port,
        },
        max_message_bytes: LIMIT,
        backoff: Bounds {
            initial_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(100),
        },
    }
}

impl Rig {
    fn start(options: LinkOptions) -> Self {
        let link: Arc<Link> = Arc::default();
        let received: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let (options, changes) = watch::channel(options);
        let (trigger, shutdown) = shutdown::channel();
        let task = tokio::spawn({
            let (link, received) = (Arc::clone(&link), Arc::clone(&received));
            async move {
                client::run(&link, changes, shutdown, |payload, _| {
                    received.lock().expect("no panic").push(payload);
                })
                .await;
            }
        });
        Self {
            link,
            options,
            trigger,
            received,
            task,
        }
    }

    async fn until(&self, what: &str, condition: impl Fn(&LinkFigures, &[Bytes]) -> bool) {
        let poll = async {
            while !condition(
                &self.link.snapshot(),
                &self.received.lock().expect("no panic"),
            ) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let came = timeout(PATIENCE, poll).await.is_ok();
        assert!(came, "waited for {what}: {:?}", self.link.snapshot());
    }

    async fn stop(self) -> LinkFigures {
        self.trigger.request();
        timeout(PATIENCE, self.task)
            .await
            .expect("ends")
            .expect("no panic");
        let figures = self.link.snapshot();
        assert_eq!(figures.state, LinkState::Stopped);
        figures
    }
}

struct Server(TcpListener);

impl Server {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    async fn accept(&self) -> WebSocketStream<TcpStream> {
        let accept = async {
            let (stream, _) = self.0.accept().await.expect("accepted");
            tokio_tungstenite::accept_async(stream)
                .await
                .expect("handshake")
        };
        timeout(PATIENCE, accept).await.expect("a client comes")
    }
}

/// Reads until the client's close frame.
async fn close_frame(socket: &mut WebSocketStream<TcpStream>) -> CloseFrame {
    let wait = async {
        loop {
            if let Message::Close(frame) = socket.next().await.expect("open").expect("whole") {
                return frame.expect("with a code");
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("a close frame")
}

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
async fn a_server_that_comes_late_is_found() {
    let port = Server::start().await.port(); // free again
    let rig = Rig::start(options(port));
    rig.until("some failures", |figures, _| {
        figures.failed_attempts >= 3 && figures.last_error.contains("cannot connect")
    })
    .await;
    let server = Server(
        TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("still free"),
    );
    server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
}

#[tokio::test]
async fn a_lost_server_is_found_again() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    for round in 1..4u64 {
        let mut socket = server.accept().await;
        socket
            .send(Message::Binary(Bytes::from_static(b"x")))
            .await
            .unwrap();
        rig.until("the data", |_, received| received.len() as u64 == round)
            .await;
        drop(socket); // no close frame
        rig.until("the loss", |figures, _| figures.disconnects == round)
            .await;
    }
}

#[tokio::test]
async fn the_servers_reason_is_kept() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    let frame = CloseFrame {
        code: CloseCode::Error,
        reason: "Writing buffer is full".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    rig.until("the reason", |figures, _| {
        figures.last_error.contains("1011") && figures.last_error.contains("Writing buffer is full")
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

#[tokio::test]
async fn a_changed_address_is_followed_at_once_and_politely() {
    let (old, new) = (Server::start().await, Server::start().await);
    let rig = Rig::start(options(old.port()));
    let mut socket = old.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.options.send_replace(options(new.port()));
    assert_eq!(close_frame(&mut socket).await.code, CloseCode::Normal);
    new.accept().await;
    rig.until("the new link", |figures, _| {
        figures.url.contains(&new.port().to_string())
    })
    .await;
}

#[tokio::test]
async fn a_changed_address_ends_a_long_pause() {
    let nobody = Server::start().await.port();
    let mut long = options(nobody);
    long.backoff = Bounds {
        initial_delay: Duration::from_secs(3600),
        max_delay: Duration::from_secs(3600),
    };
    let rig = Rig::start(long);
    rig.until("the pause", |figures, _| {
        figures.state == LinkState::Backoff
    })
    .await;
    let server = Server::start().await;
    rig.options.send_replace(options(server.port()));
    server.accept().await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let mut socket = server.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.trigger.request();
    assert_eq!(close_frame(&mut socket).await.code, CloseCode::Away);
    rig.stop().await;
}

#[tokio::test]
async fn a_shutdown_ends_every_wait() {
    // In the pause, in the handshake with a server that never answers, and with one that never says
    // goodbye.
    let nobody = Server::start().await.port();
    let mut paused = options(nobody);
    paused.backoff.initial_delay = Duration::from_secs(3600);
    paused.backoff.max_delay = Duration::from_secs(3600);
    let rig = Rig::start(paused);
    rig.until("the pause", |figures, _| {
        figures.state == LinkState::Backoff
    })
    .await;
    rig.stop().await;

    let silent = Server::start().await;
    let rig = Rig::start(options(silent.port()));
    let _held = timeout(PATIENCE, silent.0.accept())
        .await
        .expect("a client comes")
        .unwrap();
    rig.stop().await;

    let deaf = Server::start().await;
    let rig = Rig::start(options(deaf.port()));
    let _held = deaf.accept().await;
    rig.until("the link", |figures, _| figures.connects == 1)
        .await;
    rig.stop().await;
}

#[tokio::test]
async fn something_that_is_no_websocket_server_is_named() {
    let server = Server::start().await;
    let rig = Rig::start(options(server.port()));
    let (mut stream, _) = timeout(PATIENCE, server.0.accept())
        .await
        .expect("a client comes")
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(
        &mut stream,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    )
    .await
    .unwrap();
    rig.until("the error", |figures, _| {
        figures.last_error.contains("no WebSocket server")
    })
    .await;
}
