//! Thinning: at most one message per interval, on a grid.

use std::time::{Duration, Instant};

/// Decides which messages of one topic are due.
///
/// The grid is anchored at the first message. The first message at or after each grid instant is
/// due, so the rate neither drifts with the jitter of the messages nor bursts after a pause: grid
/// instants without a message are skipped, not made up for. A changed interval anchors a new grid at
/// the next message.
///
/// ```
/// use sensr_bridge::time::rate_limiter::RateLimiter;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let mut grid = RateLimiter::default();
/// let due: Vec<bool> = [0, 100, 240, 260, 900]
///     .map(|ms| grid.is_due(start + Duration::from_millis(ms), Duration::from_millis(250)))
///     .into();
/// assert_eq!(due, [true, false, false, true, true]);
/// ```
#[derive(Debug, Default)]
pub struct RateLimiter {
    interval: Duration,
    /// The next grid instant. None before the first message.
    next: Option<Instant>,
}

impl RateLimiter {
    /// The next grid instant. None before the first message, and where all pass.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the message that arrived at `now` is due. An interval of zero lets all pass.
    pub fn is_due(&mut self, now: Instant, interval: Duration) -> bool {
        if interval != self.interval {
            self.interval = interval;
            self.next = None;
        }
        if interval.is_zero() {
            return true;
        }
        match self.next {
            None => self.next = now.checked_add(interval),
            Some(next) if now < next => return false,
            Some(next) => self.next = first_after(now, next, interval),
        }
        true
    }
}

/// The first instant after `now` of the grid that `anchor` (not after `now`) lies on.
fn first_after(now: Instant, anchor: Instant, interval: Duration) -> Option<Instant> {
    let interval_ns = interval.as_nanos();
    let into_cell_ns = now.duration_since(anchor).as_nanos() % interval_ns;
    let to_next = u64::try_from(interval_ns - into_cell_ns).ok()?;
    now.checked_add(Duration::from_nanos(to_next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn due_at(grid: &mut RateLimiter, start: Instant, ms: u64, interval_ms: u64) -> bool {
        grid.is_due(
            start + Duration::from_millis(ms),
            Duration::from_millis(interval_ms),
        )
    }

    #[test]
    fn zero_lets_all_pass() {
        let (mut grid, start) = (RateLimiter::default(), Instant::now());
        assert!((0..10).all(|ms| due_at(&mut grid, start, ms, 0)));
    }

    #[test]
    fn ten_hertz_thinned_to_a_quarter_second_keeps_four_a_second() {
        let (mut grid, start) = (RateLimiter::default(), Instant::now());
        let kept: Vec<u64> = (0..20)
            .map(|i| i * 100)
            .filter(|&ms| due_at(&mut grid, start, ms, 250))
            .collect();
        assert_eq!(kept, [0, 300, 500, 800, 1000, 1300, 1500, 1800]);
    }

    #[test]
    fn no_burst_after_a_pause_and_the_phase_stays() {
        let (mut grid, start) = (RateLimiter::default(), Instant::now());
        let kept: Vec<u64> = [0, 10_050, 10_060, 10_999, 11_001]
            .into_iter()
            .filter(|&ms| due_at(&mut grid, start, ms, 1000))
            .collect();
        assert_eq!(kept, [0, 10_050, 11_001]);
    }

    #[test]
    fn a_changed_interval_takes_effect_with_the_next_message() {
        let (mut grid, start) = (RateLimiter::default(), Instant::now());
        assert!(due_at(&mut grid, start, 0, 3_600_000));
        assert!(!due_at(&mut grid, start, 100, 3_600_000));
        assert!(due_at(&mut grid, start, 200, 500));
        assert!(!due_at(&mut grid, start, 600, 500));
        assert!(due_at(&mut grid, start, 700, 500));
    }

    proptest! {
        /// At most one message in each grid cell, and the first of each cell that has any.
        #[test]
        fn the_first_of_each_cell(
            mut offsets in proptest::collection::vec(0u64..20_000, 1..200),
            interval in 1u64..3000,
        ) {
            offsets.sort_unstable();
            let (mut grid, start) = (RateLimiter::default(), Instant::now());
            let mut last_cell = None;
            for &ms in &offsets {
                let cell = (ms - offsets[0]) / interval;
                let expected = last_cell != Some(cell);
                last_cell = Some(cell);
                prop_assert_eq!(due_at(&mut grid, start, ms, interval), expected);
            }
        }
    }
}
