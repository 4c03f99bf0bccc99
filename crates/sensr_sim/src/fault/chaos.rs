//! Random faults.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::kind::FaultKind;
use super::{Fault, Links};

/// Options of random faults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChaosOptions {
    /// Seed of the faults and the pauses between them.
    pub seed: u64,
    /// Mean pause between the end of a fault and the beginning of the next, seconds: more than 0, at most 3600. Pauses
    /// vary by 5/7 of it in both directions.
    pub mean_pause_secs: f64,
}

impl ChaosOptions {
    /// Returns options with pauses of 0.5 to 3 s.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            mean_pause_secs: 1.75,
        }
    }
}

/// Endless iterator of pauses, each with the fault that follows it. The same options give the same sequence.
#[derive(Debug, Clone)]
pub struct Chaos {
    rng: SmallRng,
    mean_pause_secs: f64,
    is_bag: bool,
}

impl Chaos {
    /// Returns the sequence of faults; with `is_bag`, only of faults that are possible with a bag.
    #[must_use]
    pub fn new(options: &ChaosOptions, is_bag: bool) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(options.seed),
            mean_pause_secs: options.mean_pause_secs,
            is_bag,
        }
    }

    fn random_fault(&mut self) -> Fault {
        let kind = loop {
            let kind = FaultKind::ALL[self.rng.random_range(0..FaultKind::COUNT)];
            if kind.supports_bags() || !self.is_bag {
                break kind;
            }
        };
        let links = match self.rng.random_range(0..3) {
            0 => Links::Points,
            _ if !kind.supports_output() => Links::Points,
            1 => Links::Output,
            _ => Links::Both,
        };
        let secs = kind.default_secs().map(|_| self.random_secs(kind));
        Fault { kind, links, secs }
    }

    /// Returns a random duration in hundredths of a second, so that the text of a fault is short.
    fn random_secs(&mut self, kind: FaultKind) -> f64 {
        let hundredths: i32 = match kind {
            // Sometimes long enough for a client to detect it.
            FaultKind::HalfOpen => self.rng.random_range(100..=1000),
            FaultKind::Clock if self.rng.random() => self.rng.random_range(-6000..=-200),
            FaultKind::Clock => self.rng.random_range(200..=6000),
            _ => self.rng.random_range(20..=250),
        };
        f64::from(hundredths) / 100.0
    }
}

impl Iterator for Chaos {
    type Item = (Duration, Fault);

    fn next(&mut self) -> Option<Self::Item> {
        let deviation = self.rng.random_range(-5.0..=5.0) / 7.0;
        let pause_secs = self.mean_pause_secs * (1.0 + deviation);
        Some((Duration::from_secs_f64(pause_secs), self.random_fault()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn first(seed: u64, count: usize) -> Vec<(Duration, Fault)> {
        let chaos = Chaos::new(&ChaosOptions::new(seed), false);
        chaos.take(count).collect()
    }

    #[test]
    fn same_seed_gives_the_same_sequence_and_another_seed_another() {
        assert_eq!(first(7, 500), first(7, 500));
        assert_ne!(first(7, 500), first(8, 500));
    }

    #[test]
    fn all_kinds_occur_on_every_link_after_pauses_within_the_limits() {
        let faults = first(1, 2000);
        let seen: BTreeSet<(FaultKind, &str)> = faults
            .iter()
            .map(|(_, fault)| (fault.kind, fault.links.name()))
            .collect();
        assert_eq!(seen.len(), (FaultKind::COUNT - 1) * 3 + 1, "{seen:?}");
        for (pause, fault) in faults {
            assert!((0.49..3.01).contains(&pause.as_secs_f64()), "{pause:?}");
            assert_eq!(fault.to_string().parse(), Ok(fault), "its text parses");
        }
    }

    #[test]
    fn only_supported_faults_occur_with_a_bag() {
        let chaos = Chaos::new(&ChaosOptions::new(3), true);
        let mut faults = chaos.take(1000);
        assert!(faults.all(|(_, fault)| fault.kind.supports_bags()));
    }
}
