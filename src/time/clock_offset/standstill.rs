//! A clock that stands still.

use std::time::{Duration, Instant};

use super::Sample;

/// So many messages in a row with the same time …
const SAME: u32 = 5;
/// … while so much time goes by here. What SENSR sends of one moment comes together.
const SAME_FOR: Duration = Duration::from_secs(2);

/// The latest time of the server, and since when it is the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    server_ns: i64,
    since: Instant,
    same: u32,
}

/// Movement of the server's clock, as its messages show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Movement {
    /// It runs, as far as can be told.
    Runs,
    /// It has just been found to stand still.
    Stops,
    /// It still stands still.
    Stands,
}

impl Standing {
    pub(super) fn new(sample: &Sample) -> Self {
        Self {
            server_ns: sample.server_ns,
            since: sample.instant,
            same: 1,
        }
    }

    /// Takes another message.
    pub(super) fn note(&mut self, sample: &Sample) -> Movement {
        if sample.server_ns != self.server_ns {
            *self = Self::new(sample);
            return Movement::Runs;
        }
        let stood = self.stands();
        if stood || sample.instant.duration_since(self.since) >= SAME_FOR {
            self.same = self.same.saturating_add(1);
        } else {
            // Enough by number, but not for long enough.
            self.same = (self.same + 1).min(SAME - 1);
        }
        match (stood, self.stands()) {
            (_, false) => Movement::Runs,
            (false, true) => Movement::Stops,
            (true, true) => Movement::Stands,
        }
    }

    /// Returns whether the clock stands still.
    pub(super) fn stands(&self) -> bool {
        self.same >= SAME
    }
}
