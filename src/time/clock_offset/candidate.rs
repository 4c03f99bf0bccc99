//! A difference of the clocks that several messages have to agree on before it is believed.

use std::time::{Duration, Instant};

use super::{Sample, TOLERANCE_NS};

/// So many messages must agree …
const AGREEING: u32 = 3;
/// … over so long a time, which a burst of messages with one odd time does not last.
const AGREEING_FOR: Duration = Duration::from_millis(500);
/// Older times than the latest are odd messages in between, unless there are so many in a row.
const ODD: u32 = 3;

/// Messages with times that may be those of the server's clock.
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

    /// The smallest difference of the messages that agree.
    pub(super) fn min_ns(&self) -> i64 {
        self.min_ns
    }

    /// Returns whether the time of a message agrees with those before.
    pub(super) fn fits(&self, sample: &Sample) -> bool {
        sample.difference_ns.abs_diff(self.min_ns) <= TOLERANCE_NS
    }

    /// Takes another message. Returns whether enough of them agree.
    pub(super) fn note(&mut self, sample: &Sample) -> bool {
        // Delays only add: what had less of it is nearer to the truth.
        let is_earlier = sample.difference_ns < self.min_ns && !self.fits(sample);
        if sample.server_ns < self.latest_server_ns && !is_earlier {
            self.odd += 1;
        }
        if is_earlier || self.odd >= ODD {
            *self = Self::new(sample);
            return false;
        }
        // A time that stands still proves nothing.
        if sample.server_ns > self.latest_server_ns {
            self.latest_server_ns = sample.server_ns;
            self.odd = 0;
            if self.fits(sample) {
                self.agreeing += 1;
                self.min_ns = self.min_ns.min(sample.difference_ns);
            }
        }
        self.agreeing >= AGREEING && sample.instant.duration_since(self.since) >= AGREEING_FOR
    }

    /// Follows a step of our own clock.
    pub(super) fn shift(&mut self, step_ns: i64) {
        self.min_ns = self.min_ns.saturating_add(step_ns);
    }
}
