//! What the bridge did and lost. Counting happens where things happen; reading takes consistent copies.

pub mod ledger;
pub mod process_memory;
pub mod server_health;
pub mod stage_times;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::status::LinkStatus;
use crate::time::clock_offset::ClockOffsetEstimator;

/// Locks a mutex that guards counters. Each update is complete before its lock is released by a panic
/// or otherwise, so a poisoned one still tells the truth.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that is counted, shared by those who count and whoever reports.
#[derive(Debug, Default)]
pub struct Metrics {
    /// The loss ledger, per topic.
    pub ledger: ledger::Ledger,
    /// The point stream.
    pub points: StreamMetrics,
    /// The output stream.
    pub output: StreamMetrics,
    /// What SENSR says of itself.
    pub server: server_health::ServerHealth,
    clock: Mutex<ClockOffsetEstimator>,
    /// Host whose clock that is.
    clock_host: Mutex<String>,
}

/// What is counted per stream.
#[derive(Debug, Default)]
pub struct StreamMetrics {
    /// The link and the frames it brought.
    pub link: LinkStatus,
    /// Where the time went.
    pub stages: stage_times::Stages,
}

impl Metrics {
    /// The clocks. Not to be held: both streams ask at every message.
    pub fn clock(&self) -> MutexGuard<'_, ClockOffsetEstimator> {
        lock(&self.clock)
    }

    /// Forgets what is known of a server's clock and health: from now on the output stream comes from another one,
    /// on `host`.
    pub fn forget_server(&self, host: &str) {
        let mut clock = self.clock();
        clock.reset();
        host.clone_into(&mut lock(&self.clock_host));
        drop(clock);
        self.server.forget();
    }

    /// The offset of the clock of `host`. None until it is known; both streams come from the same host, but one
    /// changes to another a moment before the other.
    pub fn clock_offset_ns_of(&self, host: &str) -> Option<i64> {
        let clock = self.clock();
        let is_known = *lock(&self.clock_host) == host;
        clock.offset_ns().filter(|_| is_known)
    }
}
