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
        for (topic, cloud) in &message.clouds {
            delivery.publish_if_subscribed(*topic, arrival, || encoder.encode(header, cloud));
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
    use crate::metrics::ledger::{Account, IngestDecision, Ledger};
    use crate::metrics::startup::Phase;
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::queued_clouds::PreviewClouds;
    use crate::pipeline::queues::{CloudQueue, settle_as_dropped};
    use crate::pipeline::stream_source::StreamSource;
    use crate::time::stamp::{Arrival, Stamp};
    use bytes::Bytes;
    use std::sync::Arc;
    use tokio::sync::watch;

    fn run(recorder: &mut Recorder) -> [Account; Topic::COUNT] {
        let metrics: Arc<Metrics> = Arc::default();
        let accounts = run_with(&metrics, recorder);
        assert!(accounts.iter().all(Account::balances), "{accounts:?}");
        accounts
    }

    fn run_with(metrics: &Arc<Metrics>, recorder: &mut Recorder) -> [Account; Topic::COUNT] {
        let queue = Arc::new(CloudQueue::new(1 << 20));
        let clouds = Topic::CLOUDS.map(|topic| {
            metrics
                .ledger
                .record_received(topic, IngestDecision::Queued);
            (
                topic,
                Cloud::new(vec![0; 24].into(), vec![0; 8].into()).expect("fits"),
            )
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
            clouds: [(Topic::Raw, cloud)].into_iter().collect(),
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
            unsubscribed: vec![Topic::Ground],
            ..Recorder::default()
        };
        let accounts = run(&mut recorder);
        assert_eq!(recorder.taken.len(), 2);
        assert_eq!(accounts[Topic::Ground.index()].unsubscribed, 1);
    }

    #[test]
    fn the_first_cloud_completes_the_start_as_soon_as_the_middleware_has_it() {
        let all = Topic::CLOUDS.to_vec();
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
