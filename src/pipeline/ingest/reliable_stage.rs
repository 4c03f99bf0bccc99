//! Stage of the output stream that numbers reliable messages, enters them in the ledger, and queues them.

use std::sync::Arc;

use sensr_protocol::health::SystemHealth;
use sensr_protocol::output::Events;

use super::warn_throttled;
use crate::metrics::Metrics;
use crate::metrics::ledger::IngestDecision;
use crate::pipeline::LOG_PERIOD;
use crate::pipeline::queues::{ReliableQueue, settle_as_dropped};
use crate::pipeline::reliable_message::{QueuedReliable, ReliableMessage};
use crate::pipeline::stream_source::{MessageTimes, StreamSource};
use crate::time::log_throttle::LogThrottle;
use crate::topic::{QosClass, Topic};

/// Queues reliable messages.
#[derive(Debug)]
pub(super) struct ReliableStage {
    metrics: Arc<Metrics>,
    pub(super) queue: Arc<ReliableQueue>,
    /// Number of the next message, per topic.
    sequences: [u64; Topic::COUNT],
    /// Topics with a message of the present server.
    has_published: [bool; Topic::COUNT],
    loss_throttle: LogThrottle,
    overflow_throttle: LogThrottle,
}

impl ReliableStage {
    pub(super) fn new(metrics: Arc<Metrics>, queue: Arc<ReliableQueue>) -> Self {
        Self {
            metrics,
            queue,
            sequences: [0; Topic::COUNT],
            has_published: [false; Topic::COUNT],
            loss_throttle: LogThrottle::new(LOG_PERIOD),
            overflow_throttle: LogThrottle::new(LOG_PERIOD),
        }
    }

    /// Queues a message.
    pub(super) fn queue_message(
        &mut self,
        source: &StreamSource,
        times: MessageTimes,
        message: ReliableMessage,
    ) {
        let topic = message.topic();
        self.has_published[topic.index()] = true;
        let queued = QueuedReliable {
            source: source.clone(),
            times,
            sequence: self.next_sequence(topic),
            message,
        };
        let ledger = &self.metrics.ledger;
        ledger.record_received(topic, IngestDecision::Queued);
        let cost = queued.cost();
        let dropped = self.queue.push(queued, cost);
        if !dropped.is_empty() {
            let count = settle_as_dropped(ledger, dropped);
            if let Some(suppressed) = self.loss_throttle.try_acquire(times.arrival.instant) {
                log::error!(
                    "the queue of reliable messages is full: dropped the {count} oldest{suppressed}"
                );
            }
        }
    }

    /// Queues the decoded events of a message, and counts those that do not decode: these take a number too.
    pub(super) fn queue_events<T>(
        &mut self,
        source: &StreamSource,
        times: MessageTimes,
        topic: Topic,
        events: Events<T>,
        to_message: fn(T) -> ReliableMessage,
    ) {
        for _ in 0..events.malformed {
            self.next_sequence(topic);
            let ledger = &self.metrics.ledger;
            ledger.record_received(topic, IngestDecision::Malformed);
        }
        for event in events.decoded {
            self.queue_message(source, times, to_message(event));
        }
    }

    /// Queues a health, and records it for the diagnostics. `objects_queue_bytes` is the fill level of the object queue.
    pub(super) fn queue_health(
        &mut self,
        source: &StreamSource,
        times: MessageTimes,
        health: SystemHealth,
        is_event: bool,
        objects_queue_bytes: usize,
    ) {
        let metrics = &self.metrics;
        let is_overflow = metrics
            .server
            .record_health(times.arrival.stamp, &health, || {
                let queued = objects_queue_bytes + self.queue.fill().bytes;
                (metrics.ledger.snapshot(), queued as u64)
            });
        if is_overflow {
            warn_throttled(&mut self.overflow_throttle, || {
                "SENSR reports OUTPUT_BUFFER_OVERFLOW: a client was too slow and lost data; \
                 /diagnostics shows this bridge's counters of that moment"
                    .to_owned()
            });
        }
        self.queue_message(source, times, ReliableMessage::Health { health, is_event });
    }

    /// Replaces the latched messages of the former server by "unknown": as many as the middleware keeps for late
    /// subscribers, so that these receive none of the former server's.
    pub(super) fn replace_latched(&mut self, source: &StreamSource, times: MessageTimes) {
        for topic in Topic::ALL {
            if !self.has_published[topic.index()] {
                continue;
            }
            for _ in 0..QosClass::Latched.depth(0) {
                if let Some(message) = ReliableMessage::unknown(topic) {
                    self.queue_message(source, times, message);
                }
            }
        }
        self.has_published = [false; Topic::COUNT];
    }

    fn next_sequence(&mut self, topic: Topic) -> u64 {
        let next = &mut self.sequences[topic.index()];
        *next += 1;
        *next - 1
    }
}
