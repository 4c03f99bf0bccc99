//! A link to SENSR that never gives up: connect, read, and when it ends, connect again.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::sync::watch;

use super::backoff::Backoff;
use super::error::LinkError;
use super::keepalive::Silence;
use super::options::LinkOptions;
use super::session::{End, Session};
use super::status::{Endpoint, LinkState, LinkStatus};
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;
use tokio_util::sync::CancellationToken;

/// One log line in this time about a link that does not come up.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// Takes what a link brings, in the order in which it came.
pub trait FrameHandler {
    /// Takes a whole binary message and the time it was complete. Must not wait: meanwhile the socket is not read.
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival);

    /// Notes the server that all frames from now on come from. Called before the first attempt to connect to it, and
    /// not for another link to the same one (see [`Endpoint::is_same_server`]). Must not wait.
    fn handle_server(&mut self, _server: &Endpoint) {}
}

impl<F: FnMut(Bytes, Arrival)> FrameHandler for F {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        self(payload, arrival);
    }
}

/// Keeps a link up until `shutdown`, and gives `handler` what it brings.
///
/// All messages of a link come before those of the next one, also those that come while it is being closed.
/// Text messages are counted and otherwise ignored. Nothing is sent but handshake, ping, pong and close.
pub async fn run(
    link: &LinkStatus,
    mut options: watch::Receiver<LinkOptions>,
    shutdown: CancellationToken,
    mut handler: impl FrameHandler,
) {
    let mut server: Option<Endpoint> = None;
    let mut backoff = Backoff::default();
    let mut random = SmallRng::from_os_rng();
    let mut complaints = LogThrottles::new();
    let mut silence = Silence::default();
    loop {
        let current = options.borrow_and_update().clone();
        let url = match current.obstacle {
            None => current.endpoint.url(),
            Some(_) => String::new(),
        };
        link.update(|figures| figures.url.clone_from(&url));
        let is_same = |server: &Endpoint| server.is_same_server(&current.endpoint);
        if !server.as_ref().is_some_and(is_same) {
            // The error was the former server's.
            link.update(|figures| figures.last_error.clear());
            handler.handle_server(&current.endpoint);
            server = Some(current.endpoint.clone());
            silence = Silence::default();
        }
        if !current.enabled {
            link.enter(LinkState::Paused);
            if pause(&current, &mut options, &shutdown).await.is_break() {
                break;
            }
            continue;
        }
        if let Some(obstacle) = &current.obstacle {
            link.update(|figures| figures.last_error.clone_from(obstacle));
            link.enter(LinkState::Backoff);
            // Whoever has found the obstacle says so, and when it is gone.
            let gone = wait(
                Duration::MAX,
                &current,
                &mut options,
                &shutdown,
                &mut backoff,
            );
            if gone.await.is_break() {
                break;
            }
            continue;
        }
        link.enter(LinkState::Connecting);
        let mut session = Session::new(link, &current, &mut options, &shutdown, &mut silence);
        let mut on_message = |payload, arrival| handler.handle_frame(payload, arrival);
        let end = session.run(&url, &mut on_message).await;
        if session.is_proven() {
            backoff.reset();
            complaints = LogThrottles::new();
        }
        match end {
            End::Shutdown => break,
            End::Retarget => {
                log::info!("{}", departure(&url, &current, &options.borrow()));
                backoff.reset();
                silence = Silence::default();
                complaints = LogThrottles::new();
            }
            End::Failed(error) => {
                if matches!(error, LinkError::NoData(_)) {
                    // The server is there and answers.
                    backoff.reset();
                }
                let pause = backoff.next(options.borrow().backoff, &mut random);
                complaints.note(&url, &error, pause);
                link.update(|figures| figures.last_error = error.to_string());
                link.enter(LinkState::Backoff);
                if wait(pause, &current, &mut options, &shutdown, &mut backoff)
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

/// Why a link that was fine is left.
fn departure(url: &str, current: &LinkOptions, new: &LinkOptions) -> String {
    if !new.enabled {
        format!("paused, leaving {url}")
    } else if new.reconnect_generation != current.reconnect_generation {
        format!("asked to reconnect, leaving {url}")
    } else {
        format!("link settings changed, leaving {url}")
    }
}

/// What has been complained of, so that the same is not said at every attempt.
struct LogThrottles {
    throttle: LogThrottle,
    last: String,
}

impl LogThrottles {
    fn new() -> Self {
        Self {
            throttle: LogThrottle::new(LOG_PERIOD),
            last: String::new(),
        }
    }

    /// Another reason is news, and is said at once.
    fn note(&mut self, url: &str, error: &LinkError, pause: Duration) {
        let pause = pause.as_secs_f64();
        let reason = error.to_string();
        if self.last != reason {
            *self = Self::new();
            self.last = reason;
        }
        let reason = &self.last;
        let level = if error.is_loss() {
            log::Level::Error
        } else {
            log::Level::Warn
        };
        match self.throttle.pass(Instant::now()) {
            Some(suppressed) => {
                log::log!(
                    level,
                    "{url}: {reason}{suppressed}; next attempt in {pause:.1} s"
                );
            }
            None => log::debug!("{url}: {reason}; next attempt in {pause:.1} s"),
        }
    }
}

/// Waits until a link is wanted, or another server. A shutdown breaks.
async fn pause(
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
            // Nobody is left to want one.
            Err(_) => ControlFlow::Break(()),
        },
    }
}

/// Sits out a pause. New options end it early, a shutdown breaks.
async fn wait(
    pause: Duration,
    current: &LinkOptions,
    options: &mut watch::Receiver<LinkOptions>,
    shutdown: &CancellationToken,
    backoff: &mut Backoff,
) -> ControlFlow<()> {
    tokio::select! {
        () = shutdown.cancelled() => return ControlFlow::Break(()),
        changed = options.wait_for(|new| new != current) => {
            if changed.is_err() {
                // Nobody is left to change them.
                return ControlFlow::Break(());
            }
            backoff.reset();
        }
        () = tokio::time::sleep(pause) => {}
    }
    ControlFlow::Continue(())
}
