//! A running link and a scripted server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use sensr_bridge::connection::backoff::BackoffLimits;
use sensr_bridge::connection::keepalive::KeepAliveTimeouts;
use sensr_bridge::connection::options::LinkOptions;
use sensr_bridge::connection::reconnect::{FrameHandler, run_link};
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

/// Timeout of every wait, far longer than needed on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const MAX_MESSAGE_BYTES: usize = 100_000;

/// A running link and the messages received through it.
pub(crate) struct Fixture {
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
        max_message_bytes: MAX_MESSAGE_BYTES,
        backoff: BackoffLimits {
            initial_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(100),
        },
        // Too long to interfere with tests of other things.
        keep_alive: KeepAliveTimeouts {
            stall_timeout: 10 * TIMEOUT,
            ping_interval: 5 * TIMEOUT,
        },
        obstacle: None,
        enabled: true,
        reconnect_generation: 0,
    }
}

impl Fixture {
    /// Starts a link and waits until its first attempt has failed and a back-off of an hour has begun.
    pub(crate) async fn in_a_long_backoff() -> Self {
        let free_port = Server::start().await.port(); // free again
        let long = Duration::from_secs(3600);
        let fixture = Self::start(LinkOptions {
            backoff: BackoffLimits {
                initial_delay: long,
                max_delay: long,
            },
            ..options(free_port)
        });
        fixture
            .wait_until("the back-off", |figures, _| {
                figures.state == LinkState::Backoff
            })
            .await;
        fixture
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

    /// Starts a link with its own handler.
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
            async move { run_link(&link, changes, shutdown, handler).await }
        });
        Self {
            link,
            options,
            trigger,
            received: Arc::default(),
            task,
        }
    }

    pub(crate) async fn wait_until(
        &self,
        awaited: &str,
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
        let happened = timeout(TIMEOUT, poll).await.is_ok();
        assert!(happened, "waited for {awaited}: {:?}", self.link.snapshot());
    }

    /// Changes the options at run time.
    pub(crate) fn change_options(&self, change: impl FnOnce(&mut LinkOptions)) {
        self.options.send_modify(change);
    }

    pub(crate) async fn stop(self) -> LinkFigures {
        self.trigger.cancel();
        timeout(TIMEOUT, self.task)
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
        timeout(TIMEOUT, accept).await.expect("a client connects")
    }
}

/// Reads until the client's close frame.
pub(crate) async fn read_close_frame(socket: &mut WebSocketStream<TcpStream>) -> CloseFrame {
    let wait = async {
        loop {
            if let Message::Close(frame) = socket.next().await.expect("open").expect("whole") {
                return frame.expect("with a code");
            }
        }
    };
    timeout(TIMEOUT, wait).await.expect("a close frame")
}
