//! Usual rate of a topic, learned from its past.

use std::time::{Duration, Instant};

use crate::diagnostics::trends::growth_per_second;

/// Time to learn for before the rate counts as known.
const MIN_LEARNING_TIME: Duration = Duration::from_secs(10);
/// Time constant of the average.
const TIME_CONSTANT: Duration = Duration::from_secs(60);

/// Exponential moving average of a rate; the plain mean until one time constant has passed.
#[derive(Debug, Default)]
pub(super) struct UsualRate {
    hz: f64,
    learned: Duration,
    last: Option<(Instant, u64)>,
}

impl UsualRate {
    /// Records the number of messages received so far. Learns from its growth if `is_usual`, or as long as the rate is
    /// not known. Silence is averaged only with the message that ends it.
    pub(super) fn record_count(&mut self, now: Instant, received: u64, is_usual: bool) {
        let is_learning = is_usual || self.hz().is_none();
        let (then, before) = *self.last.get_or_insert((now, received));
        if is_learning && received == before {
            return;
        }
        self.last = Some((now, received));
        if is_learning {
            let elapsed = now.duration_since(then);
            self.update_average(growth_per_second(before, received, elapsed), elapsed);
        }
    }

    fn update_average(&mut self, hz: f64, elapsed: Duration) {
        if elapsed.is_zero() {
            return;
        }
        self.learned = self.learned.saturating_add(elapsed).min(TIME_CONSTANT);
        let weight = elapsed.div_duration_f64(self.learned).min(1.0);
        self.hz += weight * (hz - self.hz);
    }

    /// Excludes the time until the next [`record_count`](Self::record_count) from the average.
    pub(super) fn skip_gap(&mut self) {
        self.last = None;
    }

    /// Replaces the average.
    pub(super) fn replace_with(&mut self, hz: f64) {
        self.hz = hz;
    }

    /// Messages per second. None until the rate is known.
    pub(super) fn hz(&self) -> Option<f64> {
        (self.learned >= MIN_LEARNING_TIME).then_some(self.hz)
    }

    /// Returns whether the average covers a full time constant.
    pub(super) fn is_settled(&self) -> bool {
        self.learned >= TIME_CONSTANT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records a rate of `hz` once a second for `seconds`.
    fn learn_rate(usual: &mut UsualRate, now: &mut Instant, hz: u64, seconds: u64, is_usual: bool) {
        let mut received = 1000;
        usual.skip_gap();
        usual.record_count(*now, received, is_usual);
        for _ in 0..seconds {
            *now += Duration::from_secs(1);
            received += hz;
            usual.record_count(*now, received, is_usual);
        }
    }

    #[test]
    fn rate_is_known_after_ten_seconds_and_settled_after_a_minute() {
        let (mut usual, mut now) = (UsualRate::default(), Instant::now());
        learn_rate(&mut usual, &mut now, 10, 9, true);
        assert_eq!(usual.hz(), None);
        learn_rate(&mut usual, &mut now, 20, 9, true);
        let hz = usual.hz().expect("known");
        assert!((hz - 15.0).abs() < 1e-6, "{hz}");
        assert!(!usual.is_settled());
        learn_rate(&mut usual, &mut now, 20, 300, true);
        let hz = usual.hz().expect("known");
        assert!(usual.is_settled() && (hz - 20.0).abs() < 0.1, "{hz}");
    }

    #[test]
    fn unusual_rates_and_gaps_are_not_learned() {
        let (mut usual, mut now) = (UsualRate::default(), Instant::now());
        learn_rate(&mut usual, &mut now, 10, 60, true);
        learn_rate(&mut usual, &mut now, 0, 60, false);
        now += Duration::from_secs(3600);
        learn_rate(&mut usual, &mut now, 10, 1, true);
        let hz = usual.hz().expect("known");
        assert!((hz - 10.0).abs() < 1e-6, "{hz}");
        usual.replace_with(3.0);
        assert!((usual.hz().expect("known") - 3.0).abs() < 1e-6);
    }
}
