//! Classification of a rate against the usual rate, debounced over several observations.

use std::time::{Duration, Instant};

/// Number of consecutive observations that change the class.
const MIN_OBSERVATIONS: u32 = 3;
/// Fraction of the usual rate below which a rate is low.
const LOW_BELOW: f64 = 0.5;
/// Multiple of the usual rate above which a rate is high.
const HIGH_ABOVE: f64 = 2.0;
/// Multiples of the usual rate between which a rate is usual. Between these and the limits above the class does not
/// change.
const USUAL_BETWEEN: [f64; 2] = [0.8, 1.6];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RateClass {
    Usual,
    Low,
    High,
    Silent,
}

#[derive(Debug)]
pub(super) struct RateClassifier {
    class: RateClass,
    since: Instant,
    /// Class of the latest observations if it differs, and their number in a row.
    candidate: Option<(RateClass, u32)>,
}

impl RateClassifier {
    /// Starts as [`RateClass::Usual`].
    pub(super) fn new(now: Instant) -> Self {
        Self {
            class: RateClass::Usual,
            since: now,
            candidate: None,
        }
    }

    pub(super) fn class(&self) -> RateClass {
        self.class
    }

    /// Returns the time since the class last changed.
    pub(super) fn class_age(&self, now: Instant) -> Duration {
        now.duration_since(self.since)
    }

    /// Observes the current rate and changes the class if enough observations in a row agree.
    pub(super) fn observe_rate(&mut self, now: Instant, hz: f64, usual_hz: f64) {
        let observed = classify_rate(hz, usual_hz);
        let Some(observed) = observed.filter(|observed| *observed != self.class) else {
            self.candidate = None;
            return;
        };
        let count = match self.candidate {
            Some((candidate, count)) if candidate == observed => count + 1,
            _ => 1,
        };
        self.candidate = Some((observed, count));
        // A whole window without a message needs no confirmation.
        if count >= MIN_OBSERVATIONS || observed == RateClass::Silent {
            *self = Self {
                class: observed,
                since: now,
                candidate: None,
            };
        }
    }
}

/// Returns the class of one observation. None if the rate is in a gap between two classes.
fn classify_rate(hz: f64, usual_hz: f64) -> Option<RateClass> {
    let [lowest, highest] = USUAL_BETWEEN;
    if hz <= 0.0 {
        Some(RateClass::Silent)
    } else if hz < LOW_BELOW * usual_hz {
        Some(RateClass::Low)
    } else if hz > HIGH_ABOVE * usual_hz {
        Some(RateClass::High)
    } else {
        (lowest * usual_hz..=highest * usual_hz)
            .contains(&hz)
            .then_some(RateClass::Usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the class after each observed rate, with a usual rate of 10 Hz.
    fn classify_each(rates: impl IntoIterator<Item = f64>) -> Vec<RateClass> {
        let now = Instant::now();
        let mut classifier = RateClassifier::new(now);
        let observe = |hz| {
            classifier.observe_rate(now, hz, 10.0);
            classifier.class()
        };
        rates.into_iter().map(observe).collect()
    }

    #[test]
    fn class_changes_after_three_equal_observations_or_silence() {
        use RateClass::{High, Low, Silent, Usual};
        assert_eq!(classify_each([4.0, 4.0, 6.0, 4.0, 4.0]), [Usual; 5]);
        assert_eq!(classify_each([4.0, 4.0, 4.0]), [Usual, Usual, Low]);
        assert_eq!(classify_each([4.0, 4.0, 25.0]), [Usual; 3]);
        assert_eq!(classify_each([25.0, 25.0, 25.0]), [Usual, Usual, High]);
        assert_eq!(classify_each([0.0]), [Silent]);
    }

    #[test]
    fn a_low_rate_is_usual_again_only_well_above_the_limit() {
        use RateClass::{Low, Silent, Usual};
        let low = [4.0, 4.0, 4.0];
        let last = |rates: &[f64]| {
            *classify_each(low.iter().chain(rates).copied())
                .last()
                .expect("at least one class")
        };
        assert_eq!(last(&[7.0, 7.0, 7.0, 7.0]), Low);
        assert_eq!(last(&[9.0, 9.0]), Low);
        assert_eq!(last(&[9.0, 9.0, 9.0]), Usual);
        assert_eq!(last(&[0.0, 9.0, 9.0]), Silent);
        assert_eq!(last(&[0.0, 9.0, 9.0, 9.0]), Usual);
    }

    #[test]
    fn equal_observations_do_not_reset_the_age_of_the_class() {
        let start = Instant::now();
        let mut classifier = RateClassifier::new(start);
        let second = Duration::from_secs(1);
        for i in 0..10 {
            classifier.observe_rate(start + second * i, 0.0, 10.0);
        }
        assert_eq!(classifier.class_age(start + second * 9), second * 9);
    }
}
