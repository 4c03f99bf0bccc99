//! Counters of a running server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{FaultCounts, FaultKind};
use super::queue_item::Contents;
use super::report::{CloudCounts, LinkReport, OutputCounts};

/// Counter that starts at zero and can be incremented from any thread.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one stream.
#[derive(Debug, Default)]
pub(super) struct LinkCounters {
    pub messages: Counter,
    pub unheard: Counter,
    pub offered: Counter,
    pub delivered: Counter,
    pub delivered_bytes: Counter,
    pub cut: Counter,
    pub injected: Counter,
    pub injected_text: Counter,
    pub oversized: Counter,
    pub clients: Counter,
    pub overflowed: Counter,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    delivered: Delivered,
    faults: FaultCounts,
}

/// Contents of the delivered messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delivered {
    pub clouds: CloudCounts,
    pub contents: OutputCounts,
}

impl LinkCounters {
    /// Counts a message written to its last byte, `bytes` long.
    pub(super) fn record_delivered(&self, contents: &Contents, bytes: u64) {
        self.delivered.add(1);
        self.delivered_bytes.add(bytes);
        match contents {
            Contents::Clouds(clouds) => self.sums().delivered.clouds.merge(clouds),
            Contents::Output(counts) => self.sums().delivered.contents.merge(counts),
        }
    }

    /// Counts the start of a fault on this link.
    pub(super) fn record_fault(&self, kind: FaultKind) {
        self.sums().faults.add(kind);
    }

    pub(super) fn delivered_contents(&self) -> Delivered {
        self.sums().delivered
    }

    pub(super) fn report(&self) -> LinkReport {
        LinkReport {
            messages: self.messages.get(),
            unheard: self.unheard.get(),
            offered: self.offered.get(),
            delivered: self.delivered.get(),
            delivered_bytes: self.delivered_bytes.get(),
            cut: self.cut.get(),
            injected: self.injected.get(),
            injected_text: self.injected_text.get(),
            oversized: self.oversized.get(),
            faults: self.sums().faults,
        }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
