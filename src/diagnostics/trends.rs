//! Bounded memory of how a value develops over time, and conversions for its rates.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Number of samples that a [`History`] keeps, give or take two.
const SAMPLES: u32 = 64;

/// Earlier values of a figure, for its growth within a time span. Samples closer together than a 64th of the span are
/// skipped, so that the memory stays bounded at any sampling rate.
#[derive(Debug)]
pub(super) struct History<T> {
    span: Duration,
    samples: VecDeque<(Instant, T)>,
}

impl<T: Copy> History<T> {
    /// Creates an empty history that reaches back by `span`.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            samples: VecDeque::new(),
        }
    }

    /// Creates a history with a first sample.
    pub(super) fn starting_with(span: Duration, now: Instant, value: T) -> Self {
        let mut history = Self::new(span);
        history.record_sample(now, value);
        history
    }

    /// Records the current value and returns the sample of one span ago, or else the first one.
    pub(super) fn record_sample(&mut self, now: Instant, value: T) -> (Instant, T) {
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

    /// Returns the newest sample that is at least `age` old.
    pub(super) fn sample_before(&self, now: Instant, age: Duration) -> Option<(Instant, T)> {
        let mut newest_first = self.samples.iter().rev();
        newest_first
            .find(|(at, _)| now.duration_since(*at) >= age)
            .copied()
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }
}

/// Value with the instant of its last change.
#[derive(Debug)]
pub(super) struct StableSince<T> {
    value: T,
    changed_at: Instant,
}

impl<T: PartialEq> StableSince<T> {
    pub(super) fn new(value: T, changed_at: Instant) -> Self {
        Self { value, changed_at }
    }

    /// Records the current value and returns the time since it last changed.
    pub(super) fn record_value(&mut self, now: Instant, value: T) -> Duration {
        if self.value != value {
            *self = Self::new(value, now);
        }
        now.duration_since(self.changed_at)
    }
}

/// Switch that turns on above one threshold and off below a lower one, so that a value near a threshold does not make
/// it flicker.
#[derive(Debug)]
pub(super) struct Hysteresis {
    on_above: f64,
    off_below: f64,
    is_on: bool,
}

impl Hysteresis {
    /// Creates a switch that is off.
    pub(super) fn new(on_above: f64, off_below: f64) -> Self {
        let is_on = false;
        Self {
            on_above,
            off_below,
            is_on,
        }
    }

    /// Takes the current value and returns whether the switch is on.
    pub(super) fn update_state(&mut self, value: f64) -> bool {
        let threshold = if self.is_on {
            self.off_below
        } else {
            self.on_above
        };
        self.is_on = value > threshold;
        self.is_on
    }
}

/// Returns the growth of a counter per second, negative if it shrinks.
#[expect(
    clippy::cast_precision_loss,
    reason = "the difference is shown with two digits"
)]
pub(super) fn growth_per_second(before: u64, now: u64, elapsed: Duration) -> f64 {
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

/// Converts nanoseconds to seconds, for thresholds and display.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact to the nanosecond up to 104 days"
)]
pub(super) fn ns_to_seconds(ns: i64) -> f64 {
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
            let (then, value) = history.record_sample(at(ms), ms);
            assert_eq!(at(value), then);
            assert!(ms < 30_000 || (30_000..31_000).contains(&(ms - value)));
        }
        assert!(history.samples.len() <= 66, "{}", history.samples.len());
        let (_, value) = history
            .sample_before(at(100_000), SPAN / 3)
            .expect("sample kept");
        assert!((89_000..=90_000).contains(&value), "{value}");
        assert_eq!(history.sample_before(at(100_000), SPAN * 2), None);
        history.clear();
        assert_eq!(history.record_sample(at(100_001), 7), (at(100_001), 7));
    }

    #[test]
    fn a_value_is_as_old_as_its_last_change() {
        let start = Instant::now();
        let mut value = StableSince::new(1, start);
        assert_eq!(value.record_value(start + SPAN, 1), SPAN);
        assert_eq!(value.record_value(start + SPAN, 2), Duration::ZERO);
        assert_eq!(value.record_value(start + 3 * SPAN, 2), 2 * SPAN);
    }

    #[test]
    fn hysteresis_does_not_flicker() {
        let mut switch = Hysteresis::new(2.0, 1.0);
        let states = [1.5, 2.5, 1.5, 0.5, 1.5].map(|value| switch.update_state(value));
        assert_eq!(states, [false, true, true, false, false]);
    }

    #[test]
    fn counters_may_shrink() {
        let second = Duration::from_secs(2);
        assert!((growth_per_second(1, 5, second) - 2.0).abs() < 1e-9);
        assert!((growth_per_second(5, 1, second) + 2.0).abs() < 1e-9);
        assert!(growth_per_second(1, 5, Duration::ZERO).abs() < 1e-9);
    }
}
