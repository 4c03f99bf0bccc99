//! A running link, and a server that does what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use sensr_bridge::connection::backoff::Bounds;
use sensr_bridge::connection::keepalive::KeepAliveTimeouts;
use sensr_bridge::connection::options::LinkOptions;
use sensr_bridge::connection::reconnect::{self, FrameHandler};
use sensr_bridge::connection::status::{Endpoint, LinkFigures, LinkState, LinkStatus};
use sensr_bridge::time::stamp::Arrival;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::CancellationToken;

/// Far longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const LIMIT: usize = 100_000;

/// A running link and what came through it.
pub(crate) struct Rig {
    pub(crate) link: Arc<LinkStatus>,
    pub(crate) options: watch::Sender<LinkOptions>,
    pub(crate) trigger: CancellationToken,
    pub(crate) received: Arc<Mutex<Vec<Bytes>>>,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn options(port: u16) -> LinkOptions {
    LinkOptions {
        endpoint: Endpoint {
            address: "127.0.0.1".to_owned(),
            port,
            tls: None,
        },
        max_message_bytes: LIMIT,
        backoff: Bounds {
            initial_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(100),
        },
        // Only what a test is about may come in its way.
        patience: KeepAliveTimeouts {
            stall_timeout: 10 * PATIENCE,
            ping_interval: 5 * PATIENCE,
        },
        obstacle: None,
        enabled: true,
        reconnect_generation: 0,
    }
}

impl Rig {
    /// A link in a pause that nobody can wait out, after an attempt where nobody listens.
    pub(crate) async fn in_a_long_pause() -> Self {
        let nobody = Server::start().await.port(); // free again
        let long = Duration::from_secs(3600);
        let rig = Self::start(LinkOptions {
            backoff: Bounds {
                initial_delay: long,
                max_delay: long,
            },
            ..options(nobody)
        });
        rig.until("the pause", |figures, _| {
            figures.state == LinkState::Backoff
        })
        .await;
        rig
    }

    pub(crate) fn start(options: LinkOptions) -> Self {
        let received: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let keep = {
            let received = Arc::clone(&received);
            move |payload: Bytes, _: Arrival| received.lock().expect("no panic").push(payload)
        };
        Self {
            received,
            ..Self::start_with(options, keep)
        }
    }

    /// A link with a handler of its own.
    pub(crate) fn start_with(
        options: LinkOptions,
        handler: impl FrameHandler + Send + 'static,
    ) -> Self {
        let link: Arc<LinkStatus> = Arc::default();
        let (options, changes) = watch::channel(options);
        let trigger = CancellationToken::new();
        let shutdown = trigger.clone();
        let task = tokio::spawn({
            let link = Arc::clone(&link);
            async move { reconnect::run(&link, changes, shutdown, handler).await }
        });
        Self {
            link,
            options,
            trigger,
            received: Arc::default(),
            task,
        }
    }

    pub(crate) async fn until(
        &self,
        what: &str,
        condition: impl Fn(&LinkFigures, &[Bytes]) -> bool,
    ) {
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

    /// Changes the options while the link runs.
    pub(crate) fn change(&self, change: impl FnOnce(&mut LinkOptions)) {
        self.options.send_modify(change);
    }

    pub(crate) async fn stop(self) -> LinkFigures {
        self.trigger.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("ends")
            .expect("no panic");
        let figures = self.link.snapshot();
        assert_eq!(figures.state, LinkState::Stopped);
        figures
    }
}

pub(crate) struct Server(pub(crate) TcpListener);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    pub(crate) async fn accept(&self) -> WebSocketStream<TcpStream> {
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
pub(crate) async fn close_frame(socket: &mut WebSocketStream<TcpStream>) -> CloseFrame {
    let wait = async {
        loop {
            if let Message::Close(frame) = socket.next().await.expect("open").expect("whole") {
                return frame.expect("with a code");
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("a close frame")
}
