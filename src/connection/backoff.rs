//! Exponential back-off with jitter: the delays between attempts to connect.

use std::time::Duration;

use rand::Rng;

/// Share by which a delay is randomly longer or shorter, so that many bridges do not reconnect to a restarted server at
/// the same time.
const JITTER: f64 = 0.2;

/// Limits of the delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffLimits {
    /// Delay after the first failure.
    pub initial_delay: Duration,
    /// Upper bound.
    pub max_delay: Duration,
}

/// Delays that double with each failure, for ever.
///
/// To be reset when a link is stable. Takes the limits with each delay, so that they can change at run time.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the delay after one more failure: `initial_delay`, twice that, four times, … up to `max_delay`, each
    /// ±20 % (but never above `max_delay`).
    pub fn next_delay(&mut self, limits: BackoffLimits, random: &mut impl Rng) -> Duration {
        let doubled = limits
            .initial_delay
            .saturating_mul(2u32.saturating_pow(self.failures))
            .min(limits.max_delay);
        self.failures = self.failures.saturating_add(1);
        doubled
            .mul_f64(random.random_range(1.0 - JITTER..=1.0 + JITTER))
            .min(limits.max_delay)
    }

    /// Starts again with the initial delay.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::SmallRng};

    const LIMITS: BackoffLimits = BackoffLimits {
        initial_delay: Duration::from_millis(500),
        max_delay: Duration::from_secs(30),
    };

    #[test]
    fn delay_doubles_up_to_the_maximum_and_starts_again_after_a_reset() {
        let mut random = SmallRng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let delay = backoff.next_delay(LIMITS, &mut random).as_secs_f64();
            assert!(
                (delay / expected - 1.0).abs() <= 0.2001,
                "{delay} for {expected}"
            );
        }
        backoff.reset();
        assert!(backoff.next_delay(LIMITS, &mut random) <= Duration::from_millis(600));
    }

    #[test]
    fn delays_differ_between_links() {
        let mut random = SmallRng::seed_from_u64(1);
        let first = Backoff::default().next_delay(LIMITS, &mut random);
        assert_ne!(first, Backoff::default().next_delay(LIMITS, &mut random));
    }

    proptest! {
        /// Also after months of failures.
        #[test]
        fn delay_is_always_within_the_limits(failures: u32, seed: u64) {
            let mut backoff = Backoff { failures };
            let delay = backoff.next_delay(LIMITS, &mut SmallRng::seed_from_u64(seed));
            prop_assert!(delay >= Duration::from_millis(399) && delay <= LIMITS.max_delay);
        }
    }
}
