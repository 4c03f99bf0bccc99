//! Link to a SENSR server that reconnects for ever, with exponential back-off.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::error::LinkError;
use super::keepalive::DataStall;
use super::options::LinkOptions;
use super::session::{Session, SessionEnd};
use super::status::{Endpoint, LinkState, LinkStatus};
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;

/// Period in which the same failure is logged once.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// Handler of the frames of a link, in the order in which they were received.
pub trait FrameHandler {
    /// Handles a whole binary message, received completely at `arrival`. Must not block: the socket is not read meanwhile.
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival);

    /// Handles that the link was established, before its first frame. Must not block.
    fn handle_connect(&mut self) {}

    /// Handles a change of the server that all following frames are from. Called before the first attempt to connect to
    /// it, and not for a reconnect to the same one (see [`Endpoint::is_same_server`]). Must not block.
    fn handle_server(&mut self, _server: &Endpoint) {}
}

impl<F: FnMut(Bytes, Arrival)> FrameHandler for F {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        self(payload, arrival);
    }
}

/// Keeps a link up until `shutdown` and passes its frames to `handler`.
///
/// All messages of a connection are handled before those of the next one, including those received while it is being
/// closed. Text messages are counted and otherwise ignored. Sends nothing but handshake, ping, pong and close.
pub async fn run_link(
    link: &LinkStatus,
    mut options: watch::Receiver<LinkOptions>,
    shutdown: CancellationToken,
    mut handler: impl FrameHandler,
) {
    let mut server: Option<Endpoint> = None;
    let mut backoff = Backoff::default();
    let mut random = SmallRng::from_os_rng();
    let mut failure_log = FailureLog::new();
    let mut stall = DataStall::default();
    loop {
        let current = options.borrow_and_update().clone();
        let url = match current.obstacle {
            None => current.endpoint.url(),
            Some(_) => String::new(),
        };
        link.update(|figures| figures.url.clone_from(&url));
        let is_same = |server: &Endpoint| server.is_same_server(&current.endpoint);
        if !server.as_ref().is_some_and(is_same) {
            // The error was that of the previous server.
            link.update(|figures| figures.last_error.clear());
            handler.handle_server(&current.endpoint);
            server = Some(current.endpoint.clone());
            stall = DataStall::default();
        }
        if !current.enabled {
            link.set_state(LinkState::Paused);
            let enabled = wait_until_enabled(&current, &mut options, &shutdown);
            if enabled.await.is_break() {
                break;
            }
            continue;
        }
        if let Some(obstacle) = &current.obstacle {
            link.update(|figures| figures.last_error.clone_from(obstacle));
            link.set_state(LinkState::Backoff);
            // Logged where the obstacle is detected and removed.
            let removed = wait_for_retry(
                Duration::MAX,
                &current,
                &mut options,
                &shutdown,
                &mut backoff,
            );
            if removed.await.is_break() {
                break;
            }
            continue;
        }
        link.set_state(LinkState::Connecting);
        let mut session = Session::new(link, &current, &mut options, &shutdown, &mut stall);
        let end = session.run(&url, &mut handler).await;
        if session.was_stable() {
            backoff.reset();
            failure_log = FailureLog::new();
        }
        match end {
            SessionEnd::Shutdown => break,
            SessionEnd::OptionsChanged => {
                log::info!("{}", leave_reason(&url, &current, &options.borrow()));
                backoff.reset();
                stall = DataStall::default();
                failure_log = FailureLog::new();
            }
            SessionEnd::Failed(error) => {
                if matches!(error, LinkError::NoData(_)) {
                    // The server is up and answers.
                    backoff.reset();
                }
                let delay = backoff.next_delay(options.borrow().backoff, &mut random);
                failure_log.log_failure(&url, &error, delay);
                link.update(|figures| figures.last_error = error.to_string());
                link.set_state(LinkState::Backoff);
                let retry = wait_for_retry(delay, &current, &mut options, &shutdown, &mut backoff);
                if retry.await.is_break() {
                    break;
                }
            }
        }
    }
    link.set_state(LinkState::Stopped);
}

/// Log line about leaving a connection that has not failed.
fn leave_reason(url: &str, current: &LinkOptions, new: &LinkOptions) -> String {
    if !new.enabled {
        format!("paused, leaving {url}")
    } else if new.reconnect_generation != current.reconnect_generation {
        format!("reconnect requested, leaving {url}")
    } else {
        format!("connection settings changed, leaving {url}")
    }
}

/// Log of failures, throttled so that the same one is not repeated at every attempt.
struct FailureLog {
    throttle: LogThrottle,
    last_reason: String,
}

impl FailureLog {
    fn new() -> Self {
        Self {
            throttle: LogThrottle::new(LOG_PERIOD),
            last_reason: String::new(),
        }
    }

    /// Logs a failure: at once if its reason differs from that of the last one, else once per period.
    fn log_failure(&mut self, url: &str, error: &LinkError, delay: Duration) {
        let delay = delay.as_secs_f64();
        let reason = error.to_string();
        if self.last_reason != reason {
            *self = Self::new();
            self.last_reason = reason;
        }
        let reason = &self.last_reason;
        let level = if error.is_loss() {
            log::Level::Error
        } else {
            log::Level::Warn
        };
        match self.throttle.try_acquire(Instant::now()) {
            Some(suppressed) => {
                log::log!(
                    level,
                    "{url}: {reason}{suppressed}; next attempt in {delay:.1} s"
                );
            }
            None => log::debug!("{url}: {reason}; next attempt in {delay:.1} s"),
        }
    }
}

/// Waits until the link is enabled or another server is set. Breaks on shutdown.
async fn wait_until_enabled(
    current: &LinkOptions,
    options: &mut watch::Receiver<LinkOptions>,
    shutdown: &CancellationToken,
) -> ControlFlow<()> {
    tokio::select! {
        () = shutdown.cancelled() => ControlFlow::Break(()),
        changed = options.wait_for(|new| {
            new.enabled || !new.endpoint.is_same_server(&current.endpoint)
        }) => match changed {
            Ok(_) => ControlFlow::Continue(()),
            // The sender is gone: the link can never be enabled again.
            Err(_) => ControlFlow::Break(()),
        },
    }
}

/// Waits for the delay before the next attempt. Changed options end it early. Breaks on shutdown.
async fn wait_for_retry(
    delay: Duration,
    current: &LinkOptions,
    options: &mut watch::Receiver<LinkOptions>,
    shutdown: &CancellationToken,
    backoff: &mut Backoff,
) -> ControlFlow<()> {
    tokio::select! {
        () = shutdown.cancelled() => return ControlFlow::Break(()),
        changed = options.wait_for(|new| new != current) => {
            if changed.is_err() {
                // The sender is gone, as at a shutdown.
                return ControlFlow::Break(());
            }
            backoff.reset();
        }
        () = tokio::time::sleep(delay) => {}
    }
    ControlFlow::Continue(())
}
