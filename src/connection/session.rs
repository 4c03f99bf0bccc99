//! One link: established, read until it ends, and ended politely.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::close_frame::CloseReason;
use super::connect::connect;
use super::error::LinkError;
use super::keepalive::{KeepAlive, LinkCheck, Silence};
use super::options::LinkOptions;
use super::status::{LinkState, LinkStatus};
use super::transport::Transport;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;
use tokio_util::sync::CancellationToken;

/// A server may take this long to answer our close frame; after that the socket is simply closed.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// Data for this long prove a link good, and the next pause is a short one again.
const PROVEN_AFTER: Duration = Duration::from_secs(10);
/// One log line in this time about what can happen again and again.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// How a link ended.
pub(super) enum End {
    /// The node stops.
    Shutdown,
    /// The options want another link, or none.
    Retarget,
    Failed(LinkError),
}

/// One attempt and, if it succeeds, the link that comes of it.
pub(super) struct Session<'a> {
    link: &'a LinkStatus,
    current: &'a LinkOptions,
    options: &'a mut watch::Receiver<LinkOptions>,
    shutdown: &'a CancellationToken,
    /// Of a server that is alive and sends nothing. Outlasts a link.
    silence: &'a mut Silence,
    text_complaints: LogThrottle,
    /// Messages that were read whole.
    messages: u64,
    first_data: Option<Instant>,
    last_data: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        link: &'a LinkStatus,
        current: &'a LinkOptions,
        options: &'a mut watch::Receiver<LinkOptions>,
        shutdown: &'a CancellationToken,
        silence: &'a mut Silence,
    ) -> Self {
        Self {
            link,
            current,
            options,
            shutdown,
            silence,
            text_complaints: LogThrottle::new(LOG_PERIOD),
            messages: 0,
            first_data: None,
            last_data: None,
        }
    }

    pub(super) async fn run(
        &mut self,
        url: &str,
        on_message: &mut impl FnMut(Bytes, Arrival),
    ) -> End {
        let attempt = connect(&self.current.endpoint, self.current.max_message_bytes);
        let connected = tokio::select! {
            // A link that stands is ended politely, for there may be data on it already.
            biased;
            connected = attempt => connected,
            end = interruption(self.shutdown, self.options, self.current) => return end,
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
        self.warn_of_unchecked_name(url);
        if let Some(warning) = socket.get_ref().warning() {
            log::warn!("{url}: {warning}");
        }
        let end = self.read(&mut socket, url, on_message).await;
        let close_code = end.close_code();
        let transport = if let Some(code) = close_code {
            self.close(socket, code, on_message).await
        } else {
            // The answer to the server's close frame, if that was the end.
            let _ = socket.flush().now_or_never();
            socket.into_inner()
        };
        let cut = transport.messages_begun().saturating_sub(self.messages);
        self.link.update(|figures| {
            figures.disconnects += 1;
            figures.truncated_frames += cut;
        });
        // Those of a server that ended the link are in its reason.
        if close_code.is_some() && cut > 0 {
            log::warn!("{url}: {cut} messages were cut off by the end of the link");
        }
        end
    }

    /// Never silently.
    fn warn_of_unchecked_name(&self, url: &str) {
        let tls = self.current.endpoint.tls.as_ref();
        if tls.is_some_and(|tls| !tls.verify_name) {
            log::warn!(
                "{url}: the server's certificate is signed by tls.ca_file, but whose it is was not looked at \
                 (tls.verify_name is false)"
            );
        }
    }

    async fn read(
        &mut self,
        socket: &mut WebSocketStream<Transport>,
        url: &str,
        on_message: &mut impl FnMut(Bytes, Arrival),
    ) -> End {
        let mut liveness = KeepAlive::new(self.current.patience, Instant::now(), *self.silence);
        let mut alarm = liveness.next_look();
        loop {
            let message = tokio::select! {
                end = interruption(self.shutdown, self.options, self.current) => return end,
                message = socket.next() => message,
                () = sleep_until(alarm.into()) => {
                    let Some(message) = what_came_meanwhile(socket).await else {
                        liveness.set_patience(self.options.borrow().patience);
                        if let Err(error) = self.look(&mut liveness, socket, url) {
                            return End::Failed(error);
                        }
                        alarm = liveness.next_look();
                        continue;
                    };
                    message
                }
            };
            match message {
                Some(Ok(Message::Close(frame))) => {
                    return End::Failed(self.closed(CloseReason::of(frame.as_ref())));
                }
                Some(Ok(message)) => {
                    if let Some(arrival) = self.take(message, on_message) {
                        liveness.data(arrival.instant);
                        self.end_silence(liveness.silence(), url);
                    }
                }
                Some(Err(error)) => return End::Failed(self.classify(error)),
                None => return End::Failed(LinkError::Lost(WsError::ConnectionClosed)),
            }
        }
    }

    /// Passes a message on and counts it. Returns when it came, if it was data.
    fn take(
        &mut self,
        message: Message,
        on_message: &mut impl FnMut(Bytes, Arrival),
    ) -> Option<Arrival> {
        match message {
            Message::Binary(payload) => {
                let arrival = Arrival::now();
                self.count(payload.len(), arrival);
                on_message(payload, arrival);
                Some(arrival)
            }
            Message::Text(text) => {
                self.messages += 1;
                self.link.update(|figures| figures.text_frames += 1);
                if let Some(suppressed) = self.text_complaints.pass(Instant::now()) {
                    log::warn!("ignored a text frame of {} bytes{suppressed}", text.len());
                }
                None
            }
            // Pings are answered by the socket itself. That a pong came is seen in its bytes.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
        }
    }

    fn count(&mut self, length: usize, arrival: Arrival) {
        self.messages += 1;
        self.first_data.get_or_insert(arrival.instant);
        self.last_data = Some(arrival.instant);
        self.link.update(|figures| {
            figures.frames += 1;
            figures.bytes += length as u64;
            figures.largest_frame = figures.largest_frame.max(length as u64);
            figures.is_silent = false;
        });
    }

    /// A stream ends a silence; single messages do not, or each event of a server whose stream is off would be news.
    fn end_silence(&mut self, now: Silence, url: &str) {
        if self.silence.is_told && !now.is_told {
            log::info!("{url}: receiving data again");
        }
        *self.silence = now;
    }

    /// Sees whether the link is alive, and asks for a sign of life when it is time.
    fn look(
        &mut self,
        liveness: &mut KeepAlive,
        socket: &mut WebSocketStream<Transport>,
        url: &str,
    ) -> Result<(), LinkError> {
        liveness.heard(socket.get_ref().heard());
        match liveness.look(Instant::now()) {
            LinkCheck::Fine => {}
            LinkCheck::PingDue => ping(socket),
            LinkCheck::NoData(silence) => {
                self.link.update(|figures| figures.is_silent = true);
                if !self.silence.is_told {
                    log::error!(
                        "{url}: no data for {:.1} s, though the server is alive: is its output switched off, or are \
                         its sensors?",
                        silence.as_secs_f64()
                    );
                }
                *self.silence = liveness.silence();
            }
            LinkCheck::Dead(silence) => return Err(self.stalled(LinkError::Dead(silence))),
            LinkCheck::NoDataTimeout(silence) => {
                *self.silence = liveness.silence();
                return Err(self.stalled(LinkError::NoData(silence)));
            }
        }
        Ok(())
    }

    fn stalled(&self, error: LinkError) -> LinkError {
        self.link.update(|figures| figures.stalls += 1);
        error
    }

    fn closed(&self, farewell: CloseReason) -> LinkError {
        if farewell.is_loss {
            self.link.update(|figures| figures.server_overflows += 1);
        }
        LinkError::Closed(farewell)
    }

    fn classify(&mut self, error: WsError) -> LinkError {
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                self.messages += 1;
                self.link.update(|figures| figures.oversized_frames += 1);
                LinkError::Oversized {
                    size,
                    max: max_size,
                }
            }
            error => LinkError::Lost(error),
        }
    }

    /// Says goodbye, and takes what the server sent before it heard of that: until it answers, but not for long.
    async fn close(
        &mut self,
        mut socket: WebSocketStream<Transport>,
        code: CloseCode,
        on_message: &mut impl FnMut(Bytes, Arrival),
    ) -> Transport {
        let until = Instant::now() + CLOSE_LIMIT;
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        // Not waited for, as with a ping: what the server sends may have to be read before it takes anything.
        if let Some(Err(error)) = socket.send(Message::Close(Some(frame))).now_or_never() {
            log::debug!("close: {error}");
        }
        let answered = async {
            while let Some(Ok(message)) = socket.next().await {
                self.take(message, on_message);
            }
        };
        let is_answered = timeout_at(until.into(), answered).await.is_ok();
        let mut transport = socket.into_inner();
        let is_read = is_answered && timeout_at(until.into(), rest(&mut transport)).await.is_ok();
        if !is_read {
            log::debug!("the server did not answer the close frame");
        }
        transport
    }

    /// Whether it brought data for long enough to be thought of as good.
    pub(super) fn is_proven(&self) -> bool {
        self.first_data
            .zip(self.last_data)
            .is_some_and(|(first, last)| last.duration_since(first) >= PROVEN_AFTER)
    }
}

