//! A link to SENSR that never gives up: connect, read, and when it ends, connect again.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::backoff::{Backoff, Bounds};
use super::link::{Endpoint, Link, LinkState};
use crate::shutdown::Shutdown;
use crate::stamp::Arrival;
use crate::throttle::Throttle;

/// Name resolution, TCP and WebSocket handshake together may take this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A server may take this long to answer our close frame; after that the socket is simply closed.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// Data for this long prove a link good, and the next pause is a short one again.
const PROVEN_AFTER: Duration = Duration::from_secs(10);
/// One log line in this time about what can happen again and again.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// What a link needs to know. May change while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOptions {
    /// Where to connect to. Changing it reconnects at once.
    pub endpoint: Endpoint,
    /// A larger message closes the link. Changing it reconnects at once.
    pub max_message_bytes: usize,
    /// Pauses between attempts.
    pub backoff: Bounds,
}

impl LinkOptions {
    fn need_a_new_link(&self, new: &Self) -> bool {
        self.endpoint != new.endpoint || self.max_message_bytes != new.max_message_bytes
    }
}

/// Why a link or an attempt ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not resolved, refused, unreachable.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// Neither yes nor no.
    #[error("no connection within {} s", CONNECT_LIMIT.as_secs())]
    ConnectTimeout,
    /// Something listens there, but it is no SENSR server.
    #[error("no WebSocket server: {0}")]
    Handshake(WsError),
    /// The server said goodbye.
    #[error("closed by the server: {0}")]
    Closed(String),
    /// The connection ended without a goodbye.
    #[error("connection lost: {0}")]
    Lost(WsError),
    /// A message over the limit.
    #[error("a message of {size} bytes is over max_message_bytes ({max})")]
    Oversized {
        /// Its size.
        size: usize,
        /// The limit.
        max: usize,
    },
}

/// How a link ended.
enum End {
    /// The node stops.
    Shutdown,
    /// The options want another link.
    Retarget,
    Failed(LinkError),
}

/// Keeps a link up until `shutdown`, and gives every whole binary message to `on_message` with the time
/// it was complete. `on_message` must not wait: while it runs, the socket is not read.
///
/// Text messages are counted and otherwise ignored. Nothing is sent but handshake, pong and close.
pub async fn run(
    link: &Link,
    mut options: watch::Receiver<LinkOptions>,
    mut shutdown: Shutdown,
    mut on_message: impl FnMut(Bytes, Arrival),
) {
    let mut backoff = Backoff::default();
    let mut random = SmallRng::from_os_rng();
    let mut complaints = Throttle::new(LOG_PERIOD);
    loop {
        let current = options.borrow_and_update().clone();
        let url = current.endpoint.url();
        link.update(|figures| figures.url.clone_from(&url));
        link.enter(LinkState::Connecting);
        let mut session = Session {
            link,
            current: &current,
            options: &mut options,
            shutdown: &mut shutdown,
            first_data: None,
            last_data: None,
        };
        let end = session.run(&url, &mut on_message).await;
        if session.is_proven() {
            backoff.reset();
            complaints = Throttle::new(LOG_PERIOD);
        }
        match end {
            End::Shutdown => break,
            End::Retarget => {
                log::info!("link settings changed, leaving {url}");
                backoff.reset();
            }
            End::Failed(error) => {
                let pause = backoff.next(options.borrow().backoff, &mut random);
                complain(&mut complaints, &url, &error, pause);
                link.update(|figures| figures.last_error = error.to_string());
                link.enter(LinkState::Backoff);
                if wait(pause, &current, &mut options, &mut shutdown, &mut backoff)
                    .await
                    .is_break()
                {
                    break;
                }
            }
        }
    }
    link.enter(LinkState::Stopped);
}

fn complain(complaints: &mut Throttle, url: &str, error: &LinkError, pause: Duration) {
    let pause = pause.as_secs_f64();
    match complaints.pass(Instant::now()) {
        Some(held_back) => {
            log::warn!("{url}: {error}{held_back}; next attempt in {pause:.1} s");
        }
        None => log::debug!("{url}: {error}; next attempt in {pause:.1} s"),
    }
}

/// Sits out a pause. New options end it early, a shutdown breaks.
async fn wait(
    pause: Duration,
    current: &LinkOptions,
    options: &mut watch::Receiver<LinkOptions>,
    shutdown: &mut Shutdown,
    backoff: &mut Backoff,
) -> ControlFlow<()> {
    tokio::select! {
        () = shutdown.requested() => return ControlFlow::Break(()),
        _ = options.wait_for(|new| new != current) => backoff.reset(),
        () = tokio::time::sleep(pause) => {}
    }
    ControlFlow::Continue(())
}

/// One attempt and, if it succeeds, the link that comes of it.
struct Session<'a> {
    link: &'a Link,
    current: &'a LinkOptions,
    options: &'a mut watch::Receiver<LinkOptions>,
    shutdown: &'a mut Shutdown,
    first_data: Option<Instant>,
    last_data: Option<Instant>,
}

