//! The pauses between attempts to connect.

use std::time::Duration;

use rand::Rng;

/// Each pause is longer or shorter by up to this part of itself, so that many bridges do not return to a
/// restarted server in step.
const JITTER: f64 = 0.2;

/// How short and how long the pauses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// After the first failure.
    pub initial_delay: Duration,
    /// At most.
    pub max_delay: Duration,
}

/// Doubling pauses with jitter, for ever.
///
/// Reset it when the link has proved itself. The bounds are read at each pause, so that they can be
/// changed while it waits.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure: `initial_delay`, twice that, four times, … up to `max_delay`,
    /// each ±20 % (the last never above `max_delay`).
    pub fn next(&mut self, bounds: Bounds, random: &mut impl Rng) -> Duration {
        let doubled = bounds
            .initial_delay
            .saturating_mul(2u32.saturating_pow(self.failures))
            .min(bounds.max_delay);
        self.failures = self.failures.saturating_add(1);
        doubled
            .mul_f64(random.random_range(1.0 - JITTER..=1.0 + JITTER))
            .min(bounds.max_delay)
    }

    /// Starts over with the initial delay.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::SmallRng};

    const BOUNDS: Bounds = Bounds {
        initial_delay: Duration::from_millis(500),
        max_delay: Duration::from_secs(30),
    };

    #[test]
    fn doubles_up_to_the_most_and_starts_over_after_a_reset() {
        let mut random = SmallRng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = backoff.next(BOUNDS, &mut random).as_secs_f64();
            assert!(
                (pause / expected - 1.0).abs() <= 0.2001,
                "{pause} for {expected}"
            );
        }
        backoff.reset();
        assert!(backoff.next(BOUNDS, &mut random) <= Duration::from_millis(600));
    }

    #[test]
    fn pauses_differ() {
        let mut random = SmallRng::seed_from_u64(1);
        let first = Backoff::default().next(BOUNDS, &mut random);
        assert_ne!(first, Backoff::default().next(BOUNDS, &mut random));
    }

    proptest! {
        /// Months of failures overflow nothing.
        #[test]
        fn always_within_the_bounds(failures: u32, seed: u64) {
            let mut backoff = Backoff { failures };
            let pause = backoff.next(BOUNDS, &mut SmallRng::seed_from_u64(seed));
            prop_assert!(pause >= Duration::from_millis(399) && pause <= BOUNDS.max_delay);
        }
    }
}
