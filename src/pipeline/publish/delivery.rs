//! Delivery of every message: checks for subscribers, serializes, hands it to the middleware, and settles its account.

use std::sync::Arc;
use std::time::Instant;

use crate::metrics::ledger::Outcome;
use crate::metrics::stage_times::{Stage, StageTimers};
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::LOG_PERIOD;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;
use crate::topic::Topic;

/// Destination of serialized messages: the middleware, or a test.
pub trait Sink {
    /// Reason why a message was refused.
    type Error: std::fmt::Display;

    /// Returns the number of subscribers of a topic, or 1 if it is unknown. Queried before each message, so that
    /// messages without subscribers are not serialized.
    fn subscribers(&self, topic: Topic) -> usize;

    /// Takes a serialized message. May wait.
    fn publish(&mut self, topic: Topic, message: &[u8]) -> Result<(), Self::Error>;

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
        topic: Topic,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) {
        let outcome = if self.sink.subscribers(topic) == 0 {
            Outcome::Unsubscribed
        } else {
            self.encode_and_publish(topic, arrival, encode)
        };
        self.metrics.ledger.settle(topic, outcome);
    }

    /// Publishes a queued message even without subscribers: the middleware keeps it for late ones.
    pub(super) fn publish_latched<'m>(
        &mut self,
        topic: Topic,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) {
        let outcome = self.encode_and_publish(topic, arrival, encode);
        self.metrics.ledger.settle(topic, outcome);
    }

    fn encode_and_publish<'m>(
        &mut self,
        topic: Topic,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) -> Outcome {
        let begun = Instant::now();
        let message = encode();
        let encoded = Instant::now();
        let result = self.sink.publish(topic, message);
        let stages = self.stages();
        stages.record(Stage::Convert, encoded.duration_since(begun));
        stages.record(Stage::Publish, encoded.elapsed());
        match result {
            Ok(()) => {
                stages.record(Stage::Total, arrival.instant.elapsed());
                Outcome::Published {
                    bytes: message.len(),
                }
            }
            Err(error) => {
                let name = topic.name();
                if S::is_final(&error) {
                    self.failure = Some(format!(
                        "{name}: publisher or context is no longer valid: {error}"
                    ));
                } else if let Some(suppressed) = self.refusal_throttle.try_acquire(Instant::now()) {
                    log::error!("{name}: the middleware refused a message: {error}{suppressed}");
                }
                Outcome::Dropped
            }
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
        pub(in crate::pipeline) taken: Vec<(Topic, Vec<u8>)>,
        pub(in crate::pipeline) unsubscribed: Vec<Topic>,
        pub(in crate::pipeline) full: bool,
        pub(in crate::pipeline) gone: bool,
    }

    impl Recorder {
        pub(in crate::pipeline) fn topics(&self) -> Vec<Topic> {
            self.taken.iter().map(|(topic, _)| *topic).collect()
        }
    }

    impl Sink for &mut Recorder {
        type Error = &'static str;

        fn subscribers(&self, topic: Topic) -> usize {
            usize::from(!self.unsubscribed.contains(&topic))
        }

        fn publish(&mut self, topic: Topic, message: &[u8]) -> Result<(), Self::Error> {
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
