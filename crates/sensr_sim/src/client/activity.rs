//! Times of the last activity of a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Times of the last activity of a connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<ActivityTimes>);

#[derive(Debug)]
struct ActivityTimes {
    wrote: Instant,
    /// Time of the oldest ping since the last received message.
    unanswered: Option<Instant>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(ActivityTimes {
            wrote: Instant::now(),
            unanswered: None,
        }))
    }

    pub(super) fn record_write(&self) {
        self.times().wrote = Instant::now();
    }

    pub(super) fn record_received(&self) {
        self.times().unanswered = None;
    }

    pub(super) fn record_ping(&self) {
        self.times().unanswered.get_or_insert_with(Instant::now);
    }

    pub(super) fn time_since_write(&self) -> Duration {
        self.times().wrote.elapsed()
    }

    pub(super) fn unanswered_ping_age(&self) -> Duration {
        self.times()
            .unanswered
            .map_or(Duration::ZERO, |at| at.elapsed())
    }

    fn times(&self) -> MutexGuard<'_, ActivityTimes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
