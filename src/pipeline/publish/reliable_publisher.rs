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

/// Time after the discovery of the last subscriber in which further ones may come. It also is the time for the middleware
/// to match the subscriber with this publisher, after this publisher is matched with it.
const SETTLE_TIME: Duration = Duration::from_millis(500);

/// Serializes reliable messages.
#[derive(Debug)]
pub struct ReliablePublisher {
    /// Buffer of each topic. That of a latched topic keeps the newest message, to be published again.
    buffers: [Vec<u8>; Topic::COUNT],
    /// Number of the server that the latest message came from.
    server: u64,
    /// `None` once the start is over.
    hold: Option<StartupHold>,
}

impl Default for ReliablePublisher {
    fn default() -> Self {
        Self {
            buffers: [const { Vec::new() }; Topic::COUNT],
            server: 0,
            hold: Some(StartupHold::new(Instant::now(), SETTLE_TIME)),
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
    ) -> Popped<QueuedReliable> {
        while let Some(hold) = &mut self.hold {
            if hold.has_ended(config.borrow().startup_hold, Instant::now(), sink) {
                self.hold = None;
                break;
            }
            let is_ready = |queued: &QueuedReliable| hold.is_released(queued.message.topic());
            match queue.pop_ready(is_ready, POLL_INTERVAL) {
                Popped::NotReady => {}
                popped => return popped,
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
        if std::mem::replace(&mut self.server, queued.source.server) != queued.source.server {
            self.buffers.iter_mut().for_each(Vec::clear);
        }
        let topic = queued.message.topic();
        let buffer = &mut self.buffers[topic.index()];
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

    fn repeat_latched<S: Sink>(&mut self, config: &ResolvedConfig, delivery: &mut Delivery<S>) {
        let stamp = delivery.present_stamp(config.stamp_source);
        for topic in Self::TOPICS {
            let newest = &mut self.buffers[topic.index()];
            if topic.qos_class() == QosClass::Latched && !newest.is_empty() {
                messages::mark_as_repeated(newest, stamp);
                delivery.publish_again(*topic, || newest);
            }
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
    use crate::topic::AnyTopic;
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
            unsubscribed: AnyTopic::all().collect(),
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
            unsubscribed: vec![Topic::ZoneEvents.into()],
            ..Recorder::default()
        };
        let mut publisher = ReliablePublisher::default();
        let held = ResolvedConfig::default();
        let held = held.with_changes(|config| config.startup_hold = Duration::MAX);
        let (_sender, config) = watch::channel(Arc::new(held));
        let mut take = |recorder: &mut Recorder| {
            let queued = publisher
                .take_next(&queue, &config, &recorder)
                .item()
                .expect("not closed");
            queued.message.topic()
        };
        assert_eq!(take(&mut recorder), Topic::Zones);
        recorder.unsubscribed.clear();
        assert_eq!(take(&mut recorder), Topic::ZoneEvents);
    }

    fn health(server: u64, is_event: bool) -> QueuedReliable {
        let health = SystemHealth::default();
        QueuedReliable {
            source: StreamSource {
                server,
                frame_id: "frame".into(),
            },
            times: MessageTimes {
                arrival: Arrival::now(),
                stamp: Stamp::now(),
                server: Stamp { sec: 7, nanosec: 8 },
            },
            sequence: 5,
            message: ReliableMessage::Health { health, is_event },
        }
    }

    fn zones(server: u64) -> QueuedReliable {
        QueuedReliable {
            message: ReliableMessage::Zones(Arc::new([])),
            ..health(server, false)
        }
    }

    fn event() -> QueuedReliable {
        QueuedReliable {
            message: ReliableMessage::ZoneEvent(ZoneEvent::default()),
            ..health(0, false)
        }
    }

    fn worker(recorder: &mut Recorder) -> ReliablePublishWorker<&mut Recorder> {
        let (_sender, config) = watch::channel(Arc::default());
        let queue = Arc::new(ReliableQueue::new(1 << 20));
        ReliablePublishWorker::new(Arc::default(), queue, config, recorder)
    }

    fn publish(worker: &mut ReliablePublishWorker<&mut Recorder>, queued: &QueuedReliable) {
        let ledger = &worker.delivery.metrics.ledger;
        ledger.record_received(queued.message.topic(), IngestDecision::Queued);
        worker.publish_item(queued);
    }

    #[test]
    fn the_newest_latched_messages_are_repeated_and_events_are_not() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        for queued in [health(0, false), health(0, true), zones(0), event()] {
            publish(&mut worker, &queued);
        }
        worker.repeat_latched();
        let accounts = worker.delivery.metrics.ledger.snapshot();
        drop(worker);
        assert!(accounts.iter().all(Account::balances));
        let received = |topic: Topic| accounts[topic.index()].received;
        assert_eq!([Topic::Health, Topic::Zones].map(received), [3, 2]);
        assert_eq!(recorder.topics()[4..], [Topic::Zones, Topic::Health]);
        let [newest, repeated] = [1, 5].map(|at: usize| &recorder.taken[at].1);
        // Encapsulation, stamp, empty frame_id with padding, sequence number, server stamp, the mark.
        let mark = 4 + 8 + 5 + 3 + 8 + 8;
        assert_eq!((newest[mark], repeated[mark]), (0, 1));
        assert_eq!(newest[12..mark], repeated[12..mark]);
        assert_eq!(newest[mark + 1..], repeated[mark + 1..]);
        assert_ne!(newest[4..12], repeated[4..12], "a new stamp");
    }

    #[test]
    fn nothing_is_repeated_before_there_is_a_message() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        publish(&mut worker, &event());
        worker.repeat_latched();
        drop(worker);
        assert_eq!(recorder.topics(), [Topic::ZoneEvents]);
    }

    #[test]
    fn messages_of_another_server_are_not_repeated() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        publish(&mut worker, &health(0, false));
        publish(&mut worker, &zones(1));
        worker.repeat_latched();
        drop(worker);
        let expected = [Topic::Health, Topic::Zones, Topic::Zones];
        assert_eq!(recorder.topics(), expected);
    }

    #[test]
    fn a_waiting_publisher_repeats_at_once() {
        let metrics: Arc<Metrics> = Arc::default();
        let queue = Arc::new(ReliableQueue::new(1 << 20));
        let (_sender, config) = watch::channel(Arc::default());
        let mut recorder = Recorder::default();
        let mut worker = ReliablePublishWorker::new(
            Arc::clone(&metrics),
            Arc::clone(&queue),
            config,
            &mut recorder,
        );
        publish(&mut worker, &zones(0));
        std::thread::scope(|scope| {
            let running = scope.spawn(|| worker.run());
            queue.interrupt();
            while metrics.ledger.snapshot()[Topic::Zones.index()].published < 2 {
                std::thread::yield_now();
            }
            queue.close();
            running.join().expect("no panic").expect("nothing is final");
        });
        assert_eq!(recorder.topics(), [Topic::Zones; 2]);
    }
}
