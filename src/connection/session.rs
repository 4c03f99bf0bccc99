//! One connection: established, read until it ends, and closed gracefully.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::close_frame::CloseReason;
use super::connect::{AttemptTrace, connect};
use super::error::LinkError;
use super::keepalive::{DataStall, KeepAlive, LinkCheck};
use super::options::LinkOptions;
use super::reconnect::FrameHandler;
use super::status::{LinkState, LinkStatus};
use super::transport::Transport;
use super::websocket::{Message, WebSocket};
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;
use tokio_util::sync::CancellationToken;

/// Time for the server to answer our close frame. After that the socket is closed without an answer.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Time with data after which a connection counts as stable and resets the back-off.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// Period in which a repeated event is logged once.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// End of a connection or an attempt.
pub(super) enum SessionEnd {
    /// The node shuts down.
    Shutdown,
    /// The options require another connection, or none.
    OptionsChanged,
    Failed(LinkError),
}

/// One attempt to connect and, if it succeeds, the connection.
pub(super) struct Session<'a> {
    link: &'a LinkStatus,
    current: &'a LinkOptions,
    options: &'a mut watch::Receiver<LinkOptions>,
    shutdown: &'a CancellationToken,
    /// Outlasts the connection.
    stall: &'a mut DataStall,
    text_throttle: LogThrottle,
    /// Messages read completely.
    messages: u64,
    first_frame: Option<Instant>,
    last_frame: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        link: &'a LinkStatus,
        current: &'a LinkOptions,
        options: &'a mut watch::Receiver<LinkOptions>,
        shutdown: &'a CancellationToken,
        stall: &'a mut DataStall,
    ) -> Self {
        Self {
            link,
            current,
            options,
            shutdown,
            stall,
            text_throttle: LogThrottle::new(LOG_PERIOD),
            messages: 0,
            first_frame: None,
            last_frame: None,
        }
    }

    /// Connects, and passes messages to `handler` until the connection ends.
    pub(super) async fn run(&mut self, url: &str, handler: &mut impl FrameHandler) -> SessionEnd {
        let mut trace = AttemptTrace::default();
        let attempt = connect(
            &self.current.endpoint,
            self.current.max_message_bytes,
            &mut trace,
        );
        let connected = tokio::select! {
            // An established connection is closed gracefully, because it may have data already.
            biased;
            connected = attempt => connected,
            end = wait_for_interruption(self.shutdown, self.options, self.current) => return end,
        };
        match connected {
            Ok(socket) => self.run_connected(socket, url, handler).await,
            Err(error) => {
                self.link.update(|figures| figures.failed_attempts += 1);
                SessionEnd::Failed(error)
            }
        }
    }

    /// Passes the messages of an established connection to `handler` until it ends.
    pub(super) async fn run_connected(
        &mut self,
        mut socket: WebSocket,
        url: &str,
        handler: &mut impl FrameHandler,
    ) -> SessionEnd {
        self.link.set_state(LinkState::Connected);
        handler.handle_connect();
        log::info!("connected to {url}");
        self.warn_if_name_unverified(url);
        if let Some(warning) = socket.transport().warning() {
            log::warn!("{url}: {warning}");
        }
        let end = self.read_messages(&mut socket, url, handler).await;
        let close_code = end.close_code();
        let transport = if let Some(code) = close_code {
            self.close_gracefully(socket, code, handler).await
        } else {
            // Sends the answer to the server's close frame, if there was one.
            let _ = socket.send_waiting();
            socket.into_transport()
        };
        let truncated = transport.started_messages().saturating_sub(self.messages);
        self.link.update(|figures| {
            figures.disconnects += 1;
            figures.truncated_frames += truncated;
        });
        // If the server ended the connection, the reason for that is logged instead.
        if close_code.is_some() && truncated > 0 {
            log::warn!("{url}: {truncated} frames were truncated by the end of the link");
        }
        end
    }

    /// Logs a warning when `tls.verify_name` is off.
    fn warn_if_name_unverified(&self, url: &str) {
        let tls = self.current.endpoint.tls.as_ref();
        if tls.is_some_and(|tls| !tls.verify_name) {
            log::warn!(
                "{url}: the server's certificate is signed by tls.ca_file, but its name was not verified \
                 (tls.verify_name is false)"
            );
        }
    }

    async fn read_messages(
        &mut self,
        socket: &mut WebSocket,
        url: &str,
        handler: &mut impl FrameHandler,
    ) -> SessionEnd {
        let mut keep_alive = KeepAlive::new(self.current.keep_alive, Instant::now(), *self.stall);
        let mut next_poll = keep_alive.next_poll();
        loop {
            let message = tokio::select! {
                end = wait_for_interruption(self.shutdown, self.options, self.current) => return end,
                message = socket.next() => message,
                () = sleep_until(next_poll.into()) => {
                    let Some(message) = socket.next_if_received().await else {
                        keep_alive.set_timeouts(self.options.borrow().keep_alive);
                        if let Err(error) = self.poll_keep_alive(&mut keep_alive, socket, url) {
                            return SessionEnd::Failed(error);
                        }
                        next_poll = keep_alive.next_poll();
                        continue;
                    };
                    message
                }
            };
            match message {
                Some(Ok(Message::Close(frame))) => {
                    return SessionEnd::Failed(
                        self.record_close(CloseReason::from_frame(frame.as_ref())),
                    );
                }
                Some(Ok(message)) => {
                    if let Some(arrival) = self.handle_message(message, handler) {
                        keep_alive.on_message(arrival.instant);
                        self.update_stall(keep_alive.stall(), url);
                    }
                }
                Some(Err(error)) => return SessionEnd::Failed(self.record_error(error)),
                None => return SessionEnd::Failed(LinkError::Lost(WsError::ConnectionClosed)),
            }
        }
    }

    /// Counts a message and passes a binary one to `handler`. Returns the arrival of a binary one.
    fn handle_message(
        &mut self,
        message: Message,
        handler: &mut impl FrameHandler,
    ) -> Option<Arrival> {
        match message {
            Message::Binary(payload) => {
                let arrival = Arrival::now();
                self.count_frame(payload.len(), arrival);
                handler.handle_frame(payload, arrival);
                Some(arrival)
            }
            Message::Text(text) => {
                self.messages += 1;
                self.link.update(|figures| figures.text_frames += 1);
                if let Some(suppressed) = self.text_throttle.try_acquire(Instant::now()) {
                    log::warn!("ignored a text frame of {} bytes{suppressed}", text.len());
                }
                None
            }
            Message::Close(_) => None,
        }
    }

    fn count_frame(&mut self, length: usize, arrival: Arrival) {
        self.messages += 1;
        self.first_frame.get_or_insert(arrival.instant);
        self.last_frame = Some(arrival.instant);
        self.link.update(|figures| {
            figures.frames += 1;
            figures.bytes += length as u64;
            figures.largest_frame = figures.largest_frame.max(length as u64);
            figures.is_silent = false;
        });
    }

    /// Logs the end of a stall. Single messages do not end it, or each event of a server without a stream would be logged.
    fn update_stall(&mut self, now: DataStall, url: &str) {
        if self.stall.is_reported && !now.is_reported {
            log::info!("{url}: receiving data again");
        }
        *self.stall = now;
    }

    /// Checks whether the connection is alive, and sends a ping when it is due.
    fn poll_keep_alive(
        &mut self,
        keep_alive: &mut KeepAlive,
        socket: &mut WebSocket,
        url: &str,
    ) -> Result<(), LinkError> {
        keep_alive.on_bytes(socket.transport().last_received());
        match keep_alive.poll(Instant::now()) {
            LinkCheck::Healthy => {}
            LinkCheck::PingDue => {
                if let Err(error) = socket.send_ping() {
                    // The next read fails for the same reason and reports it.
                    log::debug!("ping: {error}");
                }
            }
            LinkCheck::NoData(elapsed) => {
                self.link.update(|figures| figures.is_silent = true);
                if !self.stall.is_reported {
                    log::error!(
                        "{url}: no data for {:.1} s, though the server is alive: check that its output and its \
                         sensors are switched on",
                        elapsed.as_secs_f64()
                    );
                }
                *self.stall = keep_alive.stall();
            }
            LinkCheck::Dead(elapsed) => return Err(self.count_stall(LinkError::Dead(elapsed))),
            LinkCheck::NoDataTimeout(elapsed) => {
                *self.stall = keep_alive.stall();
                return Err(self.count_stall(LinkError::NoData(elapsed)));
            }
        }
        Ok(())
    }

    fn count_stall(&self, error: LinkError) -> LinkError {
        self.link.update(|figures| figures.stalls += 1);
        error
    }

    fn record_close(&self, reason: CloseReason) -> LinkError {
        if reason.is_loss {
            self.link.update(|figures| figures.server_overflows += 1);
        }
        LinkError::Closed(reason)
    }

    fn record_error(&mut self, error: WsError) -> LinkError {
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

    /// Sends a close frame, and handles the messages that the server sent before its answer, within [`CLOSE_TIMEOUT`].
    async fn close_gracefully(
        &mut self,
        mut socket: WebSocket,
        code: CloseCode,
        handler: &mut impl FrameHandler,
    ) -> Transport {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        // Not awaited, as with a ping: the server may not read before its own data have been read.
        if let Err(error) = socket.send_close(frame) {
            log::debug!("close: {error}");
        }
        let answered = async {
            while let Some(Ok(message)) = socket.next().await {
                self.handle_message(message, handler);
            }
        };
        let is_answered = timeout_at(deadline.into(), answered).await.is_ok();
        let mut transport = socket.into_transport();
        let is_drained = is_answered
            && timeout_at(deadline.into(), drain_transport(&mut transport))
                .await
                .is_ok();
        if !is_drained {
            log::debug!("the server did not answer the close frame");
        }
        transport
    }

    /// Returns whether data were received for [`STABLE_AFTER`] at least.
    pub(super) fn was_stable(&self) -> bool {
        self.first_frame
            .zip(self.last_frame)
            .is_some_and(|(first, last)| last.duration_since(first) >= STABLE_AFTER)
    }
}

