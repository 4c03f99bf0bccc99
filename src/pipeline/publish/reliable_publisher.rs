//! Publisher of reliable messages: events, zones, health, and status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::delivery::{Delivery, Sink};
use super::publish_worker::{PublishWorker, StreamPublisher};
use super::startup_hold::StartupHold;
use crate::config::ResolvedConfig;
use crate::encode::messages::{self, OutputHeader};
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::queue::{ByteQueue, Popped};
use crate::pipeline::reliable_message::{QueuedReliable, ReliableMessage};
use crate::topic::{PublishingThread, QosClass, Topic};
use ros_cdr::Header;

/// Worker of the thread that publishes reliable messages. The thread is its own, so that they wait for nothing else.
pub type ReliablePublishWorker<S> = PublishWorker<ReliablePublisher, S>;

/// Time between two checks for subscribers while messages are held back.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Time for the middleware to match a subscriber with this publisher, after this publisher is matched with it.
const MATCH_MARGIN: Duration = Duration::from_millis(250);

/// Serializes reliable messages.
#[derive(Debug)]
pub struct ReliablePublisher {
    buffer: Vec<u8>,
    /// `None` once the start is over.
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

    const THREAD: PublishingThread = PublishingThread::Reliable;
    const TOPICS: &'static [Topic] = &ReliableMessage::TOPICS;

    fn stream(metrics: &Metrics) -> &StreamMetrics {
        &metrics.output
    }

    fn take_next<S: Sink>(
        &mut self,
        queue: &ByteQueue<QueuedReliable>,
        config: &watch::Receiver<Arc<ResolvedConfig>>,
        sink: &S,
    ) -> Option<QueuedReliable> {
        while let Some(hold) = &mut self.hold {
            if hold.has_ended(config.borrow().startup_hold, sink) {
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

    fn publish_item<S: Sink>(
        &mut self,
        queued: &QueuedReliable,
        _config: &ResolvedConfig,
        delivery: &mut Delivery<S>,
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
            delivery.publish_latched(topic, arrival, || encode_message(buffer, moment, queued));
        } else {
            delivery
                .publish_if_subscribed(topic, arrival, || encode_message(buffer, moment, queued));
        }
    }
}

fn encode_message<'b>(
    buffer: &'b mut Vec<u8>,
    moment: OutputHeader<'_>,
    queued: &QueuedReliable,
) -> &'b [u8] {
    let sequence = queued.sequence;
    // Health describes the server instead of a place: no frame.
    let without_frame = OutputHeader {
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
            messages::losing_event(buffer, moment, sequence, event);
        }
        ReliableMessage::RecalibrationEvent(event) => {
            messages::recalibration_event(buffer, moment, sequence, event);
        }
        ReliableMessage::Health { health, is_event } => {
            messages::system_health(buffer, without_frame, sequence, health, *is_event);
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
    use crate::metrics::ledger::{Account, IngestDecision};
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::queues::ReliableQueue;
    use crate::pipeline::stream_source::{MessageTimes, StreamSource};
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
            source: StreamSource::default(),
            times,
            sequence: 0,
            message,
        };
        let cost = queued.cost();
        assert!(queue.push(queued, cost).is_empty());
    }

    #[test]
    fn latched_messages_are_published_without_subscribers_and_events_are_not() {
        let metrics: Arc<Metrics> = Arc::default();
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
            metrics
                .ledger
                .record_received(message.topic(), IngestDecision::Queued);
            push(&queue, message);
        }
        queue.close();
        let mut recorder = Recorder {
            unsubscribed: Topic::ALL.into(),
            ..Recorder::default()
        };
        let (_sender, config) = watch::channel(Arc::default());
        ReliablePublishWorker::new(Arc::clone(&metrics), queue, config, &mut recorder)
            .run()
            .expect("nothing is final");
        assert_eq!(recorder.topics(), [Topic::Zones, Topic::Health]);
        let accounts = metrics.ledger.snapshot();
        assert!(accounts.iter().all(Account::balances));
        assert_eq!(accounts[Topic::ZoneEvents.index()].unsubscribed, 1);
    }

    #[test]
    fn events_at_start_wait_for_a_subscriber_without_blocking_other_topics() {
        let queue = Arc::new(ReliableQueue::new(1 << 20));
        for message in [
            ReliableMessage::ZoneEvent(ZoneEvent::default()),
            ReliableMessage::Zones(Arc::new([])),
        ] {
            push(&queue, message);
        }
        let mut recorder = Recorder {
            unsubscribed: vec![Topic::ZoneEvents],
            ..Recorder::default()
        };
        let mut publisher = ReliablePublisher::default();
        let held = ResolvedConfig::default();
        let held = held.with_changes(|config| config.startup_hold = Duration::MAX);
        let (_sender, config) = watch::channel(Arc::new(held));
        let mut take = |recorder: &mut Recorder| {
            let queued = publisher
                .take_next(&queue, &config, &recorder)
                .expect("not closed");
            queued.message.topic()
        };
        assert_eq!(take(&mut recorder), Topic::Zones);
        recorder.unsubscribed.clear();
        assert_eq!(take(&mut recorder), Topic::ZoneEvents);
    }
}
