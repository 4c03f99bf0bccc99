//! Rate limit for log lines about things that can happen with every frame.

use std::fmt;
use std::time::{Duration, Instant};

/// How many lines were held back since the last one: to stand at the end of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack(u64);

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            n => write!(f, " ({n} times more since the last such line)"),
        }
    }
}

/// Lets one line pass per period and counts those held back, so that nothing is silent and nothing
/// floods.
#[derive(Debug)]
pub struct Throttle {
    period: Duration,
    last: Option<Instant>,
    held_back: u64,
}

impl Throttle {
    /// At most one line per `period`.
    #[must_use]
    pub const fn new(period: Duration) -> Self {
        Self {
            period,
            last: None,
            held_back: 0,
        }
    }

    /// If a line may be written now: how many were held back since the last one.
    pub fn pass(&mut self, now: Instant) -> Option<HeldBack> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < self.period)
        {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(HeldBack(std::mem::take(&mut self.held_back)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_period_and_the_rest_counted() {
        let mut throttle = Throttle::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(throttle.pass(at(0)), Some(HeldBack(0)));
        assert_eq!(throttle.pass(at(1)), None);
        assert_eq!(throttle.pass(at(4)), None);
        assert_eq!(throttle.pass(at(5)), Some(HeldBack(2)));
        assert_eq!(throttle.pass(at(20)), Some(HeldBack(0)));
    }

    #[test]
    fn what_was_held_back_is_said_in_words_and_nothing_is_nothing() {
        assert_eq!(HeldBack(0).to_string(), "");
        assert_eq!(
            HeldBack(3).to_string(),
            " (3 times more since the last such line)"
        );
    }
}
