//! Conversion of recorded frames into the messages that the bridge publishes for them, on the thread of the caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::ingest::{OutputIngest, PointsIngest};
use super::publish::{
    ObjectPublishWorker, PointsPublishWorker, PublishWorker, ReliablePublishWorker, Sink,
    StreamPublisher,
};
use super::queue::ByteQueue;
use super::queues::{CloudQueue, Queues};
use crate::config::ResolvedConfig;
use crate::connection::reconnect::FrameHandler as _;
use crate::connection::status::Endpoint;
use crate::metrics::Metrics;
use crate::metrics::ledger::Accounts;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::SensorTopics;

/// Link that received a frame, as in the message `WireFrame`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameLink {
    /// Link of the point stream.
    Points,
    /// Link of the output stream.
    Output,
}

/// Converts frames, in the order and at the times at which they were received.
///
/// The frames pass through the ingest and the publishers of the bridge, with its rate limits, stamps and ledger; only
/// threads and queues play no part. So `sink` gets what the middleware would have got from a bridge that has seen these
/// frames and no others: the sequence numbers begin at 0, and the offset of the clocks is measured from the first frame.
#[derive(Debug)]
pub struct FrameConverter<S> {
    metrics: Arc<Metrics>,
    points_ingest: PointsIngest<Arc<CloudQueue>>,
    output_ingest: OutputIngest,
    queues: Queues,
    clouds: PointsPublishWorker<S>,
    objects: ObjectPublishWorker<S>,
    reliable: ReliablePublishWorker<S>,
    /// Time of the first frame on the recording clock, and the instant that stands for it.
    start: Option<(Stamp, Instant)>,
}

impl<S: Sink + Clone> FrameConverter<S> {
    /// Creates a converter for the frames of one server. Clones of `sink` get the messages of each publisher.
    #[must_use]
    pub fn new(config: ResolvedConfig, sink: &S) -> Self {
        let metrics: Arc<Metrics> = Arc::default();
        let queues = Queues::new(usize::MAX);
        let endpoint = |port| Endpoint {
            address: config.host.clone(),
            port,
            tls: None,
        };
        let servers = [endpoint(config.points_port), endpoint(config.output_port)];
        // Changes never come, so the sender need not live.
        let (_, config) = watch::channel(Arc::new(config));
        let mut converter = Self {
            points_ingest: PointsIngest::new(
                Arc::clone(&metrics),
                Arc::clone(&queues.clouds),
                config.clone(),
            ),
            output_ingest: OutputIngest::new(
                Arc::clone(&metrics),
                Arc::clone(&queues.objects),
                Arc::clone(&queues.reliable),
                config.clone(),
            ),
            clouds: worker(&metrics, &queues.clouds, &config, sink),
            objects: worker(&metrics, &queues.objects, &config, sink),
            reliable: worker(&metrics, &queues.reliable, &config, sink),
            queues,
            metrics,
            start: None,
        };
        let [points, output] = &servers;
        converter.points_ingest.handle_server(points);
        converter.output_ingest.handle_server(output);
        converter
    }

    /// Passes the messages of a frame, which was complete at `received`, to the sink. Fails with the reason if the sink
    /// takes nothing any more.
    pub fn convert(
        &mut self,
        link: FrameLink,
        received: Stamp,
        payload: Bytes,
    ) -> Result<(), String> {
        let arrival = self.arrival(received);
        match link {
            FrameLink::Points => self.points_ingest.handle_frame(payload, arrival),
            FrameLink::Output => self.output_ingest.handle_frame(payload, arrival),
        }
        publish_queued(&self.queues.reliable, &mut self.reliable)?;
        publish_queued(&self.queues.clouds, &mut self.clouds)?;
        publish_queued(&self.queues.objects, &mut self.objects)
    }

    /// Returns the accounts of all topics.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.metrics.ledger.snapshot()
    }

    /// Returns the sensors that have a topic of their own, with the parameter `split_raw_by_sensor`.
    #[must_use]
    pub fn sensor_topics(&self) -> &Arc<SensorTopics> {
        &self.metrics.sensor_topics
    }

    /// Returns the arrival of a frame on both clocks. A recording clock that was set back does not turn back the monotonic
    /// one.
    fn arrival(&mut self, stamp: Stamp) -> Arrival {
        let (first, begin) = *self.start.get_or_insert_with(|| (stamp, Instant::now()));
        let elapsed_ns = stamp.as_ns().saturating_sub(first.as_ns());
        let elapsed = Duration::from_nanos(u64::try_from(elapsed_ns).unwrap_or(0));
        Arrival {
            stamp,
            instant: begin + elapsed,
        }
    }
}

fn worker<P: StreamPublisher, S: Sink + Clone>(
    metrics: &Arc<Metrics>,
    queue: &Arc<ByteQueue<P::Item>>,
    config: &watch::Receiver<Arc<ResolvedConfig>>,
    sink: &S,
) -> PublishWorker<P, S> {
    let (metrics, queue) = (Arc::clone(metrics), Arc::clone(queue));
    PublishWorker::new(metrics, queue, config.clone(), sink.clone())
}

