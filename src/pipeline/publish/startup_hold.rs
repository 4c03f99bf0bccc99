//! Hold of reliable messages at start, until their topics have subscribers.

use std::time::{Duration, Instant};

use super::delivery::Sink;
use crate::topic::{PublishingThread, Topic};

/// Holds reliable messages until their topic has had a subscriber, at most for the parameter `startup_hold`.
///
/// A recorder that is started together with the bridge may subscribe some seconds later.
#[derive(Debug)]
pub(super) struct StartupHold {
    start: Instant,
    /// Time between the discovery of a subscriber and the first message: the subscriber may not have matched yet.
    margin: Duration,
    /// Discovery of the first subscriber, per topic.
    subscribed: [Option<Instant>; Topic::COUNT],
}

impl StartupHold {
    pub(super) fn new(start: Instant, margin: Duration) -> Self {
        Self {
            start,
            margin,
            subscribed: [None; Topic::COUNT],
        }
    }

    /// Checks for subscribers. Returns whether no topic is held any more, at the latest after `limit`.
    pub(super) fn has_ended(&mut self, limit: Duration, sink: &impl Sink) -> bool {
        for topic in PublishingThread::Reliable.topics() {
            let subscribed = &mut self.subscribed[topic.index()];
            if subscribed.is_none() && sink.subscribers(topic) > 0 {
                *subscribed = Some(Instant::now());
            }
        }
        let mut topics = PublishingThread::Reliable.topics();
        self.start.elapsed() >= limit || topics.all(|topic| self.is_released(topic))
    }

    pub(super) fn is_released(&self, topic: Topic) -> bool {
        self.subscribed[topic.index()].is_some_and(|since| since.elapsed() >= self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::publish::delivery::test_sink::Recorder;

    fn topics() -> Vec<Topic> {
        PublishingThread::Reliable.topics().collect()
    }

    const FOR_EVER: Duration = Duration::MAX;

    fn without_subscribers() -> Recorder {
        Recorder {
            unsubscribed: topics(),
            ..Recorder::default()
        }
    }

    #[test]
    fn each_topic_waits_for_its_own_first_subscriber() {
        let mut hold = StartupHold::new(Instant::now(), Duration::ZERO);
        assert!(!hold.has_ended(FOR_EVER, &&mut without_subscribers()));
        assert!(!topics().iter().any(|topic| hold.is_released(*topic)));
        let mut half = Recorder {
            unsubscribed: vec![Topic::Health],
            ..Recorder::default()
        };
        assert!(!hold.has_ended(FOR_EVER, &&mut half));
        assert!(hold.is_released(Topic::ZoneEvents) && !hold.is_released(Topic::Health));
        // A subscriber that has left again counts.
        half.unsubscribed = vec![Topic::ZoneEvents];
        assert!(hold.has_ended(FOR_EVER, &&mut half));
    }

    #[test]
    fn a_new_subscriber_gets_time_to_match() {
        let mut hold = StartupHold::new(Instant::now(), FOR_EVER);
        assert!(!hold.has_ended(FOR_EVER, &&mut Recorder::default()));
        assert!(!hold.is_released(Topic::ZoneEvents));
    }

    #[test]
    fn the_hold_ends_at_its_limit() {
        let limit = Duration::from_secs(5);
        let past = Instant::now().checked_sub(limit).expect("up for longer");
        let mut hold = StartupHold::new(past, Duration::ZERO);
        assert!(!hold.has_ended(FOR_EVER, &&mut without_subscribers()));
        assert!(hold.has_ended(limit, &&mut without_subscribers()));
    }
}
