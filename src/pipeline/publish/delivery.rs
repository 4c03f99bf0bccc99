//! The last step of every message: ask whether anybody wants it, make it, hand it over, settle its account.

use std::sync::Arc;
use std::time::Instant;

use crate::metrics::ledger::Outcome;
use crate::metrics::stage_times::{Stage, Stages};
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::LOG_PERIOD;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;
use crate::topic::Topic;

/// Where serialized messages go.
pub trait Sink {
    /// Why a message was not taken.
    type Error: std::fmt::Display;

    /// How many subscribe to a topic. Asked before each message, so that what nobody wants is not made.
    /// An unknown number counts as one.
    fn subscribers(&self, topic: Topic) -> usize;

    /// Takes a serialized message. May wait.
    fn publish(&mut self, topic: Topic, message: &[u8]) -> Result<(), Self::Error>;

    /// Whether no message will ever be taken again. Otherwise an error costs its message only.
    fn is_final(_error: &Self::Error) -> bool {
        false
    }
}

/// Which stream's stage times the work counts for.
pub type Stream = fn(&Metrics) -> &StreamMetrics;

/// Hands over what one thread publishes.
#[derive(Debug)]
pub struct Delivery<S> {
    pub(in crate::pipeline) stats: Arc<Metrics>,
    stream: Stream,
    pub(in crate::pipeline) sink: S,
    complaints: LogThrottle,
    /// Why nothing will be taken any more.
    pub(in crate::pipeline) broken: Option<String>,
}

impl<S: Sink> Delivery<S> {
    pub(in crate::pipeline) fn new(stats: Arc<Metrics>, stream: Stream, sink: S) -> Self {
        Self {
            stats,
            stream,
            sink,
            complaints: LogThrottle::new(LOG_PERIOD),
            broken: None,
        }
    }

    pub(in crate::pipeline) fn stages(&self) -> &Stages {
        &(self.stream)(&self.stats).stages
    }

    /// Delivers a queued message if anybody wants it.
    pub(in crate::pipeline) fn publish_if_subscribed<'m>(
        &mut self,
        topic: Topic,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) {
        let outcome = if self.sink.subscribers(topic) == 0 {
            Outcome::Unsubscribed
        } else {
            self.hand_over(topic, arrival, encode)
        };
        self.stats.ledger.settle(topic, outcome);
    }

    /// Delivers a queued message even if nobody wants it yet: the middleware keeps it for those to come.
    pub(in crate::pipeline) fn publish_latched<'m>(
        &mut self,
        topic: Topic,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) {
        let outcome = self.hand_over(topic, arrival, encode);
        self.stats.ledger.settle(topic, outcome);
    }

    fn hand_over<'m>(
        &mut self,
        topic: Topic,
        arrival: Arrival,
        encode: impl FnOnce() -> &'m [u8],
    ) -> Outcome {
        let begun = Instant::now();
        let message = encode();
        let converted = Instant::now();
        let result = self.sink.publish(topic, message);
        let stages = self.stages();
        stages.add(Stage::Convert, converted.duration_since(begun));
        stages.add(Stage::Publish, converted.elapsed());
        match result {
            Ok(()) => {
                stages.add(Stage::Total, arrival.instant.elapsed());
                Outcome::Published {
                    bytes: message.len(),
                }
            }
            Err(error) => {
                if S::is_final(&error) {
                    let topic = topic.name();
                    self.broken = Some(format!(
                        "{topic}: the middleware takes nothing any more: {error}"
                    ));
                } else if let Some(suppressed) = self.complaints.try_acquire(Instant::now()) {
                    log::error!(
                        "{}: the middleware refused a message: {error}{suppressed}",
                        topic.name()
                    );
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

    /// Keeps what it gets.
    #[derive(Debug, Default)]
    pub(in crate::pipeline) struct Recorder {
        pub(in crate::pipeline) taken: Vec<(Topic, Vec<u8>)>,
        pub(in crate::pipeline) unwanted: Vec<Topic>,
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
            usize::from(!self.unwanted.contains(&topic))
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
