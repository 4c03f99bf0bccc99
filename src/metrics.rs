//! Metrics of the bridge: loss ledger, stage times, links, memory, phases of the start, health of the server. Each is counted where it
//! happens; reading takes consistent copies.

pub mod ledger;
pub mod process_memory;
pub mod server_health;
pub mod stage_times;
pub mod startup;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};

use crate::connection::status::LinkStatus;
use crate::time::clock_offset::ClockOffsetEstimator;
use crate::topic::SensorTopics;

/// Locks a mutex that guards counters. Each update is complete before its lock is released, even by a panic, so a
/// poisoned lock is recovered.
fn lock_counters<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fill level of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fill {
    /// Waiting items.
    pub items: usize,
    /// Bytes of the waiting items.
    pub bytes: usize,
    /// Bound, bytes.
    pub max_bytes: usize,
}

/// All metrics, shared by the threads that count and the one that reports.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Loss ledger, per topic.
    pub ledger: ledger::Ledger,
    /// Sensors that have a topic of their own, and an account in the ledger.
    pub sensor_topics: Arc<SensorTopics>,
    /// Metrics of the point stream.
    pub points: StreamMetrics,
    /// Metrics of the output stream.
    pub output: StreamMetrics,
    /// Health that SENSR reports.
    pub server: server_health::ServerHealth,
    /// Phases of the start of the process.
    pub startup: startup::Startup,
    /// Random number of this run. 0 for a conversion of recorded frames, which gives the same result each time.
    pub run: u64,
    clock: Mutex<ClockOffsetEstimator>,
    /// Host of the clock.
    clock_host: Mutex<String>,
}

/// Metrics of one stream.
#[derive(Debug, Default)]
pub struct StreamMetrics {
    /// State of the link, and counters of its frames.
    pub link: LinkStatus,
    /// Times of the processing stages.
    pub stages: stage_times::StageTimers,
}

impl Metrics {
    /// Creates metrics of a process whose start has begun before.
    #[must_use]
    pub fn new(startup: startup::Startup) -> Self {
        Self {
            startup,
            run: SmallRng::from_os_rng().next_u64(),
            ..Self::default()
        }
    }

    /// Locks the estimator of the clock offset. To be released at once: both streams use it for every message.
    pub fn clock(&self) -> MutexGuard<'_, ClockOffsetEstimator> {
        lock_counters(&self.clock)
    }

    /// Discards the clock offset and the health of the former server. From now on the output stream comes from `host`.
    pub fn forget_server(&self, host: &str) {
        let mut clock = self.clock();
        clock.reset();
        host.clone_into(&mut lock_counters(&self.clock_host));
        drop(clock);
        self.server.reset();
    }

    /// Returns the offset of the clock of `host`, nanoseconds. `None` until it is known. The two links do not change to
    /// another host at the same moment, so the host is compared.
    pub fn clock_offset_ns_of(&self, host: &str) -> Option<i64> {
        let clock = self.clock();
        let is_known = *lock_counters(&self.clock_host) == host;
        clock.offset_ns().filter(|_| is_known)
    }
}
