//! The reader's half.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::{CloudQueue, QueuedMessage, settle_as_dropped};
use crate::cloud::Cloud;
use crate::config::Config;
use crate::interval::IntervalGrid;
use crate::sensr::wire::{PointCloud, decode_points};
use crate::stamp::Arrival;
use crate::stats::StreamStats;
use crate::stats::ledger;
use crate::stats::stage::Stage;
use crate::throttle::Throttle;
use crate::topic::CloudTopic;

/// At most one log line of each kind in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Decodes the messages of the point stream, enters their clouds in the ledger and queues those that are
/// due. Never waits.
#[derive(Debug)]
pub struct Intake {
    stats: Arc<StreamStats>,
    queue: Arc<CloudQueue>,
    config: watch::Receiver<Arc<Config>>,
    grids: [IntervalGrid; CloudTopic::COUNT],
    complaints: Complaints,
}

#[derive(Debug)]
struct Complaints {
    undecodable: Throttle,
    unknown_type: Throttle,
    malformed: Throttle,
    intensities: Throttle,
    overflow: Throttle,
}

impl Intake {
    /// An intake that follows changes of `config`.
    #[must_use]
    pub fn new(
        stats: Arc<StreamStats>,
        queue: Arc<CloudQueue>,
        config: watch::Receiver<Arc<Config>>,
    ) -> Self {
        let throttle = || Throttle::new(LOG_PERIOD);
        Self {
            stats,
            queue,
            config,
            grids: Default::default(),
            complaints: Complaints {
                undecodable: throttle(),
                unknown_type: throttle(),
                malformed: throttle(),
                intensities: throttle(),
                overflow: throttle(),
            },
        }
    }

    /// Takes one message of the point stream.
    pub fn message(&mut self, payload: Bytes, arrival: Arrival) {
        let length = payload.len();
        let decoded = decode_points(payload);
        self.stats
            .stages
            .add(Stage::Decode, arrival.instant.elapsed());
        let message = match decoded {
            Ok(message) => message,
            Err(error) => {
                self.stats
                    .link
                    .update(|figures| figures.undecodable_frames += 1);
                complain(&mut self.complaints.undecodable, || error.to_string());
                return;
            }
        };
        let config = Arc::clone(&self.config.borrow());
        let mut due = Dueness::new(&config, arrival.instant);
        let clouds = message
            .points
            .into_iter()
            .filter_map(|cloud| self.cloud(cloud, &mut due))
            .collect();
        let message = QueuedMessage { arrival, clouds };
        if message.clouds.is_empty() {
            return;
        }
        let cost = message.cost(length);
        let gone = self.queue.push(message, cost);
        if !gone.is_empty() {
            let clouds = settle_as_dropped(&self.stats.ledger, gone);
            complain(&mut self.complaints.overflow, || {
                format!("the queue is full: dropped the {clouds} oldest clouds")
            });
        }
    }

    /// Enters a cloud in the ledger. Returns it if it is to be queued.
    fn cloud(&mut self, cloud: PointCloud, due: &mut Dueness) -> Option<(CloudTopic, Cloud)> {
        let Some(topic) = CloudTopic::of_wire_type(cloud.r#type) else {
            self.stats.link.update(|figures| figures.unknown_type += 1);
            complain(&mut self.complaints.unknown_type, || {
                format!("ignoring clouds of unknown type {}", cloud.r#type)
            });
            return None;
        };
        let ledger = &self.stats.ledger;
        let cloud = match Cloud::new(cloud.points, cloud.intensities) {
            Ok(cloud) => cloud,
            Err(error) => {
                ledger.receive(topic, ledger::Intake::Malformed);
                complain(&mut self.complaints.malformed, || {
                    format!("{}: dropped a cloud: {error}", topic.name())
                });
                return None;
            }
        };
        if cloud.is_empty() {
            ledger.note_empty(topic);
        }
        if cloud.intensity_mismatch() {
            ledger.note_intensity_mismatch(topic);
            complain(&mut self.complaints.intensities, || {
                format!(
                    "{}: the number of intensities is not that of the {} points, using 0",
                    topic.name(),
                    cloud.len()
                )
            });
        }
        let intake = due.of(topic, &mut self.grids);
        ledger.receive(topic, intake);
        (intake == ledger::Intake::Queued).then_some((topic, cloud))
    }
}

/// What the parameters want of one message. All clouds of a type in one message share the answer: while
/// SENSR calibrates, a message holds one RAW cloud per sensor, and thinning must not single out the first.
struct Dueness<'a> {
    config: &'a Config,
    now: Instant,
    answers: [Option<ledger::Intake>; CloudTopic::COUNT],
}

impl<'a> Dueness<'a> {
    fn new(config: &'a Config, now: Instant) -> Self {
        Self {
            config,
            now,
            answers: [None; CloudTopic::COUNT],
        }
    }

    fn of(
        &mut self,
        topic: CloudTopic,
        grids: &mut [IntervalGrid; CloudTopic::COUNT],
    ) -> ledger::Intake {
        let index = topic.index();
        *self.answers[index].get_or_insert_with(|| {
            if !self.config.publish[index] {
                ledger::Intake::Unsubscribed
            } else if grids[index].is_due(self.now, self.config.pointcloud_interval) {
                ledger::Intake::Queued
            } else {
                ledger::Intake::Thinned
            }
        })
    }
}

