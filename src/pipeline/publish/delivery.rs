//! Delivery of every message: checks for subscribers, serializes, hands it to the middleware, and settles its account.

use std::sync::Arc;
use std::time::Instant;

use crate::config::StampSource;
use crate::metrics::ledger::{IngestDecision, Outcome};
use crate::metrics::stage_times::{Stage, StageTimers};
use crate::metrics::startup::Phase;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::LOG_PERIOD;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::{AnyTopic, Topic};

/// Destination of serialized messages: the middleware, or a test.
pub trait Sink {
    /// Reason why a message was refused.
    type Error: std::fmt::Display;

    /// Returns the number of subscribers of a topic, or 1 if it is unknown. Queried before each message, so that
    /// messages without subscribers are not serialized.
    fn subscribers(&self, topic: AnyTopic) -> usize;

    /// Takes a serialized message. May wait.
    fn publish(&mut self, topic: AnyTopic, message: &[u8]) -> Result<(), Self::Error>;

    /// Returns whether no message will ever be accepted again. Any other error costs only its message.
    fn is_final(_error: &Self::Error) -> bool {
        false
    }
}

/// Delivers the messages of one thread.
#[derive(Debug)]
pub struct Delivery<S> {
    pub(super) metrics: Arc<Metrics>,
    stream: fn(&Metrics) -> &StreamMetrics,
    pub(super) sink: S,
    refusal_throttle: LogThrottle,
    /// Reason why nothing can be published any more.
    pub(super) failure: Option<String>,
}

impl<S: Sink> Delivery<S> {
    pub(super) fn new(
        metrics: Arc<Metrics>,
        stream: fn(&Metrics) -> &StreamMetrics,
        sink: S,
    ) -> Self {
        Self {
            metrics,
            stream,
            sink,
            refusal_throttle: LogThrottle::new(LOG_PERIOD),
            failure: None,
        }
    }

    pub(super) fn stages(&self) -> &StageTimers {
        &(self.stream)(&self.metrics).stages
    }

    /// Publishes a queued message if its topic has subscribers.
    pub(super) fn publish_if_subscribed<'m>(
        &mut self,
        topic: impl Into<AnyTopic>,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) {
        let topic = topic.into();
        if self.sink.subscribers(topic) == 0 {
            self.metrics.ledger.settle(topic, Outcome::Unsubscribed);
        } else {
            self.publish_latched(topic, arrival, encode);
        }
    }

    /// Publishes a queued message even without subscribers: the middleware keeps it for late ones.
    pub(super) fn publish_latched<'m>(
        &mut self,
        topic: impl Into<AnyTopic>,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) {
        let topic = topic.into();
        let begun = Instant::now();
        let message = encode();
        let bytes = message.len();
        let encoded = Instant::now();
        // Before the middleware has the message: a recorder compares the times at which it received messages with the
        // counts in `statistics`, so what it can have received by then must have been counted.
        let ledger = &self.metrics.ledger;
        ledger.settle(topic, Outcome::Published { bytes });
        let result = self.sink.publish(topic, message);
        if result.is_err() {
            ledger.retract_published(topic, bytes);
        }
        let stages = self.stages();
        stages.record(Stage::Convert, encoded.duration_since(begun));
        stages.record(Stage::Publish, encoded.elapsed());
        match result {
            Ok(()) => {
                stages.record(Stage::Total, arrival.instant.elapsed());
                if Topic::CLOUDS.contains(&topic.row()) {
                    self.metrics.startup.complete(Phase::FirstCloud);
                }
            }
            Err(error) => self.report_refusal(topic, &error),
        }
    }

    /// Publishes a latched message once more. SENSR did not cause it, so it is entered in the ledger as received first.
    pub(super) fn publish_again<'m>(&mut self, topic: Topic, encode: impl FnOnce() -> &'m [u8]) {
        let ledger = &self.metrics.ledger;
        ledger.record_received(topic, IngestDecision::Queued);
        self.publish_latched(topic, Arrival::now(), encode);
    }

    /// Present time on the clock that `source` selects, for messages that SENSR did not cause.
    pub(super) fn present_stamp(&self, source: StampSource) -> Stamp {
        let now = Stamp::now();
        match source {
            StampSource::Receive => now,
            StampSource::Server => {
                let offset_ns = self.metrics.clock().offset_ns();
                now.moved_back(offset_ns.unwrap_or(0))
            }
        }
    }

    fn report_refusal(&mut self, topic: AnyTopic, error: &S::Error) {
        let names = &self.metrics.sensor_topics;
        let name = names.name_of(topic).unwrap_or(topic.row().name());
        if S::is_final(error) {
            self.failure = Some(format!(
                "{name}: publisher or context is no longer valid: {error}"
            ));
        } else if let Some(suppressed) = self.refusal_throttle.try_acquire(Instant::now()) {
            log::error!("{name}: the middleware refused a message: {error}{suppressed}");
        }
    }
}

