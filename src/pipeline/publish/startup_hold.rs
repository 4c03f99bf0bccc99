//! Events of the first seconds wait for their subscribers.

use std::time::{Duration, Instant};

use crate::pipeline::publish::delivery::Sink;
use crate::topic::Topic;

/// Holds messages back until their topic has had a subscriber, or the parameter `startup_hold` is over.
///
/// A recorder that is started together with the bridge may subscribe some seconds later.
#[derive(Debug)]
pub(in crate::pipeline) struct StartupHold {
    start: Instant,
    /// Time between the first sight of a subscriber and the first message: it may not know of the publisher yet.
    margin: Duration,
    /// First sight of a subscriber, per topic.
    subscribed: [Option<Instant>; Topic::COUNT],
}

impl StartupHold {
    pub(in crate::pipeline) fn new(start: Instant, margin: Duration) -> Self {
        Self {
            start,
            margin,
            subscribed: [None; Topic::COUNT],
        }
    }

    /// Looks for subscribers of `topics`. Returns whether nothing is held back any more, for which `limit` is the latest.
    pub(in crate::pipeline) fn is_over(
        &mut self,
        limit: Duration,
        topics: &[Topic],
        sink: &impl Sink,
    ) -> bool {
        for topic in topics {
            let subscribed = &mut self.subscribed[topic.index()];
            if subscribed.is_none() && sink.subscribers(*topic) > 0 {
                *subscribed = Some(Instant::now());
            }
        }
        self.start.elapsed() >= limit || topics.iter().all(|topic| self.is_released(*topic))
    }

    pub(in crate::pipeline) fn is_released(&self, topic: Topic) -> bool {
        self.subscribed[topic.index()].is_some_and(|since| since.elapsed() >= self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::publish::delivery::test_sink::Recorder;

    const TOPICS: [Topic; 2] = [Topic::ZoneEvents, Topic::Health];

    const FOR_EVER: Duration = Duration::MAX;

    fn nobody() -> Recorder {
        Recorder {
            unwanted: TOPICS.into(),
            ..Recorder::default()
        }
    }

    #[test]
    fn each_topic_waits_for_its_own_first_subscriber() {
        let mut hold = StartupHold::new(Instant::now(), Duration::ZERO);
        assert!(!hold.is_over(FOR_EVER, &TOPICS, &&mut nobody()));
        assert!(!TOPICS.iter().any(|topic| hold.is_released(*topic)));
        let mut half = Recorder {
            unwanted: vec![Topic::Health],
            ..Recorder::default()
        };
        assert!(!hold.is_over(FOR_EVER, &TOPICS, &&mut half));
        assert!(hold.is_released(Topic::ZoneEvents) && !hold.is_released(Topic::Health));
        // A subscriber that has gone again has had its chance.
        half.unwanted = vec![Topic::ZoneEvents];
        assert!(hold.is_over(FOR_EVER, &TOPICS, &&mut half));
    }

    #[test]
    fn a_subscriber_is_given_time_to_know_of_the_publisher() {
        let mut hold = StartupHold::new(Instant::now(), FOR_EVER);
        assert!(!hold.is_over(FOR_EVER, &TOPICS, &&mut Recorder::default()));
        assert!(!hold.is_released(Topic::ZoneEvents));
    }

    #[test]
    fn nothing_waits_beyond_the_limit() {
        let limit = Duration::from_secs(5);
        let past = Instant::now().checked_sub(limit).expect("up for longer");
        let mut hold = StartupHold::new(past, Duration::ZERO);
        assert!(!hold.is_over(FOR_EVER, &TOPICS, &&mut nobody()));
        assert!(hold.is_over(limit, &TOPICS, &&mut nobody()));
    }
}