fn complain(throttle: &mut Throttle, line: impl FnOnce() -> String) {
    if let Some(held_back) = throttle.pass(Instant::now()) {
        log::warn!("{}{held_back}", line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensr::wire::{CloudType, proto};
    use prost::Message as _;

    struct Rig {
        intake: Intake,
        config: watch::Sender<Arc<Config>>,
        start: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let (config, receiver) = watch::channel(Arc::new(Config::default()));
            let queue = Arc::new(CloudQueue::new(10_000));
            Self {
                intake: Intake::new(Arc::default(), queue, receiver),
                config,
                start: Instant::now(),
            }
        }

        fn configure(&self, change: impl FnOnce(&mut Config)) {
            self.config
                .send_modify(|config| change(Arc::make_mut(config)));
        }

        fn message_at(&mut self, ms: u64, clouds: Vec<PointCloud>) {
            let message = proto::PointResult {
                points: clouds,
                uid: String::new(),
            };
            self.bytes_at(ms, message.encode_to_vec());
        }

        fn bytes_at(&mut self, ms: u64, payload: Vec<u8>) {
            let arrival = Arrival {
                instant: self.start + Duration::from_millis(ms),
                ..Arrival::now()
            };
            self.intake.message(payload.into(), arrival);
            for account in self.intake.stats.ledger.snapshot() {
                assert!(account.balances(), "{account:?}");
            }
        }

        fn account(&self, topic: CloudTopic) -> ledger::Account {
            self.intake.stats.ledger.snapshot()[topic.index()]
        }
    }

    fn cloud(r#type: impl Into<i32>, points: usize, intensities: usize) -> PointCloud {
        PointCloud {
            r#type: r#type.into(),
            id: String::new(),
            points: vec![0; points].into(),
            intensities: vec![0; intensities].into(),
        }
    }

    #[test]
    fn a_malformed_cloud_costs_only_itself() {
        let mut rig = Rig::new();
        rig.message_at(
            0,
            vec![
                cloud(CloudType::Raw, 13, 0),
                cloud(CloudType::Ground, 12, 4),
            ],
        );
        assert_eq!(rig.account(CloudTopic::Raw).malformed, 1);
        assert_eq!(rig.account(CloudTopic::Ground).queued, 1);
    }

    #[test]
    fn a_malformed_cloud_does_not_use_up_the_interval() {
        let mut rig = Rig::new();
        rig.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        rig.message_at(0, vec![cloud(CloudType::Raw, 13, 0)]);
        rig.message_at(100, vec![cloud(CloudType::Raw, 12, 0)]);
        rig.message_at(200, vec![cloud(CloudType::Raw, 12, 0)]);
        let raw = rig.account(CloudTopic::Raw);
        assert_eq!((raw.malformed, raw.queued, raw.thinned), (1, 1, 1));
    }

    #[test]
    fn odd_input_is_counted_under_its_name() {
        let mut rig = Rig::new();
        rig.message_at(0, vec![cloud(99, 12, 4), cloud(CloudType::None, 12, 4)]);
        rig.bytes_at(0, vec![0x0a, 200, 1]);
        rig.message_at(0, vec![cloud(CloudType::Raw, 0, 0)]);
        rig.message_at(0, vec![cloud(CloudType::Raw, 24, 4)]);
        let figures = rig.intake.stats.link.snapshot();
        assert_eq!((figures.unknown_type, figures.undecodable_frames), (2, 1));
        let raw = rig.account(CloudTopic::Raw);
        assert_eq!((raw.empty, raw.intensity_mismatch, raw.queued), (1, 1, 2));
    }

    #[test]
    fn types_in_alternate_messages_are_thinned_independently() {
        let mut rig = Rig::new();
        rig.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        for i in 0..40 {
            let r#type = [CloudType::Raw, CloudType::Ground][usize::from(i % 2 == 1)];
            rig.message_at(i * 100, vec![cloud(r#type, 12, 4)]);
        }
        for topic in [CloudTopic::Raw, CloudTopic::Ground] {
            let account = rig.account(topic);
            assert_eq!((account.received, account.queued), (20, 4), "{topic:?}");
        }
    }

    #[test]
    fn the_clouds_of_all_sensors_in_a_message_share_its_turn() {
        let mut rig = Rig::new();
        rig.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        for i in 0..10 {
            rig.message_at(i * 100, vec![cloud(CloudType::Raw, 12, 4); 3]);
        }
        let raw = rig.account(CloudTopic::Raw);
        assert_eq!((raw.queued, raw.thinned), (3, 27));
    }

    #[test]
    fn a_topic_switched_off_counts_as_unwanted() {
        let mut rig = Rig::new();
        rig.configure(|config| config.publish[CloudTopic::Raw.index()] = false);
        rig.message_at(0, vec![cloud(CloudType::Raw, 12, 4)]);
        assert_eq!(rig.account(CloudTopic::Raw).unsubscribed, 1);
    }

    #[test]
    fn what_the_queue_pushes_out_is_counted_as_dropped() {
        let mut rig = Rig::new();
        for i in 0..10 {
            rig.message_at(i * 100, vec![cloud(CloudType::Raw, 2400, 0)]);
        }
        let raw = rig.account(CloudTopic::Raw);
        assert_eq!(raw.received, 10);
        assert!(raw.dropped >= 6 && raw.queued >= 3, "{raw:?}");
    }
}
