//! Rate limit for log lines about things that can happen with every frame.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How many lines were held back since the last one: to stand at the end of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressed(u64);

impl fmt::Display for Suppressed {
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
pub struct LogThrottle {
    period: Duration,
    last: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// At most one line per `period`.
    #[must_use]
    pub const fn new(period: Duration) -> Self {
        Self {
            period,
            last: None,
            suppressed: 0,
        }
    }

    /// If a line may be written now: how many were held back since the last one.
    pub fn pass(&mut self, now: Instant) -> Option<Suppressed> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < self.period)
        {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(Suppressed(std::mem::take(&mut self.suppressed)))
    }
}

/// Lets each text pass once per period. For lines of others, of which only the text is known.
#[derive(Debug)]
pub struct RepeatThrottle {
    period: Duration,
    seen: HashMap<String, LogThrottle>,
}

impl RepeatThrottle {
    /// Texts remembered. With more than that they are forgotten and pass again.
    const MAX_TEXTS: usize = 64;

    /// At most one line per text and `period`.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            seen: HashMap::new(),
        }
    }

    /// If a line with this text may be written now: how many were held back since the last one.
    pub fn pass(&mut self, text: &str, now: Instant) -> Option<Suppressed> {
        if let Some(throttle) = self.seen.get_mut(text) {
            return throttle.pass(now);
        }
        if self.seen.len() >= Self::MAX_TEXTS {
            self.seen.clear();
        }
        let mut throttle = LogThrottle::new(self.period);
        let first = throttle.pass(now);
        self.seen.insert(text.to_owned(), throttle);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_period_and_the_rest_counted() {
        let mut throttle = LogThrottle::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(throttle.pass(at(0)), Some(Suppressed(0)));
        assert_eq!(throttle.pass(at(1)), None);
        assert_eq!(throttle.pass(at(4)), None);
        assert_eq!(throttle.pass(at(5)), Some(Suppressed(2)));
        assert_eq!(throttle.pass(at(20)), Some(Suppressed(0)));
    }

    #[test]
    fn each_text_has_a_period_of_its_own() {
        let mut throttle = RepeatThrottle::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(throttle.pass("a", at(0)), Some(Suppressed(0)));
        assert_eq!(throttle.pass("b", at(1)), Some(Suppressed(0)));
        assert_eq!(throttle.pass("a", at(2)), None);
        assert_eq!(throttle.pass("a", at(5)), Some(Suppressed(1)));
        assert_eq!(throttle.pass("b", at(5)), None);
    }

    #[test]
    fn texts_that_never_come_again_cost_no_memory() {
        let mut throttle = RepeatThrottle::new(Duration::from_secs(5));
        let now = Instant::now();
        for number in 0..10 * RepeatThrottle::MAX_TEXTS {
            assert!(throttle.pass(&number.to_string(), now).is_some());
            assert!(throttle.seen.len() <= RepeatThrottle::MAX_TEXTS);
        }
    }

    #[test]
    fn what_was_held_back_is_said_in_words_and_nothing_is_nothing() {
        assert_eq!(Suppressed(0).to_string(), "");
        assert_eq!(
            Suppressed(3).to_string(),
            " (3 times more since the last such line)"
        );
    }
}
