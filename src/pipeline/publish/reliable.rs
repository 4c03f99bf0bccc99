//! The publisher's half for what must not be lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::Config;
use crate::encode::messages::{self, OutputHeader};
use crate::pipeline::publish::delivery::{Delivery, Sink, Stream};
use crate::pipeline::publish::startup_hold::StartupHold;
use crate::pipeline::publish::worker::{PublishWorker, StreamPublisher};
use crate::pipeline::queue::{ByteQueue, Popped};
use crate::pipeline::reliable_message::{QueuedReliable, ReliableMessage};
use crate::topic::QosClass;
use ros_cdr::Header;

/// For events, zones, health and status. On a thread of its own, so that it waits for nothing else.
pub type ReliablePublishWorker<S> = PublishWorker<ReliablePublisher, S>;

/// Time between two looks for subscribers while something waits for them.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Time that the middleware may take to match a subscriber with us once we are matched with it.
const MATCH_MARGIN: Duration = Duration::from_millis(250);

/// Serializes notices.
#[derive(Debug)]
pub struct ReliablePublisher {
    buffer: Vec<u8>,
    /// None once the first seconds are over.
    hold: Option<StartupHold>,
}

impl Default for ReliablePublisher {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            hold: Some(StartupHold::new(Instant::now(), MATCH_MARGIN)),
        }
    }
}

impl StreamPublisher for ReliablePublisher {
    type Item = QueuedReliable;

    const STREAM: Stream = |stats| &stats.output;

    fn take<S: Sink>(
        &mut self,
        queue: &ByteQueue<QueuedReliable>,
        config: &watch::Receiver<Arc<Config>>,
        sink: &S,
    ) -> Option<QueuedReliable> {
        while let Some(hold) = &mut self.hold {
            if hold.is_over(config.borrow().startup_hold, &ReliableMessage::TOPICS, sink) {
                self.hold = None;
                break;
            }
            let is_ready = |queued: &QueuedReliable| hold.is_released(queued.message.topic());
            match queue.pop_ready(is_ready, POLL_INTERVAL) {
                Popped::Item(item) => return Some(item),
                Popped::NotReady => {}
                Popped::Closed => return None,
            }
        }
        queue.pop()
    }

    fn publish<S: Sink>(
        &mut self,
        queued: &QueuedReliable,
        _config: &Config,
        hand_over: &mut Delivery<S>,
    ) {
        let buffer = &mut self.buffer;
        let topic = queued.message.topic();
        let arrival = queued.times.arrival;
        let moment = OutputHeader {
            header: Header {
                stamp: queued.times.stamp.into(),
                frame_id: &queued.source.frame_id,
            },
            server_stamp: queued.times.server,
        };
        if topic.qos_class() == QosClass::Latched {
            hand_over.publish_latched(topic, arrival, || encode(buffer, moment, queued));
        } else {
            hand_over.publish_if_subscribed(topic, arrival, || encode(buffer, moment, queued));
        }
    }
}

fn encode<'b>(
    buffer: &'b mut Vec<u8>,
    moment: OutputHeader<'_>,
    queued: &QueuedReliable,
) -> &'b [u8] {
    let sequence = queued.sequence;
    // What is about the server and not about places.
    let nowhere = OutputHeader {
        header: Header {
            frame_id: "",
            ..moment.header
        },
        ..moment
    };
    match &queued.message {
        ReliableMessage::Zones(zones) => messages::zone_array(buffer, moment, sequence, zones),
        ReliableMessage::ZoneEvent(event) => messages::zone_event(buffer, moment, sequence, event),
        ReliableMessage::LosingEvent(event) => {
            messages::losing_event(buffer, moment, sequence, event)
        }
        ReliableMessage::RecalibrationEvent(event) => {
            messages::recalibration_event(buffer, moment, sequence, event);
        }
        ReliableMessage::Health { health, is_event } => {
            messages::system_health(buffer, nowhere, sequence, health, *is_event);
        }
        ReliableMessage::ServerStatus(custom) => {
            messages::server_status(buffer, moment, sequence, custom.as_deref());
        }
    }
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::metrics::ledger::{Account, Intake};
    use crate::pipeline::ReliableQueue;
    use crate::pipeline::object_message::MessageTimes;
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::source::Source;
    use crate::time::stamp::{Arrival, Stamp};
    use crate::topic::Topic;
    use sensr_protocol::health::SystemHealth;
    use sensr_protocol::wire::proto::ZoneEvent;

    fn push(queue: &ReliableQueue, message: ReliableMessage) {
        let times = MessageTimes {
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            server: Stamp::default(),
        };
        let queued = QueuedReliable {
            source: Source::default(),
            times,
            sequence: 0,
            message,
        };
        let cost = queued.cost();
        assert!(queue.push(queued, cost).is_empty());
    }

    #[test]
    fn latched_goes_out_even_if_nobody_is_there_yet_and_events_do_not() {
        let stats: Arc<Metrics> = Arc::default();
        let queue = Arc::new(ReliableQueue::new(1 << 20));
        let health = SystemHealth::default();
        let reliable = [
            ReliableMessage::Zones(Arc::new([])),
            ReliableMessage::ZoneEvent(ZoneEvent::default()),
            ReliableMessage::Health {
                health,
                is_event: true,
            },
        ];
        for message in reliable {
            stats.ledger.receive(message.topic(), Intake::Queued);
            push(&queue, message);
        }
        queue.close();
        let mut recorder = Recorder {
            unwanted: Topic::ALL.into(),
            ..Recorder::default()
        };
        let (_sender, config) = watch::channel(Arc::default());
        ReliablePublishWorker::new(Arc::clone(&stats), queue, config, &mut recorder)
            .run()
            .expect("nothing is final");
        assert_eq!(recorder.topics(), [Topic::Zones, Topic::Health]);
        let accounts = stats.ledger.snapshot();
        assert!(accounts.iter().all(Account::balances));
        assert_eq!(accounts[Topic::ZoneEvents.index()].unsubscribed, 1);
    }

    #[test]
    fn events_of_the_first_seconds_wait_for_a_subscriber_and_hold_up_no_other_topic() {
        let queue = Arc::new(ReliableQueue::new(1 << 20));
        for message in [
            ReliableMessage::ZoneEvent(ZoneEvent::default()),
            ReliableMessage::Zones(Arc::new([])),
        ] {
            push(&queue, message);
        }
        let mut recorder = Recorder {
            unwanted: vec![Topic::ZoneEvents],
            ..Recorder::default()
        };
        let mut work = ReliablePublisher::default();
        let held = Config {
            startup_hold: Duration::MAX,
            ..Config::default()
        };
        let (_sender, config) = watch::channel(Arc::new(held));
        let mut take = |recorder: &mut Recorder| {
            let queued = work.take(&queue, &config, &recorder).expect("not closed");
            queued.message.topic()
        };
        assert_eq!(take(&mut recorder), Topic::Zones);
        recorder.unwanted.clear();
        assert_eq!(take(&mut recorder), Topic::ZoneEvents);
    }
}
