//! Monitor of the waits of the main loop: detects that rcl fails to wait. r2r reports no such failure; its wait then
//! returns at once, for ever, and no service answers.

use std::time::Duration;

/// Waits in a row that may end early with nothing to do. A healthy node has none: only requests wake it.
const MAX_IDLE_WAKEUPS: u32 = 100;
/// Shortest wait that is judged: a failure takes some time too.
const MIN_MEASURABLE_WAIT: Duration = Duration::from_millis(1);

/// Result of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitHealth {
    /// The wait lasted, or brought requests.
    Healthy,
    /// The wait ended early with nothing to do, and not for the first time: to be followed by a short pause.
    Suspicious,
    /// Too many waits ended early: waiting has failed.
    Failed,
}

/// Judges waits by their duration.
#[derive(Debug, Default)]
pub struct WaitMonitor {
    idle_wakeups: u32,
}

impl WaitMonitor {
    /// Takes note of a wait of `waited` that was to last for `limit`, and brought `served` requests.
    pub fn record(&mut self, waited: Duration, limit: Duration, served: usize) -> WaitHealth {
        if served > 0 {
            self.idle_wakeups = 0;
            return WaitHealth::Healthy;
        }
        if limit < MIN_MEASURABLE_WAIT {
            return WaitHealth::Healthy;
        }
        if waited >= limit / 2 {
            self.idle_wakeups = 0;
            return WaitHealth::Healthy;
        }
        self.idle_wakeups += 1;
        match self.idle_wakeups {
            0..=1 => WaitHealth::Healthy,
            2..=MAX_IDLE_WAKEUPS => WaitHealth::Suspicious,
            _ => WaitHealth::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn waits_that_end_at_once_again_and_again_have_failed() {
        let mut monitor = WaitMonitor::default();
        for _ in 0..MAX_IDLE_WAKEUPS {
            let health = monitor.record(Duration::ZERO, LIMIT, 0);
            assert_ne!(health, WaitHealth::Failed);
        }
        let health = monitor.record(Duration::ZERO, LIMIT, 0);
        assert_eq!(health, WaitHealth::Failed);
    }

    #[test]
    fn requests_and_whole_waits_are_healthy() {
        let mut monitor = WaitMonitor::default();
        for _ in 0..3 {
            for _ in 0..10 {
                monitor.record(Duration::ZERO, LIMIT, 0);
            }
            let served = monitor.record(Duration::ZERO, LIMIT, 1);
            assert_eq!((served, monitor.idle_wakeups), (WaitHealth::Healthy, 0));
            monitor.record(Duration::ZERO, LIMIT, 0);
            let whole = monitor.record(LIMIT, LIMIT, 0);
            assert_eq!((whole, monitor.idle_wakeups), (WaitHealth::Healthy, 0));
            monitor.record(Duration::ZERO, LIMIT, 0);
            let short = MIN_MEASURABLE_WAIT / 2;
            monitor.record(short, short, 0);
            assert_eq!(monitor.idle_wakeups, 1, "too short to be judged");
        }
    }
}
