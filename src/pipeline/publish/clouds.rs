//! The publisher's half of the point stream.

use crate::config::Config;
use crate::encode::messages::LINK_POINTS;
use crate::encode::point_cloud::CloudEncoder;
use crate::metrics::stage_times::Stage;
use crate::pipeline::QueuedClouds;
use crate::pipeline::publish::delivery::{Delivery, Sink, Stream};
use crate::pipeline::publish::worker::{PublishWorker, StreamPublisher};
use crate::topic::Topic;
use ros_cdr::Header;

/// For the point stream.
pub type PointsPublishWorker<S> = PublishWorker<PointsPublisher, S>;

/// Serializes clouds.
#[derive(Debug, Default)]
pub struct PointsPublisher {
    encoder: CloudEncoder,
    wire_buffer: Vec<u8>,
}

impl StreamPublisher for PointsPublisher {
    type Item = QueuedClouds;

    const STREAM: Stream = |stats| &stats.points;

    fn publish<S: Sink>(
        &mut self,
        message: &QueuedClouds,
        _config: &Config,
        hand_over: &mut Delivery<S>,
    ) {
        let Self {
            encoder,
            wire_buffer,
        } = self;
        let arrival = message.arrival;
        hand_over
            .stages()
            .add(Stage::Wait, arrival.instant.elapsed());
        if let Some(frame) = &message.wire {
            hand_over.publish_if_subscribed(Topic::Wire, arrival, || {
                frame.encode(wire_buffer, LINK_POINTS, arrival)
            });
        }
        let header = Header {
            stamp: message.stamp.into(),
            frame_id: &message.source.frame_id,
        };
        for (topic, cloud) in &message.clouds {
            hand_over.publish_if_subscribed(*topic, arrival, || encoder.encode(header, cloud));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::point_cloud::Cloud;
    use crate::metrics::Metrics;
    use crate::metrics::ledger::{Account, Intake, Ledger};
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::source::Source;
    use crate::pipeline::{CloudQueue, settle_as_dropped};
    use crate::time::stamp::{Arrival, Stamp};
    use bytes::Bytes;
    use std::sync::Arc;
    use tokio::sync::watch;

    fn run(recorder: &mut Recorder) -> [Account; Topic::COUNT] {
        let stats: Arc<Metrics> = Arc::default();
        let queue = Arc::new(CloudQueue::new(1 << 20));
        let clouds = Topic::CLOUDS.map(|topic| {
            stats.ledger.receive(topic, Intake::Queued);
            (
                topic,
                Cloud::new(vec![0; 24].into(), vec![0; 8].into()).expect("fits"),
            )
        });
        let message = QueuedClouds {
            source: Source::default(),
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            wire: None,
            clouds: clouds.into(),
        };
        assert!(queue.push(message, 100).is_empty());
        queue.close();
        let (_sender, config) = watch::channel(Arc::default());
        PointsPublishWorker::new(Arc::clone(&stats), queue, config, recorder)
            .run()
            .expect("nothing is final");
        let accounts = stats.ledger.snapshot();
        assert!(accounts.iter().all(Account::balances), "{accounts:?}");
        accounts
    }

    fn raw_cloud() -> QueuedClouds {
        let cloud = Cloud::new(vec![0; 12].into(), Bytes::new()).expect("fits");
        QueuedClouds {
            source: Source::default(),
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            wire: None,
            clouds: vec![(Topic::Raw, cloud)],
        }
    }

    #[test]
    fn every_cloud_is_handed_over_and_settled() {
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
    fn what_nobody_wants_is_not_made() {
        let mut recorder = Recorder {
            unwanted: vec![Topic::Ground],
            ..Recorder::default()
        };
        let accounts = run(&mut recorder);
        assert_eq!(recorder.taken.len(), 2);
        assert_eq!(accounts[Topic::Ground.index()].unsubscribed, 1);
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
    fn a_middleware_that_is_gone_ends_the_work_with_the_reason() {
        let stats: Arc<Metrics> = Arc::default();
        let queue = Arc::new(CloudQueue::new(1 << 20));
        for _ in 0..2 {
            stats.ledger.receive(Topic::Raw, Intake::Queued);
            assert!(queue.push(raw_cloud(), 100).is_empty());
        }
        let mut recorder = Recorder {
            gone: true,
            ..Recorder::default()
        };
        let (_sender, config) = watch::channel(Arc::default());
        // The queue is open: it does not wait for more.
        let outflow = PointsPublishWorker::new(
            Arc::clone(&stats),
            Arc::clone(&queue),
            config,
            &mut recorder,
        );
        let reason = outflow.run().expect_err("ends");
        assert_eq!(
            reason,
            "points/raw: the middleware takes nothing any more: gone"
        );
        let raw = stats.ledger.snapshot()[Topic::Raw.index()];
        assert_eq!((raw.dropped, raw.queued, raw.balances()), (1, 1, true));
    }

    #[test]
    fn leftovers_are_settled() {
        let ledger = Ledger::default();
        ledger.receive(Topic::Raw, Intake::Queued);
        assert_eq!(settle_as_dropped(&ledger, vec![raw_cloud()]), 1);
        let raw = ledger.snapshot()[Topic::Raw.index()];
        assert_eq!((raw.dropped, raw.queued), (1, 0));
    }
}
