//! What the parts of a server share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::hub::Hub;
use super::options::Options;
use super::report::{ClientCounts, CloudCounts, Report};
use crate::sensr::wire::CloudType;

/// What the parts of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    pub points: Arc<Hub>,
    pub output: Arc<Hub>,
    clouds: Mutex<CloudCounts>,
    late_max_us: AtomicU64,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        let hub = |name| Arc::new(Hub::new(name, options.client_buffer_bytes));
        Self {
            points: hub("points"),
            output: hub("output"),
            clouds: Mutex::default(),
            late_max_us: AtomicU64::new(0),
            options,
        }
    }

    /// A point message with these clouds was made.
    pub(super) fn note_clouds(&self, types: &[CloudType]) {
        let mut clouds = self.clouds.lock().unwrap_or_else(PoisonError::into_inner);
        clouds.add(types);
    }

    /// Something was done this long after it was due.
    pub(super) fn note_late(&self, late: Duration) {
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.late_max_us.fetch_max(late_us, Ordering::Relaxed);
    }

    /// All counts as they are now.
    pub(super) fn report(&self) -> Report {
        let (points, output) = (&self.points.counters, &self.output.counters);
        let connected = self.points.connected() + self.output.connected();
        Report {
            points: points.report(),
            output: output.report(),
            clouds: *self.clouds.lock().unwrap_or_else(PoisonError::into_inner),
            clients: ClientCounts {
                points: points.clients.get(),
                output: output.clients.get(),
                connected: connected as u64,
                overflowed: points.overflowed.get() + output.overflowed.get(),
            },
            late_max_us: self.late_max_us.load(Ordering::Relaxed),
        }
    }
}
