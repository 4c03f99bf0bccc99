//! What rate is normal, learned from what was.

use std::time::{Duration, Instant};

use crate::diagnostics::monitor::per_second;

/// From less than this nothing can be told.
const ENOUGH: Duration = Duration::from_secs(10);
/// The average is that of about so long a time.
const MEMORY: Duration = Duration::from_secs(60);

/// A slow average: of all there was at first, then one that forgets.
#[derive(Debug, Default)]
pub(super) struct UsualRate {
    hz: f64,
    learned: Duration,
    last: Option<(Instant, u64)>,
}

impl UsualRate {
    /// Takes how many messages there have been so far. It learns from the growth if that `is_usual`, and in any
    /// case as long as it knows nothing. Silence teaches it nothing before the message that ends it.
    pub(super) fn note(&mut self, now: Instant, received: u64, is_usual: bool) {
        let is_learning = is_usual || self.hz().is_none();
        let (then, before) = *self.last.get_or_insert((now, received));
        if is_learning && received == before {
            return;
        }
        self.last = Some((now, received));
        if is_learning {
            let elapsed = now.duration_since(then);
            self.learn(per_second(before, received, elapsed), elapsed);
        }
    }

    fn learn(&mut self, hz: f64, elapsed: Duration) {
        if elapsed.is_zero() {
            return;
        }
        self.learned = self.learned.saturating_add(elapsed).min(MEMORY);
        let weight = elapsed.div_duration_f64(self.learned).min(1.0);
        self.hz += weight * (hz - self.hz);
    }

    /// What comes until the next [`note`](Self::note) is not learned from.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// From now on this is normal.
    pub(super) fn set(&mut self, hz: f64) {
        self.hz = hz;
    }

    /// Messages per second. None if it is not known yet.
    pub(super) fn hz(&self) -> Option<f64> {
        (self.learned >= ENOUGH).then_some(self.hz)
    }

    /// Whether it has seen as much as it can remember.
    pub(super) fn is_settled(&self) -> bool {
        self.learned >= MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Learns `hz`, one look a second, for so many seconds.
    fn learn(normal: &mut UsualRate, now: &mut Instant, hz: u64, seconds: u64, is_usual: bool) {
        let mut received = 1000;
        normal.pause();
        normal.note(*now, received, is_usual);
        for _ in 0..seconds {
            *now += Duration::from_secs(1);
            received += hz;
            normal.note(*now, received, is_usual);
        }
    }

    #[test]
    fn it_takes_ten_seconds_to_know_and_a_minute_to_settle() {
        let (mut normal, mut now) = (UsualRate::default(), Instant::now());
        learn(&mut normal, &mut now, 10, 9, true);
        assert_eq!(normal.hz(), None);
        learn(&mut normal, &mut now, 20, 9, true);
        let hz = normal.hz().expect("known");
        assert!((hz - 15.0).abs() < 1e-6, "{hz}");
        assert!(!normal.is_settled());
        learn(&mut normal, &mut now, 20, 300, true);
        let hz = normal.hz().expect("known");
        assert!(normal.is_settled() && (hz - 20.0).abs() < 0.1, "{hz}");
    }

    #[test]
    fn it_does_not_learn_from_the_unusual_nor_from_a_pause() {
        let (mut normal, mut now) = (UsualRate::default(), Instant::now());
        learn(&mut normal, &mut now, 10, 60, true);
        learn(&mut normal, &mut now, 0, 60, false);
        now += Duration::from_secs(3600);
        learn(&mut normal, &mut now, 10, 1, true);
        let hz = normal.hz().expect("known");
        assert!((hz - 10.0).abs() < 1e-6, "{hz}");
        normal.set(3.0);
        assert!((normal.hz().expect("known") - 3.0).abs() < 1e-6);
    }
}
