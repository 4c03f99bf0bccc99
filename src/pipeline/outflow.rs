//! The publisher's half.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{CloudQueue, QueuedMessage};
use crate::cloud::{Cloud, CloudEncoder, CloudHeader};
use crate::config::Config;
use crate::stamp::Arrival;
use crate::stats::StreamStats;
use crate::stats::ledger::{Ledger, Outcome};
use crate::stats::stage::Stage;
use crate::throttle::Throttle;
use crate::topic::CloudTopic;

/// At most one log line about failures in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Where serialized clouds go.
pub trait CloudSink {
    /// Why a cloud was not taken.
    type Error: std::fmt::Display;

    /// Whether anybody wants the topic. Asked before each cloud, so that nobody's clouds are not made.
    fn is_wanted(&self, topic: CloudTopic) -> bool;

    /// Takes a serialized `sensor_msgs/PointCloud2`. May wait.
    fn publish(&mut self, topic: CloudTopic, message: &[u8]) -> Result<(), Self::Error>;
}

/// Takes clouds from the queue, serializes them and hands them to a sink.
#[derive(Debug)]
pub struct Outflow<S> {
    stats: Arc<StreamStats>,
    queue: Arc<CloudQueue>,
    config: watch::Receiver<Arc<Config>>,
    encoder: CloudEncoder,
    sink: S,
    complaints: Throttle,
}

impl<S: CloudSink> Outflow<S> {
    /// An outflow that follows changes of `config`.
    pub fn new(
        stats: Arc<StreamStats>,
        queue: Arc<CloudQueue>,
        config: watch::Receiver<Arc<Config>>,
        sink: S,
    ) -> Self {
        Self {
            stats,
            queue,
            config,
            encoder: CloudEncoder::default(),
            sink,
            complaints: Throttle::new(LOG_PERIOD),
        }
    }

    /// Works until the queue is closed and empty.
    pub fn run(mut self) {
        while let Some(message) = self.queue.pop() {
            self.message(message);
        }
    }

    fn message(&mut self, message: QueuedMessage) {
        let QueuedMessage { arrival, clouds } = message;
        self.stats
            .stages
            .add(Stage::Wait, arrival.instant.elapsed());
        let config = Arc::clone(&self.config.borrow());
        for (topic, cloud) in clouds {
            let outcome = self.cloud(topic, &cloud, arrival, &config.frame_id);
            self.stats.ledger.settle(topic, outcome);
        }
    }

    fn cloud(
        &mut self,
        topic: CloudTopic,
        cloud: &Cloud,
        arrival: Arrival,
        frame_id: &str,
    ) -> Outcome {
        if !self.sink.is_wanted(topic) {
            return Outcome::Unsubscribed;
        }
        let header = CloudHeader {
            stamp: arrival.stamp,
            frame_id,
        };
        let begun = Instant::now();
        let message = self.encoder.encode(header, cloud);
        let converted = Instant::now();
        let result = self.sink.publish(topic, message);
        let stages = &self.stats.stages;
        stages.add(Stage::Convert, converted.duration_since(begun));
        stages.add(Stage::Publish, converted.elapsed());
        match result {
            Ok(()) => {
                stages.add(Stage::Total, arrival.instant.elapsed());
                Outcome::Published {
                    bytes: message.len(),
                }
            }
            Err(error) => {
                if let Some(held_back) = self.complaints.pass(Instant::now()) {
                    log::error!(
                        "{}: the middleware refused a cloud: {error}{held_back}",
                        topic.name()
                    );
                }
                Outcome::Dropped
            }
        }
    }
}

/// Enters messages that will never be published. Returns how many clouds they held.
pub fn settle_as_dropped(ledger: &Ledger, messages: Vec<QueuedMessage>) -> usize {
    let mut clouds = 0;
    for (topic, _) in messages.into_iter().flat_map(|message| message.clouds) {
        ledger.settle(topic, Outcome::Dropped);
        clouds += 1;
    }
    clouds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::ledger::{Account, Intake};
    use bytes::Bytes;

    #[derive(Default)]
    struct Recorder {
        taken: Vec<(CloudTopic, usize)>,
        unwanted: Option<CloudTopic>,
        full: bool,
    }

    impl CloudSink for &mut Recorder {
        type Error = &'static str;

        fn is_wanted(&self, topic: CloudTopic) -> bool {
            self.unwanted != Some(topic)
        }

        fn publish(&mut self, topic: CloudTopic, message: &[u8]) -> Result<(), Self::Error> {
            if self.full {
                return Err("full");
            }
            self.taken.push((topic, message.len()));
            Ok(())
        }
    }

    fn run(recorder: &mut Recorder) -> [Account; CloudTopic::COUNT] {
        let stats: Arc<StreamStats> = Arc::default();
        let queue = Arc::new(CloudQueue::new(1 << 20));
        let clouds = CloudTopic::ALL.map(|topic| {
            stats.ledger.receive(topic, Intake::Queued);
            (
                topic,
                Cloud::new(vec![0; 24].into(), vec![0; 8].into()).expect("fits"),
            )
        });
        let message = QueuedMessage {
            arrival: Arrival::now(),
            clouds: clouds.into(),
        };
        assert!(queue.push(message, 100).is_empty());
        queue.close();
        let (_sender, config) = watch::channel(Arc::default());
        Outflow::new(Arc::clone(&stats), queue, config, recorder).run();
        let accounts = stats.ledger.snapshot();
        assert!(accounts.iter().all(Account::balances), "{accounts:?}");
        accounts
    }

    #[test]
    fn every_cloud_is_handed_over_and_settled() {
        let mut recorder = Recorder::default();
        let accounts = run(&mut recorder);
        assert_eq!(
            recorder.taken.iter().map(|t| t.0).collect::<Vec<_>>(),
            CloudTopic::ALL
        );
        for (account, (_, bytes)) in accounts.iter().zip(&recorder.taken) {
            assert_eq!((account.published, account.queued), (1, 0));
            assert_eq!(account.published_bytes, *bytes as u64);
        }
    }

    #[test]
    fn what_nobody_wants_is_not_made() {
        let mut recorder = Recorder {
            unwanted: Some(CloudTopic::Ground),
            ..Recorder::default()
        };
        let accounts = run(&mut recorder);
        assert_eq!(recorder.taken.len(), 2);
        assert_eq!(accounts[CloudTopic::Ground.index()].unsubscribed, 1);
    }

    #[test]
    fn a_refused_cloud_is_dropped_and_counted() {
        let mut recorder = Recorder {
            full: true,
            ..Recorder::default()
        };
        assert!(
            run(&mut recorder)
                .iter()
                .all(|account| account.dropped == 1)
        );
    }

    #[test]
    fn leftovers_are_settled() {
        let ledger = Ledger::default();
        ledger.receive(CloudTopic::Raw, Intake::Queued);
        let cloud = Cloud::new(vec![0; 12].into(), Bytes::new()).expect("fits");
        let message = QueuedMessage {
            arrival: Arrival::now(),
            clouds: vec![(CloudTopic::Raw, cloud)],
        };
        assert_eq!(settle_as_dropped(&ledger, vec![message]), 1);
        let raw = ledger.snapshot()[0];
        assert_eq!((raw.dropped, raw.queued), (1, 0));
    }
}
