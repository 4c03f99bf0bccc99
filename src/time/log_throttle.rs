//! Rate limit for log lines about events that can occur with every frame.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Number of lines suppressed since the last one, displayed at the end of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressed(u64);

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" (1 similar message suppressed)"),
            n => write!(f, " ({n} similar messages suppressed)"),
        }
    }
}

/// Throttle that permits one line per period and counts the suppressed ones.
#[derive(Debug)]
pub struct LogThrottle {
    period: Duration,
    last: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// Creates a throttle for at most one line per `period`.
    #[must_use]
    pub const fn new(period: Duration) -> Self {
        Self {
            period,
            last: None,
            suppressed: 0,
        }
    }

    /// Acquires permission for a line at `now`. `None` if it is to be suppressed.
    pub fn try_acquire(&mut self, now: Instant) -> Option<Suppressed> {
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

/// Throttle per text, for lines of libraries of which only the text is known.
#[derive(Debug)]
pub struct RepeatThrottle {
    period: Duration,
    seen: HashMap<String, LogThrottle>,
}

impl RepeatThrottle {
    /// Limit on the remembered texts. Beyond it all are forgotten and permitted again.
    const MAX_TEXTS: usize = 64;

    /// Creates a throttle for at most one line per text and `period`.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            seen: HashMap::new(),
        }
    }

    /// Acquires permission for a line with this text at `now`. `None` if it is to be suppressed.
    pub fn try_acquire(&mut self, text: &str, now: Instant) -> Option<Suppressed> {
        if let Some(throttle) = self.seen.get_mut(text) {
            return throttle.try_acquire(now);
        }
        if self.seen.len() >= Self::MAX_TEXTS {
            self.seen.clear();
        }
        let mut throttle = LogThrottle::new(self.period);
        let first = throttle.try_acquire(now);
        self.seen.insert(text.to_owned(), throttle);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_period_and_the_rest_is_counted() {
        let mut throttle = LogThrottle::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(throttle.try_acquire(at(0)), Some(Suppressed(0)));
        assert_eq!(throttle.try_acquire(at(1)), None);
        assert_eq!(throttle.try_acquire(at(4)), None);
        assert_eq!(throttle.try_acquire(at(5)), Some(Suppressed(2)));
        assert_eq!(throttle.try_acquire(at(20)), Some(Suppressed(0)));
    }

    #[test]
    fn each_text_has_its_own_period() {
        let mut throttle = RepeatThrottle::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(throttle.try_acquire("a", at(0)), Some(Suppressed(0)));
        assert_eq!(throttle.try_acquire("b", at(1)), Some(Suppressed(0)));
        assert_eq!(throttle.try_acquire("a", at(2)), None);
        assert_eq!(throttle.try_acquire("a", at(5)), Some(Suppressed(1)));
        assert_eq!(throttle.try_acquire("b", at(5)), None);
    }

    #[test]
    fn memory_for_texts_is_bounded() {
        let mut throttle = RepeatThrottle::new(Duration::from_secs(5));
        let now = Instant::now();
        for number in 0..10 * RepeatThrottle::MAX_TEXTS {
            assert!(throttle.try_acquire(&number.to_string(), now).is_some());
            assert!(throttle.seen.len() <= RepeatThrottle::MAX_TEXTS);
        }
    }

    #[test]
    fn number_of_suppressed_lines_is_displayed() {
        assert_eq!(Suppressed(0).to_string(), "");
        assert_eq!(Suppressed(1).to_string(), " (1 similar message suppressed)");
        assert_eq!(
            Suppressed(3).to_string(),
            " (3 similar messages suppressed)"
        );
    }
}
