//! What a judgement over time needs to remember. All of it bounded.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many samples are kept at most, give or take two.
const SAMPLES: u32 = 64;

/// What a figure was at earlier instants, so that its growth within some time can be told. The samples stay
/// few however often it is asked: those that come too fast are left out.
#[derive(Debug)]
pub(super) struct History<T> {
    span: Duration,
    samples: VecDeque<(Instant, T)>,
}

impl<T: Copy> History<T> {
    /// Reaches back by `span`.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            samples: VecDeque::new(),
        }
    }

    /// The same for a figure that is known already.
    pub(super) fn starting_with(span: Duration, now: Instant, value: T) -> Self {
        let mut history = Self::new(span);
        history.note(now, value);
        history
    }

    /// Takes what the figure is now, and returns what it was a whole span ago, or when it was first seen.
    pub(super) fn note(&mut self, now: Instant, value: T) -> (Instant, T) {
        let step = self.span / SAMPLES;
        let last = self.samples.back();
        if last.is_none_or(|(at, _)| now.duration_since(*at) >= step) {
            self.samples.push_back((now, value));
        }
        let is_old = |(at, _): &(Instant, T)| now.duration_since(*at) >= self.span;
        while self.samples.get(1).is_some_and(is_old) {
            self.samples.pop_front();
        }
        self.samples.front().copied().unwrap_or((now, value))
    }

    /// The latest sample that is at least so old. None if there is none.
    pub(super) fn back(&self, now: Instant, age: Duration) -> Option<(Instant, T)> {
        let mut newest_first = self.samples.iter().rev();
        newest_first
            .find(|(at, _)| now.duration_since(*at) >= age)
            .copied()
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }
}

/// A value, and since when it has been so.
#[derive(Debug)]
pub(super) struct Since<T> {
    value: T,
    at: Instant,
}

impl<T: PartialEq> Since<T> {
    pub(super) fn new(value: T, at: Instant) -> Self {
        Self { value, at }
    }

    /// Takes what the value is now, and returns for how long it has been so.
    pub(super) fn note(&mut self, now: Instant, value: T) -> Duration {
        if self.value != value {
            *self = Self::new(value, now);
        }
        now.duration_since(self.at)
    }
}

/// On from above one limit until below another, so that a value near a limit does not make it flicker.
#[derive(Debug)]
pub(super) struct Latch {
    rise: f64,
    fall: f64,
    is_on: bool,
}

impl Latch {
    /// Off.
    pub(super) fn new(rise: f64, fall: f64) -> Self {
        let is_on = false;
        Self { rise, fall, is_on }
    }

    pub(super) fn note(&mut self, value: f64) -> bool {
        let limit = if self.is_on { self.fall } else { self.rise };
        self.is_on = value > limit;
        self.is_on
    }
}

/// How much a counter grows per second. Negative if it shrinks.
#[expect(
    clippy::cast_precision_loss,
    reason = "the difference is shown with two digits"
)]
pub(super) fn per_second(before: u64, now: u64, elapsed: Duration) -> f64 {
    let growth = if now >= before {
        (now - before) as f64
    } else {
        -((before - now) as f64)
    };
    if elapsed.is_zero() {
        0.0
    } else {
        growth / elapsed.as_secs_f64()
    }
}

/// Nanoseconds as seconds, for limits and for show.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact to the nanosecond up to 104 days"
)]
pub(super) fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    #[test]
    fn a_history_reaches_back_by_its_span_and_stays_small() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut history = History::starting_with(SPAN, start, 0);
        for ms in (0..100_000).step_by(10) {
            let (then, value) = history.note(at(ms), ms);
            assert_eq!(at(value), then);
            assert!(ms < 30_000 || (30_000..31_000).contains(&(ms - value)));
        }
        assert!(history.samples.len() <= 66, "{}", history.samples.len());
        let (_, value) = history.back(at(100_000), SPAN / 3).expect("kept");
        assert!((89_000..=90_000).contains(&value), "{value}");
        assert_eq!(history.back(at(100_000), SPAN * 2), None);
        history.clear();
        assert_eq!(history.note(at(100_001), 7), (at(100_001), 7));
    }

    #[test]
    fn a_value_is_as_old_as_its_last_change() {
        let start = Instant::now();
        let mut since = Since::new(1, start);
        assert_eq!(since.note(start + SPAN, 1), SPAN);
        assert_eq!(since.note(start + SPAN, 2), Duration::ZERO);
        assert_eq!(since.note(start + 3 * SPAN, 2), 2 * SPAN);
    }

    #[test]
    fn a_latch_does_not_flicker() {
        let mut latch = Latch::new(2.0, 1.0);
        let states = [1.5, 2.5, 1.5, 0.5, 1.5].map(|value| latch.note(value));
        assert_eq!(states, [false, true, true, false, false]);
    }

    #[test]
    fn counters_may_shrink() {
        let second = Duration::from_secs(2);
        assert!((per_second(1, 5, second) - 2.0).abs() < 1e-9);
        assert!((per_second(5, 1, second) + 2.0).abs() < 1e-9);
        assert!(per_second(1, 5, Duration::ZERO).abs() < 1e-9);
    }
}
