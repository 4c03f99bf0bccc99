//! Publisher of the point stream.

use super::delivery::{Delivery, Sink};
use super::publish_worker::{PublishWorker, StreamPublisher};
use crate::config::ResolvedConfig;
use crate::encode::messages::LINK_POINTS;
use crate::encode::point_cloud::{CloudEncoder, PreviewEncoder};
use crate::metrics::stage_times::Stage;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::queued_clouds::QueuedClouds;
use crate::published_topic;
use crate::topic::{PublishingThread, Topic};
use ros_cdr::Header;

/// Worker of the thread that publishes clouds.
pub type PointsPublishWorker<S> = PublishWorker<PointsPublisher, S>;

/// Serializes clouds.
#[derive(Debug, Default)]
pub struct PointsPublisher {
    encoder: CloudEncoder,
    preview: PreviewEncoder,
    wire_buffer: Vec<u8>,
}

impl StreamPublisher for PointsPublisher {
    type Item = QueuedClouds;

    const THREAD: PublishingThread = PublishingThread::Points;
    const TOPICS: &'static [Topic] = &[
        Topic::Wire,
        Topic::Raw,
        Topic::Ground,
        Topic::Background,
        Topic::Preview,
    ];

    fn stream(metrics: &Metrics) -> &StreamMetrics {
        &metrics.points
    }

    fn publish_item<S: Sink>(
        &mut self,
        message: &QueuedClouds,
        config: &ResolvedConfig,
        delivery: &mut Delivery<S>,
    ) {
        let Self {
            encoder,
            preview,
            wire_buffer,
        } = self;
        let arrival = message.arrival;
        delivery
            .stages()
            .record(Stage::Wait, arrival.instant.elapsed());
        if let Some(frame) = &message.wire {
            delivery.publish_if_subscribed(published_topic!(Points, Wire), arrival, || {
                frame.encode(wire_buffer, LINK_POINTS, arrival)
            });
        }
        let header = Header {
            stamp: message.stamp.into(),
            frame_id: &message.source.frame_id,
        };
        for due in &message.clouds {
            let mut is_encoded = false;
            for topic in due.topics() {
                delivery.publish_if_subscribed(topic, arrival, || {
                    // The message on the topic of a sensor is the same, byte for byte.
                    if std::mem::replace(&mut is_encoded, true) {
                        encoder.latest()
                    } else {
                        encoder.encode(header, &due.cloud)
                    }
                });
            }
        }
        if !message.preview.is_empty() {
            delivery.publish_if_subscribed(published_topic!(Points, Preview), arrival, || {
                preview.encode(header, &message.preview, config.preview_points)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::point_cloud::Cloud;
    use crate::metrics::Metrics;
    use crate::metrics::ledger::{Account, Accounts, IngestDecision, Ledger};
    use crate::metrics::startup::Phase;
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::queued_clouds::{DueCloud, DueClouds, PreviewClouds};
    use crate::pipeline::queues::{CloudQueue, Queued as _, settle_as_dropped};
    use crate::pipeline::stream_source::StreamSource;
    use crate::time::stamp::{Arrival, Stamp};
    use crate::topic::{AnyTopic, SensorSlot};
    use bytes::Bytes;
    use std::sync::Arc;
    use tokio::sync::watch;

    fn run(recorder: &mut Recorder) -> Accounts {
        let metrics: Arc<Metrics> = Arc::default();
        let accounts = run_with(&metrics, recorder);
        assert!(accounts.iter().all(Account::balances), "{accounts:?}");
        accounts
    }

    fn run_with(metrics: &Arc<Metrics>, recorder: &mut Recorder) -> Accounts {
        let queue = Arc::new(CloudQueue::new(1 << 20));
        let clouds = Topic::CLOUDS.map(|topic| {
            metrics
                .ledger
                .record_received(topic, IngestDecision::Queued);
            DueCloud {
                topic,
                sensor: None,
                cloud: Cloud::new(vec![0; 24].into(), vec![0; 8].into()).expect("fits"),
            }
        });
        let message = QueuedClouds {
            source: StreamSource::default(),
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            wire: None,
            clouds: clouds.into_iter().collect(),
            preview: PreviewClouds::new(),
        };
        assert!(queue.push(message, 100).is_empty());
        queue.close();
        let (_sender, config) = watch::channel(Arc::default());
        PointsPublishWorker::new(Arc::clone(metrics), queue, config, recorder)
            .run()
            .expect("nothing is final");
        metrics.ledger.snapshot()
    }

    fn raw_cloud() -> QueuedClouds {
        let cloud = Cloud::new(vec![0; 12].into(), Bytes::new()).expect("fits");
        QueuedClouds {
            source: StreamSource::default(),
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            wire: None,
            clouds: DueClouds::from_iter([DueCloud {
                topic: Topic::Raw,
                sensor: None,
                cloud,
            }]),
            preview: PreviewClouds::new(),
        }
    }

    #[test]
    fn every_cloud_is_delivered_and_settled() {
        let mut recorder = Recorder::default();
        let accounts = run(&mut recorder);
        assert_eq!(recorder.topics(), Topic::CLOUDS);
        for (topic, message) in &recorder.taken {
            let account = accounts[topic.index()];
            assert_eq!((account.published, account.queued), (1, 0));
            assert_eq!(account.published_bytes, message.len() as u64);
        }
    }

    #[test]
    fn clouds_without_subscribers_are_not_serialized() {
        let mut recorder = Recorder {
            unsubscribed: vec![Topic::Ground.into()],
            ..Recorder::default()
        };
        let accounts = run(&mut recorder);
        assert_eq!(recorder.taken.len(), 2);
        assert_eq!(accounts[Topic::Ground.index()].unsubscribed, 1);
    }

    #[test]
    fn a_cloud_of_a_sensor_is_the_same_message_on_both_topics() {
        let sensor = AnyTopic::from(SensorSlot::ALL[3]);
        for unsubscribed in [vec![], vec![Topic::Raw.into()], vec![sensor]] {
            let metrics: Arc<Metrics> = Arc::default();
            let queue = Arc::new(CloudQueue::new(1 << 20));
            let cloud = |value| Cloud::new(vec![value; 24].into(), Bytes::new()).expect("fits");
            let mut message = raw_cloud();
            message.clouds = DueClouds::from_iter([1, 2].map(|value| DueCloud {
                topic: Topic::Raw,
                sensor: (value == 2).then_some(SensorSlot::ALL[3]),
                cloud: cloud(value),
            }));
            for topic in message.topics() {
                metrics
                    .ledger
                    .record_received(topic, IngestDecision::Queued);
            }
            let mut encoder = CloudEncoder::default();
            let header = Header {
                stamp: message.stamp.into(),
                frame_id: "",
            };
            let expected = encoder.encode(header, &cloud(2)).to_vec();
            assert!(queue.push(message, 100).is_empty());
            queue.close();
            let mut recorder = Recorder {
                unsubscribed: unsubscribed.clone(),
                ..Recorder::default()
            };
            let (_sender, config) = watch::channel(Arc::default());
            PointsPublishWorker::new(Arc::clone(&metrics), queue, config, &mut recorder)
                .run()
                .expect("nothing is final");
            let is_there = |topic: &AnyTopic| !unsubscribed.contains(topic);
            let raw = AnyTopic::from(Topic::Raw);
            let topics = [raw, raw, sensor].into_iter().filter(is_there);
            assert!(recorder.taken.iter().map(|(topic, _)| *topic).eq(topics));
            let (_, last) = recorder.taken.last().expect("published");
            assert_eq!(*last, expected);
            let account = metrics.ledger.snapshot()[sensor.index()];
            assert!(account.balances());
            let is_subscribed = u64::from(is_there(&sensor));
            assert_eq!(account.published, is_subscribed);
            assert_eq!(account.unsubscribed, 1 - is_subscribed);
        }
    }

    #[test]
    fn the_first_cloud_completes_the_start_as_soon_as_the_middleware_has_it() {
        let all = Topic::CLOUDS.map(AnyTopic::from).to_vec();
        for (unsubscribed, full, expected) in
            [(all, false, 0), (vec![], true, 0), (vec![], false, 1)]
        {
            let mut recorder = Recorder {
                unsubscribed,
                full,
                ..Recorder::default()
            };
            let metrics: Arc<Metrics> = Arc::default();
            run_with(&metrics, &mut recorder);
            let phases = metrics.startup.completed().map(|entry| entry.phase);
            assert_eq!(
                phases.filter(|phase| *phase == Phase::FirstCloud).count(),
                expected
            );
        }
    }

    #[test]
    fn a_refused_cloud_is_dropped_and_counted() {
        let mut recorder = Recorder {
            full: true,
            ..Recorder::default()
        };
        let accounts = run(&mut recorder);
        for topic in Topic::CLOUDS {
            assert_eq!(accounts[topic.index()].dropped, 1);
        }
    }

    #[test]
    fn an_invalid_publisher_ends_the_worker_with_the_reason() {
        let metrics: Arc<Metrics> = Arc::default();
        let queue = Arc::new(CloudQueue::new(1 << 20));
        for _ in 0..2 {
            metrics
                .ledger
                .record_received(Topic::Raw, IngestDecision::Queued);
            assert!(queue.push(raw_cloud(), 100).is_empty());
        }
        let mut recorder = Recorder {
            gone: true,
            ..Recorder::default()
        };
        let (_sender, config) = watch::channel(Arc::default());
        // The worker ends although the queue is open.
        let worker = PointsPublishWorker::new(
            Arc::clone(&metrics),
            Arc::clone(&queue),
            config,
            &mut recorder,
        );
        let reason = worker.run().expect_err("ends");
        assert_eq!(
            reason,
            "points/raw: publisher or context is no longer valid: gone"
        );
        let raw = metrics.ledger.snapshot()[Topic::Raw.index()];
        assert_eq!((raw.dropped, raw.queued, raw.balances()), (1, 1, true));
    }

    #[test]
    fn remaining_clouds_are_settled_as_dropped() {
        let ledger = Ledger::default();
        ledger.record_received(Topic::Raw, IngestDecision::Queued);
        assert_eq!(settle_as_dropped(&ledger, vec![raw_cloud()]), 1);
        let raw = ledger.snapshot()[Topic::Raw.index()];
        assert_eq!((raw.dropped, raw.queued), (1, 0));
    }
}