impl Session<'_> {
    async fn run(&mut self, url: &str, on_message: &mut impl FnMut(Bytes, Arrival)) -> End {
        let connected = tokio::select! {
            end = interruption(self.shutdown, self.options, self.current) => return end,
            connected = connect(self.current, url) => connected,
        };
        let mut socket = match connected {
            Ok(socket) => socket,
            Err(error) => {
                self.link.update(|figures| figures.failed_attempts += 1);
                return End::Failed(error);
            }
        };
        self.link.enter(LinkState::Connected);
        log::info!("connected to {url}");
        let end = self.read(&mut socket, on_message).await;
        self.link.update(|figures| figures.disconnects += 1);
        let code = match &end {
            End::Shutdown => Some(CloseCode::Away),
            End::Retarget => Some(CloseCode::Normal),
            End::Failed(LinkError::Oversized { .. }) => Some(CloseCode::Size),
            End::Failed(_) => None,
        };
        if let Some(code) = code {
            close(socket, code).await;
        }
        end
    }

    async fn read(
        &mut self,
        socket: &mut WebSocketStream<TcpStream>,
        on_message: &mut impl FnMut(Bytes, Arrival),
    ) -> End {
        let mut text_complaints = Throttle::new(LOG_PERIOD);
        loop {
            let message = tokio::select! {
                end = interruption(self.shutdown, self.options, self.current) => return end,
                message = socket.next() => message,
            };
            match message {
                Some(Ok(Message::Binary(payload))) => {
                    let arrival = Arrival::now();
                    self.first_data.get_or_insert(arrival.instant);
                    self.last_data = Some(arrival.instant);
                    self.link.update(|figures| {
                        figures.frames += 1;
                        figures.bytes += payload.len() as u64;
                    });
                    on_message(payload, arrival);
                }
                Some(Ok(Message::Text(text))) => {
                    self.link.update(|figures| figures.text_frames += 1);
                    if let Some(held_back) = text_complaints.pass(Instant::now()) {
                        log::warn!("ignored a text frame of {} bytes{held_back}", text.len());
                    }
                }
                // Pings are answered by the socket itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return End::Failed(LinkError::Closed(in_words(frame.as_ref())));
                }
                Some(Err(error)) => return End::Failed(self.classify(error)),
                None => return End::Failed(LinkError::Lost(WsError::ConnectionClosed)),
            }
        }
    }

    fn classify(&self, error: WsError) -> LinkError {
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                self.link.update(|figures| figures.oversized_frames += 1);
                LinkError::Oversized {
                    size,
                    max: max_size,
                }
            }
            error => LinkError::Lost(error),
        }
    }

    fn is_proven(&self) -> bool {
        self.first_data
            .zip(self.last_data)
            .is_some_and(|(first, last)| last.duration_since(first) >= PROVEN_AFTER)
    }
}

/// Waits for a reason to leave a link or an attempt that is otherwise fine.
async fn interruption(
    shutdown: &mut Shutdown,
    options: &mut watch::Receiver<LinkOptions>,
    current: &LinkOptions,
) -> End {
    tokio::select! {
        () = shutdown.requested() => End::Shutdown,
        changed = options.wait_for(|new| current.need_a_new_link(new)) => match changed {
            Ok(_) => End::Retarget,
            // Nobody is left to change them.
            Err(_) => End::Shutdown,
        },
    }
}

async fn connect(
    options: &LinkOptions,
    url: &str,
) -> Result<WebSocketStream<TcpStream>, LinkError> {
    let attempt = async {
        let Endpoint { address, port } = &options.endpoint;
        let stream = TcpStream::connect((address.as_str(), *port))
            .await
            .map_err(LinkError::Connect)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(options.max_message_bytes))
            .max_frame_size(Some(options.max_message_bytes));
        let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
            .await
            .map_err(LinkError::Handshake)?;
        Ok(socket)
    };
    timeout(CONNECT_LIMIT, attempt)
        .await
        .unwrap_or(Err(LinkError::ConnectTimeout))
}

/// Says goodbye and waits for the answer, but not for long. Messages still under way are not read.
async fn close(mut socket: WebSocketStream<TcpStream>, code: CloseCode) {
    let frame = CloseFrame {
        code,
        reason: "".into(),
    };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        while let Some(Ok(_)) = socket.next().await {}
        // Closing a socket with unread bytes in it resets the connection, which can overtake the close
        // frame. So what is left of an oversized message is read and thrown away.
        let mut stream = socket.into_inner();
        if stream.shutdown().await.is_ok() {
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    };
    if timeout(CLOSE_LIMIT, goodbye).await.is_err() {
        log::debug!("the server did not answer the close frame");
    }
}

/// A close frame as an operator reads it.
fn in_words(frame: Option<&CloseFrame>) -> String {
    let Some(frame) = frame else {
        return "no reason given".to_owned();
    };
    let code = u16::from(frame.code);
    if frame.reason.is_empty() {
        format!("code {code}")
    } else {
        format!("code {code}, {}", frame.reason)
    }
}
