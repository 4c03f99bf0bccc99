//! Timing of the frames of a bag.

use std::time::{Duration, Instant};

/// Upper bound on a due time: practically for ever, and still representable as an [`Instant`].
const MAX_ELAPSED: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Largest step back of the stamps that counts as disorder: frames of the two links are recorded in nearly, but not
/// exactly, the order of their stamps. A larger step means that the clock was set back or the bag restarts.
const DISORDER_NS: i64 = 5_000_000_000;

/// Due times with the spacing of the stamps, without drift.
#[derive(Debug)]
pub(super) struct PlaybackTimes {
    start: Instant,
    speed: f64,
    /// Latest stamp since the last step back.
    latest_stamp_ns: Option<i64>,
    /// Recorded time up to the latest frame, without steps back.
    recorded: Duration,
}

impl PlaybackTimes {
    /// Makes the first frame due at `start`. `speed` is more than 0.
    pub(super) fn new(start: Instant, speed: f64) -> Self {
        Self {
            start,
            speed,
            latest_stamp_ns: None,
            recorded: Duration::ZERO,
        }
    }

    /// Returns the due time of the next frame. A frame with an earlier stamp than the previous one is due at the same time:
    /// the links are slightly out of order, the clock was set back while recording, or the bag restarts.
    pub(super) fn due_at(&mut self, stamp_ns: i64) -> Instant {
        let latest_ns = self.latest_stamp_ns.unwrap_or(stamp_ns);
        let step_ns = stamp_ns.saturating_sub(latest_ns);
        let is_disorder = (-DISORDER_NS..=0).contains(&step_ns);
        self.latest_stamp_ns = Some(if is_disorder { latest_ns } else { stamp_ns });
        let step_ns = u64::try_from(step_ns).unwrap_or(0);
        self.recorded = self.recorded.saturating_add(Duration::from_nanos(step_ns));
        let elapsed = Duration::try_from_secs_f64(self.recorded.as_secs_f64() / self.speed);
        self.start + elapsed.unwrap_or(MAX_ELAPSED).min(MAX_ELAPSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_ms(speed: f64, stamps_ms: &[i64]) -> Vec<u128> {
        let start = Instant::now();
        let mut times = PlaybackTimes::new(start, speed);
        let mut due = |stamp_ms: &i64| (times.due_at(stamp_ms * 1_000_000) - start).as_millis();
        stamps_ms.iter().map(&mut due).collect()
    }

    #[test]
    fn frames_keep_their_spacing_at_any_speed() {
        let stamps = [5000, 5000, 5100, 5250, 3_605_250];
        assert_eq!(due_ms(1.0, &stamps), [0, 0, 100, 250, 3_600_250]);
        assert_eq!(due_ms(2.0, &stamps), [0, 0, 50, 125, 1_800_125]);
        assert_eq!(due_ms(0.5, &stamps), [0, 0, 200, 500, 7_200_500]);
    }

    #[test]
    fn step_back_takes_no_time_and_delays_no_later_frame() {
        let stamps = [5000, 5100, -7000, -6900, 1000];
        assert_eq!(due_ms(1.0, &stamps), [0, 100, 100, 200, 8100]);
    }

    #[test]
    fn slightly_disordered_frames_take_no_longer() {
        let stamps = [5000, 5100, 5090, 5200, 5150, 5100, 5300];
        assert_eq!(due_ms(1.0, &stamps), [0, 100, 100, 200, 200, 200, 300]);
    }

    #[test]
    fn extreme_stamps_and_speeds_do_not_overflow() {
        for speed in [f64::MIN_POSITIVE, 1e-9, 1000.0] {
            let mut times = PlaybackTimes::new(Instant::now(), speed);
            for stamp_ns in [i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN, i64::MAX] {
                times.due_at(stamp_ns);
            }
        }
    }

    #[test]
    fn no_drift_after_a_million_frames() {
        let start = Instant::now();
        let mut times = PlaybackTimes::new(start, 3.0);
        let due = (0..=1_000_000).map(|k| times.due_at(k * 33_333_333));
        let last = due.last().expect("some") - start;
        let expected = Duration::from_millis(11_111_111);
        assert!(
            last.abs_diff(expected) < Duration::from_micros(1),
            "{last:?}"
        );
    }
}
