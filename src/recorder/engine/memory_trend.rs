//! Growth of the stock recorder's memory.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time over which the growth is measured.
const WINDOW: Duration = Duration::from_secs(600);
/// Time between two samples.
const PERIOD: Duration = Duration::from_secs(10);
/// Time after its start in which a process fills its caches, which is no growth.
const WARM_UP: Duration = Duration::from_secs(60);
/// Shortest time from which a growth per minute can be told.
const MIN_SPAN: Duration = Duration::from_secs(60);

/// Resident memory of one process over the last ten minutes.
#[derive(Debug)]
pub(super) struct MemoryTrend {
    started: Instant,
    samples: VecDeque<(Instant, u64)>,
    latest: u64,
}

impl MemoryTrend {
    /// Begins with a process that has just been started.
    pub(super) const fn new(started: Instant) -> Self {
        Self {
            started,
            samples: VecDeque::new(),
            latest: 0,
        }
    }

    /// Takes the resident memory, in bytes.
    pub(super) fn add(&mut self, now: Instant, bytes: u64) {
        self.latest = bytes;
        if now.saturating_duration_since(self.started) < WARM_UP {
            return;
        }
        if let Some((last, _)) = self.samples.back()
            && now.saturating_duration_since(*last) < PERIOD
        {
            return;
        }
        self.samples.push_back((now, bytes));
        while let Some((first, _)) = self.samples.front()
            && now.saturating_duration_since(*first) > WINDOW
        {
            self.samples.pop_front();
        }
    }

    /// Latest resident memory, bytes.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// Growth in bytes per minute. 0 until it can be told.
    #[expect(clippy::cast_precision_loss, reason = "memory sizes are exact in f64")]
    pub(super) fn growth(&self) -> f64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0.0;
        };
        let span = last.0.saturating_duration_since(first.0);
        if span < MIN_SPAN {
            return 0.0;
        }
        (last.1 as f64 - first.1 as f64) / (span.as_secs_f64() / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_per_minute_after_the_warm_up() {
        let start = Instant::now();
        let mut trend = MemoryTrend::new(start);
        for second in 0..=115 {
            trend.add(start + Duration::from_secs(second), 1_000_000 * second);
        }
        assert!(trend.growth().abs() < 0.1, "too early");
        for second in 116..=1000 {
            trend.add(start + Duration::from_secs(second), 1_000_000 * second);
        }
        assert!((trend.growth() - 60e6).abs() < 1.0, "{}", trend.growth());
        assert_eq!(trend.latest(), 1_000_000_000);
        assert!(trend.samples.len() <= 62);
    }

    #[test]
    fn old_growth_is_forgotten_and_shrinking_is_negative() {
        let start = Instant::now();
        let mut trend = MemoryTrend::new(start);
        trend.add(start + Duration::from_secs(60), 0);
        for minute in 2..20 {
            trend.add(start + Duration::from_secs(60 * minute), 9_000_000);
        }
        assert!(trend.growth().abs() < 0.1);
        trend.add(start + Duration::from_secs(1200), 0);
        assert!(trend.growth() < 0.0);
    }
}
