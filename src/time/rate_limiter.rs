//! Rate limit (downsampling): at most one message per interval, on a grid.

use std::time::{Duration, Instant};

/// Rate limiter of one topic, which decides which messages are due.
///
/// The grid is anchored at the first message. The first message at or after each grid instant is due. The rate therefore
/// neither drifts with the jitter of the messages nor bursts after a pause: grid instants without a message are skipped.
/// A changed interval anchors a new grid at the next message.
///
/// ```
/// use sensr_bridge::time::rate_limiter::RateLimiter;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let mut limiter = RateLimiter::default();
/// let due: Vec<bool> = [0, 100, 240, 260, 900]
///     .map(|ms| limiter.is_due(start + Duration::from_millis(ms), Duration::from_millis(250)))
///     .into();
/// assert_eq!(due, [true, false, false, true, true]);
/// ```
#[derive(Debug, Default)]
pub struct RateLimiter {
    interval: Duration,
    /// Next grid instant. `None` before the first message.
    next: Option<Instant>,
}

impl RateLimiter {
    /// Next grid instant. `None` before the first message, and if all messages are due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.next
    }

    /// Returns whether the message that arrived at `now` is due. With an interval of zero all are.
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

/// First instant after `now` of the grid that contains `anchor`, which is not after `now`.
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

    fn due_at(limiter: &mut RateLimiter, start: Instant, ms: u64, interval_ms: u64) -> bool {
        limiter.is_due(
            start + Duration::from_millis(ms),
            Duration::from_millis(interval_ms),
        )
    }

    #[test]
    fn interval_of_zero_passes_all() {
        let (mut limiter, start) = (RateLimiter::default(), Instant::now());
        assert!((0..10).all(|ms| due_at(&mut limiter, start, ms, 0)));
    }

    #[test]
    fn ten_hertz_limited_to_a_quarter_second_keeps_four_per_second() {
        let (mut limiter, start) = (RateLimiter::default(), Instant::now());
        let kept: Vec<u64> = (0..20)
            .map(|i| i * 100)
            .filter(|&ms| due_at(&mut limiter, start, ms, 250))
            .collect();
        assert_eq!(kept, [0, 300, 500, 800, 1000, 1300, 1500, 1800]);
    }

    #[test]
    fn no_burst_after_a_pause_and_the_phase_is_kept() {
        let (mut limiter, start) = (RateLimiter::default(), Instant::now());
        let kept: Vec<u64> = [0, 10_050, 10_060, 10_999, 11_001]
            .into_iter()
            .filter(|&ms| due_at(&mut limiter, start, ms, 1000))
            .collect();
        assert_eq!(kept, [0, 10_050, 11_001]);
    }

    #[test]
    fn changed_interval_takes_effect_with_the_next_message() {
        let (mut limiter, start) = (RateLimiter::default(), Instant::now());
        assert!(due_at(&mut limiter, start, 0, 3_600_000));
        assert!(!due_at(&mut limiter, start, 100, 3_600_000));
        assert!(due_at(&mut limiter, start, 200, 500));
        assert!(!due_at(&mut limiter, start, 600, 500));
        assert!(due_at(&mut limiter, start, 700, 500));
    }

    proptest! {
        #[test]
        fn first_message_of_each_grid_cell_is_due(
            mut offsets in proptest::collection::vec(0u64..20_000, 1..200),
            interval in 1u64..3000,
        ) {
            offsets.sort_unstable();
            let (mut limiter, start) = (RateLimiter::default(), Instant::now());
            let mut last_cell = None;
            for &ms in &offsets {
                let cell = (ms - offsets[0]) / interval;
                let expected = last_cell != Some(cell);
                last_cell = Some(cell);
                prop_assert_eq!(due_at(&mut limiter, start, ms, interval), expected);
            }
        }
    }
}
