//! Whether a rate is that which is normal. A verdict takes several looks that agree.

use std::time::{Duration, Instant};

/// So many looks in a row make a verdict.
const LOOKS: u32 = 3;
/// Below this part of normal it is low.
const LOW: f64 = 0.5;
/// Above this it is high.
const HIGH: f64 = 2.0;
/// Within these it is as usual; between them and those above it stays what it was.
const USUAL: [f64; 2] = [0.8, 1.6];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Usual,
    Low,
    High,
    Silent,
}

#[derive(Debug)]
pub(super) struct RateClassifier {
    verdict: Verdict,
    since: Instant,
    /// What looks say that disagree with the verdict, and how many of them in a row.
    doubt: Option<(Verdict, u32)>,
}

impl RateClassifier {
    /// Innocent until proven guilty.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            verdict: Verdict::Usual,
            since: now,
            doubt: None,
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// For how long the verdict has stood.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.since)
    }

    /// Takes a look.
    pub(super) fn observe(&mut self, now: Instant, hz: f64, normal_hz: f64) {
        let Some(said) = classify(hz, normal_hz).filter(|said| *said != self.verdict) else {
            self.doubt = None;
            return;
        };
        let looks = match self.doubt {
            Some((before, looks)) if before == said => looks + 1,
            _ => 1,
        };
        self.doubt = Some((said, looks));
        // A whole window without a message leaves no doubt.
        if looks >= LOOKS || said == Verdict::Silent {
            *self = Self {
                verdict: said,
                since: now,
                doubt: None,
            };
        }
    }
}

/// What one look says. None if it can be taken either way.
fn classify(hz: f64, normal_hz: f64) -> Option<Verdict> {
    let [low, high] = USUAL;
    if hz <= 0.0 {
        Some(Verdict::Silent)
    } else if hz < LOW * normal_hz {
        Some(Verdict::Low)
    } else if hz > HIGH * normal_hz {
        Some(Verdict::High)
    } else {
        (low * normal_hz..=high * normal_hz)
            .contains(&hz)
            .then_some(Verdict::Usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts of looks at a rate of which 10 is normal.
    fn verdicts(looks: impl IntoIterator<Item = f64>) -> Vec<Verdict> {
        let now = Instant::now();
        let mut court = RateClassifier::new(now);
        let observe = |hz| {
            court.observe(now, hz, 10.0);
            court.verdict()
        };
        looks.into_iter().map(observe).collect()
    }

    #[test]
    fn one_bad_look_is_none() {
        use Verdict::{High, Low, Silent, Usual};
        assert_eq!(verdicts([4.0, 4.0, 6.0, 4.0, 4.0]), [Usual; 5]);
        assert_eq!(verdicts([4.0, 4.0, 4.0]), [Usual, Usual, Low]);
        assert_eq!(verdicts([4.0, 4.0, 25.0]), [Usual; 3]);
        assert_eq!(verdicts([25.0, 25.0, 25.0]), [Usual, Usual, High]);
        assert_eq!(verdicts([0.0]), [Silent]);
    }

    #[test]
    fn well_again_only_when_well_above_the_limit() {
        use Verdict::{Low, Silent, Usual};
        let low = [4.0, 4.0, 4.0];
        let last = |looks: &[f64]| {
            *verdicts(low.iter().chain(looks).copied())
                .last()
                .expect("one")
        };
        assert_eq!(last(&[7.0, 7.0, 7.0, 7.0]), Low);
        assert_eq!(last(&[9.0, 9.0]), Low);
        assert_eq!(last(&[9.0, 9.0, 9.0]), Usual);
        assert_eq!(last(&[0.0, 9.0, 9.0]), Silent);
        assert_eq!(last(&[0.0, 9.0, 9.0, 9.0]), Usual);
    }

    #[test]
    fn it_remembers_since_when() {
        let start = Instant::now();
        let mut court = RateClassifier::new(start);
        let second = Duration::from_secs(1);
        for i in 0..10 {
            court.observe(start + second * i, 0.0, 10.0);
        }
        assert_eq!(court.age(start + second * 9), second * 9);
    }
}