impl End {
    /// What to say to the server. Nothing to one that has gone, or is taken for dead.
    fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Shutdown => Some(CloseCode::Away),
            Self::Retarget => Some(CloseCode::Normal),
            Self::Failed(LinkError::Oversized { .. }) => Some(CloseCode::Size),
            Self::Failed(LinkError::NoData(_)) => Some(CloseCode::Policy),
            Self::Failed(_) => None,
        }
    }
}

/// Waits for a reason to leave a link or an attempt that is otherwise fine.
async fn interruption(
    shutdown: &CancellationToken,
    options: &mut watch::Receiver<LinkOptions>,
    current: &LinkOptions,
) -> End {
    tokio::select! {
        () = shutdown.cancelled() => End::Shutdown,
        changed = options.wait_for(|new| current.requires_reconnect(new)) => match changed {
            Ok(_) => End::Retarget,
            // Nobody is left to change them.
            Err(_) => End::Shutdown,
        },
    }
}

/// The next message, if it is there already.
///
/// A process, or a machine, that was stopped for a while finds its timers expired, and hears of what came on its
/// sockets only after that. Silence is what is left when there is nothing to read.
async fn what_came_meanwhile(
    socket: &mut WebSocketStream<Transport>,
) -> Option<Option<Result<Message, WsError>>> {
    // The reactor looks at the sockets.
    tokio::task::yield_now().await;
    socket.next().now_or_never()
}

/// Sends a ping without waiting: what the socket does not take now it takes with the next one. A server that reads
/// nothing must not keep us from reading.
fn ping(socket: &mut WebSocketStream<Transport>) {
    if let Some(Err(error)) = socket.send(Message::Ping(Bytes::new())).now_or_never() {
        // The read that follows fails for the same reason, and says so.
        log::debug!("ping: {error}");
    }
}

/// Reads what is left of a message that was not taken, and throws it away. Closing a socket with unread bytes in it
/// resets the connection, which can overtake the close frame.
async fn rest(transport: &mut Transport) {
    if transport.shutdown().await.is_ok() {
        let _ = tokio::io::copy(transport, &mut tokio::io::sink()).await;
    }
}
