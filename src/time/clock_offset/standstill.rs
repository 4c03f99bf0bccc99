//! Detection of a frozen clock, whose time does not advance.

use std::time::{Duration, Instant};

use super::Sample;

/// Number of consecutive messages with the same time that make a standstill.
const MIN_SAME: u32 = 5;
/// Local time that must elapse meanwhile: SENSR sends several messages of one instant together.
const MIN_SAME_TIME: Duration = Duration::from_secs(2);

/// Detector of a standstill, with the latest time of the server and the count of messages with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StandstillDetector {
    server_ns: i64,
    since: Instant,
    same: u32,
}

/// Motion of the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockMotion {
    /// The clock runs, or is not known to be frozen.
    Running,
    /// The clock was just detected to be frozen.
    Stopped,
    /// The clock is still frozen.
    Frozen,
}

impl StandstillDetector {
    pub(super) fn new(sample: &Sample) -> Self {
        Self {
            server_ns: sample.server_ns,
            since: sample.instant,
            same: 1,
        }
    }

    /// Adds a message.
    pub(super) fn add_sample(&mut self, sample: &Sample) -> ClockMotion {
        if sample.server_ns != self.server_ns {
            *self = Self::new(sample);
            return ClockMotion::Running;
        }
        let was_frozen = self.is_frozen();
        if was_frozen || sample.instant.duration_since(self.since) >= MIN_SAME_TIME {
            self.same = self.same.saturating_add(1);
        } else {
            // Enough messages, but not over enough time.
            self.same = (self.same + 1).min(MIN_SAME - 1);
        }
        match (was_frozen, self.is_frozen()) {
            (_, false) => ClockMotion::Running,
            (false, true) => ClockMotion::Stopped,
            (true, true) => ClockMotion::Frozen,
        }
    }

    /// Returns whether the clock is frozen.
    fn is_frozen(&self) -> bool {
        self.same >= MIN_SAME
    }
}
