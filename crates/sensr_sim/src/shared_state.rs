//! State shared by the tasks of a server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::broadcast::Broadcast;
use super::clock::ServerClock;
use super::fault::FaultEvents;
use super::options::{Options, Source};
use super::queue_item::{Contents, Message};
use super::report::{ClientCounts, CloudCounts, OutputCounts, Report};

/// State shared by the tasks of a server.
#[derive(Debug)]
pub(super) struct SharedState {
    pub options: Options,
    pub points: Arc<Broadcast>,
    pub output: Arc<Broadcast>,
    pub clock: ServerClock,
    pub fault_events: FaultEvents,
    /// Start of the playback clock.
    started: watch::Sender<Option<Instant>>,
    clouds: Mutex<CloudCounts>,
    contents: Mutex<OutputCounts>,
    late_max_us: AtomicU64,
}

impl SharedState {
    pub(super) fn new(options: Options) -> Self {
        let broadcast = |name| Arc::new(Broadcast::new(name, options.client_buffer_bytes));
        Self {
            points: broadcast("points"),
            output: broadcast("output"),
            clock: ServerClock::new(),
            fault_events: FaultEvents::default(),
            started: watch::Sender::new(None),
            clouds: Mutex::default(),
            contents: Mutex::default(),
            late_max_us: AtomicU64::new(0),
            options,
        }
    }

    /// Returns whether recorded frames are sent instead of generated messages.
    pub(super) fn plays_bag(&self) -> bool {
        matches!(self.options.source, Source::Bag(_))
    }

    /// Starts the playback clock, to which all times refer.
    pub(super) fn start_clock(&self) {
        self.started.send_replace(Some(Instant::now()));
    }

    /// Waits until the clock has started and returns its start.
    pub(super) async fn wait_for_start(&self) -> Instant {
        let mut started = self.started.subscribe();
        loop {
            if let Some(at) = *started.borrow_and_update() {
                return at;
            }
            // Cannot fail: the sender is in `self`.
            let _ = started.changed().await;
        }
    }

    /// Returns the seconds since the clock started; 0 before.
    pub(super) fn elapsed_secs(&self) -> f64 {
        let started = *self.started.borrow();
        started.map_or(0.0, |at| at.elapsed().as_secs_f64())
    }

    /// Counts the clouds of a point message that was made.
    pub(super) fn count_clouds(&self, more: &CloudCounts) {
        let mut clouds = self.clouds.lock().unwrap_or_else(PoisonError::into_inner);
        clouds.merge(more);
    }

    /// Counts the contents of output messages that were made.
    pub(super) fn count_contents(&self, counts: &OutputCounts) {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.merge(counts);
    }

    /// Sends `event` to the remaining output clients, because `clients` clients of either stream were too slow.
    pub(super) fn report_overflow(&self, clients: u64, event: &Message) {
        let mut unreported = clients;
        while unreported > 0 {
            log::warn!("{unreported} client(s) too slow, closing with 1011");
            if !self.output.is_empty() {
                self.output.counters.messages.add(1);
                if let Contents::Output(counts) = &event.contents {
                    self.count_contents(counts);
                }
            }
            unreported = self.output.send_event(event, || Some(event.clone()));
        }
    }

    /// Records the delay of a tick or frame.
    pub(super) fn record_lateness(&self, late: Duration) {
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.late_max_us.fetch_max(late_us, Ordering::Relaxed);
    }

    /// Returns all counts as they are now.
    pub(super) fn report(&self) -> Report {
        let (points, output) = (&self.points.counters, &self.output.counters);
        let delivered = (points.delivered_contents(), output.delivered_contents());
        let connected = self.points.connected_clients() + self.output.connected_clients();
        Report {
            points: points.report(),
            output: output.report(),
            clouds: *self.clouds.lock().unwrap_or_else(PoisonError::into_inner),
            contents: *self.contents.lock().unwrap_or_else(PoisonError::into_inner),
            delivered_clouds: delivered.0.clouds,
            delivered_contents: delivered.1.contents,
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
    use crate::output::overflow_event;

    #[test]
    fn overflow_event_counts_only_if_an_output_client_is_connected() {
        let shared = SharedState::new(Options::default());
        let counts = || {
            (
                shared.report().output.messages,
                shared.report().contents.health_events,
            )
        };
        let event = overflow_event(0);
        shared.report_overflow(1, &event);
        assert_eq!(counts(), (0, 0));
        let _client = shared.output.register_client();
        shared.report_overflow(2, &event);
        assert_eq!(counts(), (1, 1));
    }
}