impl SessionEnd {
    /// Close code to send. `None` to a server that closed the connection or is dead.
    fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Shutdown => Some(CloseCode::Away),
            Self::OptionsChanged => Some(CloseCode::Normal),
            Self::Failed(LinkError::Oversized { .. }) => Some(CloseCode::Size),
            Self::Failed(LinkError::NoData(_)) => Some(CloseCode::Policy),
            Self::Failed(_) => None,
        }
    }
}

/// Waits for a shutdown, or for options that require another connection.
async fn wait_for_interruption(
    shutdown: &CancellationToken,
    options: &mut watch::Receiver<LinkOptions>,
    current: &LinkOptions,
) -> SessionEnd {
    tokio::select! {
        () = shutdown.cancelled() => SessionEnd::Shutdown,
        changed = options.wait_for(|new| current.requires_reconnect(new)) => match changed {
            Ok(_) => SessionEnd::OptionsChanged,
            // The sender is gone, as at a shutdown.
            Err(_) => SessionEnd::Shutdown,
        },
    }
}

/// Reads and discards the remaining bytes. Closing a socket with unread bytes resets the connection, which can overtake
/// the close frame.
async fn drain_transport(transport: &mut Transport) {
    if transport.shutdown().await.is_ok() {
        let _ = tokio::io::copy(transport, &mut tokio::io::sink()).await;
    }
}
