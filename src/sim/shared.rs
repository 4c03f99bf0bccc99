//! What the parts of a server share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::hub::Hub;
use super::options::Options;
use super::report::{ClientCounts, CloudCounts, OutputCounts, Report};
use crate::sensr::wire::CloudType;

/// What the parts of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    pub points: Arc<Hub>,
    pub output: Arc<Hub>,
    clouds: Mutex<CloudCounts>,
    contents: Mutex<OutputCounts>,
    late_max_us: AtomicU64,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        let hub = |name| Arc::new(Hub::new(name, options.client_buffer_bytes));
        Self {
            points: hub("points"),
            output: hub("output"),
            clouds: Mutex::default(),
            contents: Mutex::default(),
            late_max_us: AtomicU64::new(0),
            options,
        }
    }

    /// A point message with these clouds was made.
    pub(super) fn note_clouds(&self, types: &[CloudType]) {
        let mut clouds = self.clouds.lock().unwrap_or_else(PoisonError::into_inner);
        clouds.add(types);
    }

    /// Output messages that carry this were made.
    pub(super) fn note_contents(&self, counts: &OutputCounts) {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.merge(counts);
    }

    /// Tells those who still read the output stream that so many clients of either stream were too slow.
    pub(super) fn tell_overflow(&self, clients: u64, event: &Bytes) {
        let mut untold = clients;
        while untold > 0 {
            log::warn!("{untold} client(s) too slow: closing with 1011");
            if !self.output.is_empty() {
                self.output.counters.messages.add(1);
                self.note_contents(&OutputCounts {
                    health_events: 1,
                    ..OutputCounts::default()
                });
            }
            untold = self.output.announce(event, || Some(event.clone()));
        }
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
            contents: *self.contents.lock().unwrap_or_else(PoisonError::into_inner),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_event_counts_if_there_is_somebody_to_hear_it() {
        let shared = Shared::new(Options::default());
        let counts = || {
            (
                shared.report().output.messages,
                shared.report().contents.health_events,
            )
        };
        let event = Bytes::from_static(b"event");
        shared.tell_overflow(1, &event);
        assert_eq!(counts(), (0, 0));
        let _member = shared.output.join();
        shared.tell_overflow(2, &event);
        assert_eq!(counts(), (1, 1));
    }
}
