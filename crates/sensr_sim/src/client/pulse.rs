//! Times of the last activity of a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Times of the last activity of a connection.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Times>);

#[derive(Debug)]
struct Times {
    wrote: Instant,
    /// Time of the oldest ping since the last received message.
    unanswered: Option<Instant>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Times {
            wrote: Instant::now(),
            unanswered: None,
        }))
    }

    pub(super) fn wrote(&self) {
        self.times().wrote = Instant::now();
    }

    pub(super) fn heard(&self) {
        self.times().unanswered = None;
    }

    pub(super) fn pinged(&self) {
        self.times().unanswered.get_or_insert_with(Instant::now);
    }

    pub(super) fn written_age(&self) -> Duration {
        self.times().wrote.elapsed()
    }

    pub(super) fn unanswered_age(&self) -> Duration {
        self.times()
            .unanswered
            .map_or(Duration::ZERO, |at| at.elapsed())
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