#[cfg(test)]
pub(in crate::pipeline) mod test_sink {
    use super::*;

    const GONE: &str = "gone";

    /// Keeps the delivered messages.
    #[derive(Debug, Default)]
    pub(in crate::pipeline) struct Recorder {
        pub(in crate::pipeline) taken: Vec<(AnyTopic, Vec<u8>)>,
        pub(in crate::pipeline) unsubscribed: Vec<AnyTopic>,
        pub(in crate::pipeline) full: bool,
        pub(in crate::pipeline) gone: bool,
    }

    impl Recorder {
        /// Topics of the table that the messages are on.
        pub(in crate::pipeline) fn topics(&self) -> Vec<Topic> {
            let listed = self.taken.iter().filter_map(|(topic, _)| match topic {
                AnyTopic::Listed(topic) => Some(*topic),
                AnyTopic::Sensor(_) => None,
            });
            listed.collect()
        }
    }

    impl Sink for &mut Recorder {
        type Error = &'static str;

        fn subscribers(&self, topic: AnyTopic) -> usize {
            usize::from(!self.unsubscribed.contains(&topic))
        }

        fn publish(&mut self, topic: AnyTopic, message: &[u8]) -> Result<(), Self::Error> {
            if self.gone {
                return Err(GONE);
            }
            if self.full {
                return Err("full");
            }
            self.taken.push((topic, message.to_vec()));
            Ok(())
        }

        fn is_final(error: &Self::Error) -> bool {
            *error == GONE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ledger::Account;

    /// Takes note of the account at the moment at which each message is handed over.
    struct Observer {
        metrics: Arc<Metrics>,
        seen: Vec<Account>,
        refuses: bool,
    }

    impl Sink for &mut Observer {
        type Error = &'static str;

        fn subscribers(&self, _topic: AnyTopic) -> usize {
            1
        }

        fn publish(&mut self, topic: AnyTopic, _message: &[u8]) -> Result<(), Self::Error> {
            let accounts = self.metrics.ledger.snapshot();
            self.seen.push(accounts[topic.index()]);
            if self.refuses { Err("full") } else { Ok(()) }
        }
    }

    #[test]
    fn a_message_is_counted_before_the_middleware_has_it_and_corrected_if_it_is_refused() {
        for refuses in [false, true] {
            let metrics = Arc::<Metrics>::default();
            let mut observer = Observer {
                metrics: Arc::clone(&metrics),
                seen: Vec::new(),
                refuses,
            };
            let stream: fn(&Metrics) -> &StreamMetrics = |metrics| &metrics.output;
            let mut delivery = Delivery::new(Arc::clone(&metrics), stream, &mut observer);
            let topic = Topic::ZoneEvents;
            metrics
                .ledger
                .record_received(topic, IngestDecision::Queued);
            delivery.publish_if_subscribed(topic, Arrival::now(), || b"four");
            drop(delivery);
            let at_handover = observer.seen[0];
            assert!(at_handover.balances());
            assert_eq!((at_handover.published, at_handover.queued), (1, 0));
            let after = metrics.ledger.snapshot()[topic.index()];
            assert!(after.balances());
            let expected = if refuses { (0, 0, 1) } else { (1, 4, 0) };
            let counts = (after.published, after.published_bytes, after.dropped);
            assert_eq!(counts, expected);
        }
    }
}
