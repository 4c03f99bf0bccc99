//! Hold of reliable messages at start, until their topics have subscribers.

use std::time::{Duration, Instant};

use super::delivery::Sink;
use crate::topic::{PublishingThread, Topic};

/// Holds reliable messages until their topic has subscribers, at most for the parameter `startup_hold`.
///
/// A recorder that is started together with the bridge may subscribe some seconds later. When a bridge is started again,
/// it discovers subscribers of before one after the other, and the recorder need not be the first. So a topic is released
/// only after the number of its subscribers has not grown for a while.
#[derive(Debug)]
pub(super) struct StartupHold {
    start: Instant,
    /// Time without a further subscriber after which a topic is released. It also is the time for the middleware to match
    /// the last one.
    settle_time: Duration,
    topics: [TopicHold; Topic::COUNT],
}

/// Hold of one topic.
#[derive(Debug, Clone, Copy)]
enum TopicHold {
    /// Without subscribers.
    Waiting,
    /// With so many subscribers, the last of which was discovered then.
    Settling { subscribers: usize, since: Instant },
    /// Over, for good.
    Released,
}

impl TopicHold {
    /// Returns the hold after that number of subscribers was seen.
    fn next(self, seen: usize, now: Instant, settle_time: Duration) -> Self {
        let since = match self {
            Self::Released => return self,
            // Those that leave before the topic settles, as a tool does that makes room for a recorder, do not count.
            _ if seen == 0 => return Self::Waiting,
            Self::Settling { subscribers, since } if seen <= subscribers => since,
            Self::Waiting | Self::Settling { .. } => now,
        };
        if now.saturating_duration_since(since) >= settle_time {
            Self::Released
        } else {
            Self::Settling {
                subscribers: seen,
                since,
            }
        }
    }
}

impl StartupHold {
    pub(super) fn new(start: Instant, settle_time: Duration) -> Self {
        Self {
            start,
            settle_time,
            topics: [TopicHold::Waiting; Topic::COUNT],
        }
    }

    /// Checks for subscribers. Returns whether no topic is held any more, at the latest after `limit`.
    pub(super) fn has_ended(&mut self, limit: Duration, now: Instant, sink: &impl Sink) -> bool {
        for topic in PublishingThread::Reliable.topics() {
            let hold = &mut self.topics[topic.index()];
            *hold = hold.next(sink.subscribers(topic.into()), now, self.settle_time);
        }
        let mut topics = PublishingThread::Reliable.topics();
        now.saturating_duration_since(self.start) >= limit
            || topics.all(|topic| self.is_released(topic))
    }

    pub(super) fn is_released(&self, topic: Topic) -> bool {
        matches!(self.topics[topic.index()], TopicHold::Released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::AnyTopic;
    use std::convert::Infallible;

    const FOR_EVER: Duration = Duration::MAX;
    const SETTLE: Duration = Duration::from_millis(500);
    const HALF: Duration = Duration::from_millis(250);

    /// Number of subscribers, of the events and of all other topics.
    #[derive(Clone, Copy)]
    struct Subscribers {
        events: usize,
        others: usize,
    }

    impl Sink for Subscribers {
        type Error = Infallible;

        fn subscribers(&self, topic: AnyTopic) -> usize {
            if topic == Topic::ZoneEvents {
                self.events
            } else {
                self.others
            }
        }

        fn publish(&mut self, _topic: AnyTopic, _message: &[u8]) -> Result<(), Self::Error> {
            Ok(())
        }
    }

    fn of_events(events: usize) -> Subscribers {
        Subscribers { events, others: 0 }
    }

    const NONE: Subscribers = Subscribers {
        events: 0,
        others: 0,
    };

    #[test]
    fn each_topic_waits_for_its_own_subscribers() {
        let start = Instant::now();
        let mut hold = StartupHold::new(start, Duration::ZERO);
        assert!(!hold.has_ended(FOR_EVER, start, &NONE));
        let mut topics = PublishingThread::Reliable.topics();
        assert!(!topics.any(|topic| hold.is_released(topic)));
        assert!(!hold.has_ended(FOR_EVER, start, &of_events(1)));
        assert!(hold.is_released(Topic::ZoneEvents) && !hold.is_released(Topic::Health));
        // A released topic stays released.
        let others = Subscribers {
            events: 0,
            others: 1,
        };
        assert!(hold.has_ended(FOR_EVER, start, &others));
    }

    #[test]
    fn each_further_subscriber_prolongs_the_hold() {
        let start = Instant::now();
        let mut hold = StartupHold::new(start, SETTLE);
        for (halves, subscribers) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            if halves == 2 {
                // Without the second subscriber the topic would be released now.
                let mut alone = StartupHold::new(start, SETTLE);
                alone.has_ended(FOR_EVER, start, &of_events(1));
                alone.has_ended(FOR_EVER, start + HALF * halves, &of_events(1));
                assert!(alone.is_released(Topic::ZoneEvents));
            }
            let now = start + HALF * halves;
            assert!(!hold.has_ended(FOR_EVER, now, &of_events(subscribers)));
            assert!(!hold.is_released(Topic::ZoneEvents), "after {halves}");
        }
        hold.has_ended(FOR_EVER, start + HALF * 6, &of_events(3));
        assert!(hold.is_released(Topic::ZoneEvents));
    }

    #[test]
    fn a_subscriber_that_leaves_at_once_does_not_end_the_hold() {
        let start = Instant::now();
        let mut hold = StartupHold::new(start, SETTLE);
        for (halves, subscribers) in [(0, 1), (1, 0), (2, 0), (3, 1), (4, 1)] {
            let now = start + HALF * halves;
            assert!(!hold.has_ended(FOR_EVER, now, &of_events(subscribers)));
            assert!(!hold.is_released(Topic::ZoneEvents), "after {halves}");
        }
        hold.has_ended(FOR_EVER, start + HALF * 5, &of_events(1));
        assert!(hold.is_released(Topic::ZoneEvents));
    }

    #[test]
    fn one_of_several_that_leaves_does_not_prolong_the_hold() {
        let start = Instant::now();
        let mut hold = StartupHold::new(start, SETTLE);
        for (halves, subscribers) in [(0, 2), (1, 1), (2, 1)] {
            hold.has_ended(FOR_EVER, start + HALF * halves, &of_events(subscribers));
        }
        assert!(hold.is_released(Topic::ZoneEvents));
    }

    #[test]
    fn the_hold_ends_at_its_limit() {
        let limit = HALF * 20;
        let start = Instant::now();
        let mut hold = StartupHold::new(start, SETTLE);
        assert!(!hold.has_ended(FOR_EVER, start + limit, &NONE));
        assert!(!hold.has_ended(limit, start + HALF * 19, &NONE));
        assert!(hold.has_ended(limit, start + limit, &NONE));
    }
}
