//! Clock of the simulated server.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::convert::secs_to_ns;

/// Clock that starts at the system time and then runs monotonically, except for jumps requested by faults.
#[derive(Debug)]
pub(super) struct ServerClock {
    instant: Instant,
    since_1970: Duration,
    jumped_ns: AtomicI64,
}

impl ServerClock {
    pub(super) fn new() -> Self {
        Self {
            instant: Instant::now(),
            since_1970: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            jumped_ns: AtomicI64::new(0),
        }
    }

    /// Returns nanoseconds since 1970 at `instant + secs`.
    pub(super) fn ns_at(&self, instant: Instant, secs: f64) -> i64 {
        let since_start = instant.saturating_duration_since(self.instant);
        let whole = (self.since_1970 + since_start).as_nanos();
        i64::try_from(whole)
            .unwrap_or(i64::MAX)
            .saturating_add(secs_to_ns(secs))
            .saturating_add(self.jumped_ns.load(Ordering::Relaxed))
    }

    /// Returns nanoseconds since 1970 now.
    pub(super) fn now_ns(&self) -> i64 {
        self.ns_at(Instant::now(), 0.0)
    }

    /// Moves the clock forward, or back if `secs` is negative.
    pub(super) fn jump(&self, secs: f64) {
        self.jumped_ns
            .fetch_add(secs_to_ns(secs), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_add_up() {
        let clock = ServerClock::new();
        let now = Instant::now();
        let before_ns = clock.ns_at(now, 2.0);
        clock.jump(30.0);
        clock.jump(-31.5);
        assert_eq!(clock.ns_at(now, 2.0) - before_ns, -1_500_000_000);
    }
}