/// Publishes all items of a queue.
fn publish_queued<P: StreamPublisher, S: Sink>(
    queue: &ByteQueue<P::Item>,
    worker: &mut PublishWorker<P, S>,
) -> Result<(), String> {
    while queue.fill().items > 0 {
        if let Some(item) = queue.pop().item() {
            worker.publish_item(&item);
        }
        worker.check()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ledger::Account;
    use crate::topic::{AnyTopic, Topic};
    use prost::Message as _;
    use sensr_protocol::wire::{CloudType, PointCloud, proto};
    use std::cell::RefCell;
    use std::rc::Rc;

    type Messages = Vec<(AnyTopic, Vec<u8>)>;

    /// Keeps the messages of all publishers.
    #[derive(Clone, Default)]
    struct Collector {
        messages: Rc<RefCell<Messages>>,
        is_full: bool,
    }

    impl Sink for Collector {
        type Error = &'static str;

        fn subscribers(&self, topic: AnyTopic) -> usize {
            usize::from(topic != Topic::Wire)
        }

        fn publish(&mut self, topic: AnyTopic, message: &[u8]) -> Result<(), Self::Error> {
            if self.is_full {
                return Err("disk full");
            }
            self.messages.borrow_mut().push((topic, message.to_vec()));
            Ok(())
        }

        fn is_final(_: &Self::Error) -> bool {
            true
        }
    }

    const FIRST: Stamp = Stamp {
        sec: 1_700_000_000,
        nanosec: 5,
    };

    fn points_frame() -> Bytes {
        let cloud = PointCloud {
            r#type: CloudType::Raw.into(),
            id: "algo#lidar".into(),
            points: vec![0; 24].into(),
            intensities: vec![0; 8].into(),
        };
        let message = proto::PointResult {
            points: vec![cloud],
            uid: Bytes::new(),
        };
        message.encode_to_vec().into()
    }

    /// A message with an object, a zone, and an event.
    fn output_frame() -> Bytes {
        let message = proto::OutputMessage {
            timestamp: Some(prost_types::Timestamp {
                seconds: 1_700_000_000,
                nanos: 0,
            }),
            stream: Some(proto::StreamMessage {
                objects: vec![proto::Object::default()],
                has_objects: true,
                zones: vec![proto::ZoneConfig::default()],
                has_zones: true,
                ..Default::default()
            }),
            event: Some(proto::EventMessage {
                zone: vec![proto::ZoneEvent::default()],
                ..Default::default()
            }),
            ..Default::default()
        };
        message.encode_to_vec().into()
    }

    fn convert_all(config: ResolvedConfig, frames: usize) -> (Messages, Accounts) {
        let collector = Collector::default();
        let mut converter = FrameConverter::new(config, &collector);
        for number in 0..frames {
            let ms = i64::try_from(number).expect("few") * 100;
            let received = FIRST.moved_back(-ms * 1_000_000);
            for (link, frame) in [
                (FrameLink::Points, points_frame()),
                (FrameLink::Output, output_frame()),
            ] {
                converter
                    .convert(link, received, frame)
                    .expect("the sink takes all");
                assert!(converter.accounts().iter().all(Account::balances));
            }
        }
        let accounts = converter.accounts();
        drop(converter);
        (collector.messages.take(), accounts)
    }

    fn count(messages: &Messages, topic: Topic) -> usize {
        messages.iter().filter(|(of, _)| *of == topic).count()
    }

    #[test]
    fn frames_become_the_messages_of_all_topics_with_the_recorded_stamp() {
        let (messages, accounts) = convert_all(ResolvedConfig::default(), 2);
        for topic in [
            Topic::Raw,
            Topic::Objects,
            Topic::ObjectPoints,
            Topic::Zones,
            Topic::ZoneEvents,
            Topic::ObjectMarkers,
        ] {
            assert_eq!(count(&messages, topic), 2, "{topic:?}");
            assert_eq!(accounts[topic.index()].published, 2, "{topic:?}");
        }
        assert_eq!(count(&messages, Topic::Wire), 0);
        let (_, raw) = messages
            .iter()
            .find(|(topic, _)| *topic == Topic::Raw)
            .expect("published");
        // Behind the encapsulation header.
        assert_eq!(raw[4..8], FIRST.sec.to_le_bytes());
        assert_eq!(raw[8..12], FIRST.nanosec.to_le_bytes());
    }

    #[test]
    fn topics_of_sensors_get_their_messages_too() {
        let split = ResolvedConfig::default().with_changes(|config| {
            config.split_raw_by_sensor = true;
        });
        let collector = Collector::default();
        let mut converter = FrameConverter::new(split, &collector);
        converter
            .convert(FrameLink::Points, FIRST, points_frame())
            .expect("the sink takes all");
        let accounts = converter.accounts();
        let topics = converter.sensor_topics().with_names(&accounts);
        let (sensor, name, account) = topics.last().expect("a sensor");
        assert_eq!((name, account.published), ("points/raw/algo_lidar", 1));
        let messages = collector.messages.take();
        let message = |topic: AnyTopic| messages.iter().find(|(of, _)| *of == topic);
        let (_, on_raw) = message(Topic::Raw.into()).expect("published");
        assert_eq!(message(sensor), Some(&(sensor, on_raw.clone())));
    }

    #[test]
    fn the_same_frames_become_the_same_bytes() {
        let convert = || convert_all(ResolvedConfig::default(), 3).0;
        assert_eq!(convert(), convert());
    }

    #[test]
    fn rate_limits_follow_the_recorded_time() {
        let limited = ResolvedConfig::default().with_changes(|config| {
            config.pointcloud_interval = Duration::from_millis(500);
        });
        let (messages, accounts) = convert_all(limited, 20);
        assert_eq!(count(&messages, Topic::Raw), 4);
        let raw = accounts[Topic::Raw.index()];
        assert_eq!((raw.received, raw.thinned), (20, 16));
        assert_eq!(count(&messages, Topic::Objects), 20);
    }

    #[test]
    fn a_sink_that_takes_nothing_any_more_ends_the_conversion_with_its_reason() {
        let sink = Collector {
            is_full: true,
            ..Collector::default()
        };
        let mut converter = FrameConverter::new(ResolvedConfig::default(), &sink);
        let reason = converter
            .convert(FrameLink::Points, FIRST, points_frame())
            .expect_err("refused");
        assert!(reason.contains("disk full"), "{reason}");
    }
}
