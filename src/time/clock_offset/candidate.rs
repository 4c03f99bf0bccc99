//! Candidate for the offset, on which several messages must agree before it is accepted.

use std::time::{Duration, Instant};

use super::{Sample, TOLERANCE_NS};

/// Number of messages that must agree.
const MIN_AGREEING: u32 = 3;
/// Time over which they must agree. Longer than a burst of messages with one odd time.
const MIN_AGREEING_TIME: Duration = Duration::from_millis(500);
/// Number of consecutive messages with earlier times than the latest that replace the candidate. Fewer are odd messages
/// in between.
const MAX_ODD: u32 = 3;

/// Messages that agree on an offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    since: Instant,
    latest_server_ns: i64,
    min_ns: i64,
    agreeing: u32,
    odd: u32,
}

impl Candidate {
    pub(super) fn new(sample: &Sample) -> Self {
        Self {
            since: sample.instant,
            latest_server_ns: sample.server_ns,
            min_ns: sample.difference_ns,
            agreeing: 1,
            odd: 0,
        }
    }

    /// Smallest difference of the agreeing messages.
    pub(super) fn min_ns(&self) -> i64 {
        self.min_ns
    }

    /// Returns whether a message agrees with the previous ones.
    pub(super) fn agrees_with(&self, sample: &Sample) -> bool {
        sample.difference_ns.abs_diff(self.min_ns) <= TOLERANCE_NS
    }

    /// Adds a message. Returns whether enough of them agree.
    pub(super) fn add_sample(&mut self, sample: &Sample) -> bool {
        // Delays only increase a difference: a smaller one is closer to the offset.
        let is_smaller = sample.difference_ns < self.min_ns && !self.agrees_with(sample);
        if sample.server_ns < self.latest_server_ns && !is_smaller {
            self.odd += 1;
        }
        if is_smaller || self.odd >= MAX_ODD {
            *self = Self::new(sample);
            return false;
        }
        // The time of a frozen clock proves nothing.
        if sample.server_ns > self.latest_server_ns {
            self.latest_server_ns = sample.server_ns;
            self.odd = 0;
            if self.agrees_with(sample) {
                self.agreeing += 1;
                self.min_ns = self.min_ns.min(sample.difference_ns);
            }
        }
        self.agreeing >= MIN_AGREEING
            && sample.instant.duration_since(self.since) >= MIN_AGREEING_TIME
    }

    /// Adjusts to a step of the local clock.
    pub(super) fn shift_by(&mut self, step_ns: i64) {
        self.min_ns = self.min_ns.saturating_add(step_ns);
    }
}
