//! The reader's half of the point stream.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use crate::config::{Config, StampSource};
use crate::connection::reconnect::FrameHandler;
use crate::connection::status::Endpoint;
use crate::encode::point_cloud::Cloud;
use crate::metrics::Metrics;
use crate::metrics::ledger;
use crate::metrics::stage_times::Stage;
use crate::pipeline::ingest::wire_tap::WireTap;
use crate::pipeline::source::SourceTracker;
use crate::pipeline::{
    CloudQueue, LOG_PERIOD, QueuedClouds, count_invalid_texts, settle_as_dropped, warn_throttled,
};
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::Topic;
use sensr_protocol::points::{Points, decode_points};
use sensr_protocol::wire::PointCloud;

/// Decodes the messages of the point stream, enters their clouds in the ledger and queues those that are
/// due. Never waits.
#[derive(Debug)]
pub struct PointsIngest {
    stats: Arc<Metrics>,
    queue: Arc<CloudQueue>,
    config: watch::Receiver<Arc<Config>>,
    grids: [RateLimiter; Topic::COUNT],
    tap: WireTap,
    source: SourceTracker,
    complaints: LogThrottles,
}

#[derive(Debug)]
struct LogThrottles {
    undecodable: LogThrottle,
    parts: LogThrottle,
    texts: LogThrottle,
    unknown_cloud_types: LogThrottle,
    malformed: LogThrottle,
    intensities: LogThrottle,
    overflow: LogThrottle,
}

impl PointsIngest {
    /// An intake that follows changes of `config`.
    #[must_use]
    pub fn new(
        stats: Arc<Metrics>,
        queue: Arc<CloudQueue>,
        config: watch::Receiver<Arc<Config>>,
    ) -> Self {
        let throttle = || LogThrottle::new(LOG_PERIOD);
        Self {
            stats,
            queue,
            config,
            grids: Default::default(),
            tap: WireTap::default(),
            source: SourceTracker::default(),
            complaints: LogThrottles {
                undecodable: throttle(),
                parts: throttle(),
                texts: throttle(),
                unknown_cloud_types: throttle(),
                malformed: throttle(),
                intensities: throttle(),
                overflow: throttle(),
            },
        }
    }

    /// Clouds carry no time. On the server's clock they get the time they came, moved by the offset of the
    /// clocks; as long as that is unknown there is only ours.
    fn stamp(&self, arrival: Arrival, source: StampSource) -> Stamp {
        let offset_ns = match source {
            StampSource::Receive => None,
            StampSource::Server => self.stats.clock_offset_ns_of(self.source.address()),
        };
        arrival.stamp.moved_back(offset_ns.unwrap_or(0))
    }

    /// The clouds of a frame that are due.
    fn clouds(&mut self, payload: Bytes, arrival: Arrival, config: &Config) -> Vec<(Topic, Cloud)> {
        let decoded = decode_points(payload);
        let points = &self.stats.points;
        points.stages.add(Stage::Decode, arrival.instant.elapsed());
        match decoded {
            Ok(message) => {
                self.count_undecodable(&message);
                let mut due = RateDecisions::new(config, arrival.instant);
                let clouds = message.clouds.into_iter();
                clouds
                    .filter_map(|cloud| self.cloud(cloud, &mut due))
                    .collect()
            }
            Err(error) => {
                points
                    .link
                    .update(|figures| figures.undecodable_frames += 1);
                warn_throttled(&mut self.complaints.undecodable, || error.to_string());
                Vec::new()
            }
        }
    }

    /// Clouds that do not decode are entered under their topic as long as their type can be read.
    fn count_undecodable(&mut self, message: &Points) {
        let failures = &message.failures;
        let link = &self.stats.points.link;
        if failures.count() > 0 {
            let topics = message.broken_types.iter().copied();
            let mut parts = failures.count();
            for topic in topics.filter_map(Topic::of_cloud_type) {
                parts -= 1;
                let ledger = &self.stats.ledger;
                ledger.receive(topic, ledger::Intake::Malformed);
            }
            link.update(|figures| figures.undecodable_parts += parts);
            warn_throttled(&mut self.complaints.parts, || failures.to_string());
        }
        count_invalid_texts(link, failures.texts(), &mut self.complaints.texts);
    }

    /// Enters a cloud in the ledger. Returns it if it is to be queued.
    fn cloud(&mut self, cloud: PointCloud, due: &mut RateDecisions) -> Option<(Topic, Cloud)> {
        let Some(topic) = Topic::of_cloud_type(cloud.r#type) else {
            self.stats
                .points
                .link
                .update(|figures| figures.unknown_cloud_types += 1);
            warn_throttled(&mut self.complaints.unknown_cloud_types, || {
                format!("ignoring clouds of unknown type {}", cloud.r#type)
            });
            return None;
        };
        let ledger = &self.stats.ledger;
        let cloud = match Cloud::new(cloud.points, cloud.intensities) {
            Ok(cloud) => cloud,
            Err(error) => {
                ledger.receive(topic, ledger::Intake::Malformed);
                warn_throttled(&mut self.complaints.malformed, || {
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
            warn_throttled(&mut self.complaints.intensities, || {
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

impl FrameHandler for PointsIngest {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        let length = payload.len();
        let config = Arc::clone(&self.config.borrow());
        let wire = self.tap.take(&payload, &config, &self.stats.ledger);
        let message = QueuedClouds {
            source: self.source.now(&config, config.points_port),
            arrival,
            stamp: self.stamp(arrival, config.stamp_source),
            wire,
            clouds: self.clouds(payload, arrival, &config),
        };
        if message.clouds.is_empty() && message.wire.is_none() {
            return;
        }
        let cost = message.cost(length);
        let gone = self.queue.push(message, cost);
        if !gone.is_empty() {
            let count = settle_as_dropped(&self.stats.ledger, gone);
            warn_throttled(&mut self.complaints.overflow, || {
                format!("the queue is full: dropped the {count} oldest clouds")
            });
        }
    }

    fn handle_server(&mut self, server: &Endpoint) {
        let config = self.config.borrow();
        self.source.change_to(server, &config, config.points_port);
    }
}

/// What the parameters want of one message. All clouds of a type in one message share the answer: while
/// SENSR calibrates, a message holds one RAW cloud per sensor, and thinning must not single out the first.
struct RateDecisions<'a> {
    config: &'a Config,
    now: Instant,
    answers: [Option<ledger::Intake>; Topic::COUNT],
}

impl<'a> RateDecisions<'a> {
    fn new(config: &'a Config, now: Instant) -> Self {
        Self {
            config,
            now,
            answers: [None; Topic::COUNT],
        }
    }

    fn of(&mut self, topic: Topic, grids: &mut [RateLimiter; Topic::COUNT]) -> ledger::Intake {
        let index = topic.index();
        *self.answers[index].get_or_insert_with(|| {
            if !self.config.publishes(topic) {
                ledger::Intake::Unsubscribed
            } else if grids[index].is_due(self.now, self.config.pointcloud_interval) {
                ledger::Intake::Queued
            } else {
                ledger::Intake::Thinned
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Switch;
    use prost::Message as _;
    use sensr_protocol::wire::{CloudType, proto};
    use std::time::Duration;

    struct Fixture {
        ingest: PointsIngest,
        config: watch::Sender<Arc<Config>>,
        start: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            let (config, receiver) = watch::channel(Arc::new(Config::default()));
            let queue = Arc::new(CloudQueue::new(10_000));
            Self {
                ingest: PointsIngest::new(Arc::default(), queue, receiver),
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
                uid: Bytes::new(),
            };
            self.bytes_at(ms, message.encode_to_vec());
        }

        fn bytes_at(&mut self, ms: u64, payload: Vec<u8>) {
            let arrival = Arrival {
                instant: self.start + Duration::from_millis(ms),
                ..Arrival::now()
            };
            self.ingest.handle_frame(payload.into(), arrival);
            for account in self.ingest.stats.ledger.snapshot() {
                assert!(account.balances(), "{account:?}");
            }
        }

        fn account(&self, topic: Topic) -> ledger::Account {
            self.ingest.stats.ledger.snapshot()[topic.index()]
        }
    }

    fn cloud(r#type: impl Into<i32>, points: usize, intensities: usize) -> PointCloud {
        PointCloud {
            r#type: r#type.into(),
            id: Bytes::new(),
            points: vec![0; points].into(),
            intensities: vec![0; intensities].into(),
        }
    }

    #[test]
    fn a_malformed_cloud_costs_only_itself() {
        let mut fixture = Fixture::new();
        fixture.message_at(
            0,
            vec![
                cloud(CloudType::Raw, 13, 0),
                cloud(CloudType::Ground, 12, 4),
            ],
        );
        assert_eq!(fixture.account(Topic::Raw).malformed, 1);
        assert_eq!(fixture.account(Topic::Ground).queued, 1);
    }

    #[test]
    fn a_cloud_that_does_not_decode_costs_only_itself() {
        let mut fixture = Fixture::new();
        // A RAW one with points that are a number, one that shows no type, one of a type nobody knows.
        let mut frame = vec![
            0x0a, 4, 8, 3, 0x18, 5, 0x0a, 1, 0xff, 0x0a, 4, 8, 99, 0x18, 5,
        ];
        let good = proto::PointResult {
            points: vec![cloud(CloudType::Ground, 12, 4)],
            uid: vec![0xb6].into(),
        };
        frame.extend(good.encode_to_vec());
        fixture.bytes_at(0, frame);
        assert_eq!(fixture.account(Topic::Raw).malformed, 1);
        assert_eq!(fixture.account(Topic::Ground).queued, 1);
        let figures = fixture.ingest.stats.points.link.snapshot();
        assert_eq!(
            (figures.undecodable_frames, figures.undecodable_parts),
            (0, 2)
        );
        assert_eq!(figures.invalid_texts, 1);
    }

    #[test]
    fn a_malformed_cloud_does_not_use_up_the_interval() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        fixture.message_at(0, vec![cloud(CloudType::Raw, 13, 0)]);
        fixture.message_at(100, vec![cloud(CloudType::Raw, 12, 0)]);
        fixture.message_at(200, vec![cloud(CloudType::Raw, 12, 0)]);
        let raw = fixture.account(Topic::Raw);
        assert_eq!((raw.malformed, raw.queued, raw.thinned), (1, 1, 1));
    }

    #[test]
    fn odd_input_is_counted_under_its_name() {
        let mut fixture = Fixture::new();
        fixture.message_at(0, vec![cloud(99, 12, 4), cloud(CloudType::None, 12, 4)]);
        fixture.bytes_at(0, vec![0x0a, 200, 1]);
        fixture.message_at(0, vec![cloud(CloudType::Raw, 0, 0)]);
        fixture.message_at(0, vec![cloud(CloudType::Raw, 24, 4)]);
        let figures = fixture.ingest.stats.points.link.snapshot();
        assert_eq!(
            (figures.unknown_cloud_types, figures.undecodable_frames),
            (2, 1)
        );
        let raw = fixture.account(Topic::Raw);
        assert_eq!((raw.empty, raw.intensity_mismatch, raw.queued), (1, 1, 2));
    }

    #[test]
    fn types_in_alternate_messages_are_thinned_independently() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        for i in 0..40 {
            let r#type = [CloudType::Raw, CloudType::Ground][usize::from(i % 2 == 1)];
            fixture.message_at(i * 100, vec![cloud(r#type, 12, 4)]);
        }
        for topic in [Topic::Raw, Topic::Ground] {
            let account = fixture.account(topic);
            assert_eq!((account.received, account.queued), (20, 4), "{topic:?}");
        }
    }

    #[test]
    fn the_clouds_of_all_sensors_in_a_message_share_its_turn() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        for i in 0..10 {
            fixture.message_at(i * 100, vec![cloud(CloudType::Raw, 12, 4); 3]);
        }
        let raw = fixture.account(Topic::Raw);
        assert_eq!((raw.queued, raw.thinned), (3, 27));
    }

    #[test]
    fn a_topic_switched_off_counts_as_unwanted() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.publish[Switch::Raw as usize] = false);
        fixture.message_at(0, vec![cloud(CloudType::Raw, 12, 4)]);
        assert_eq!(fixture.account(Topic::Raw).unsubscribed, 1);
    }

    #[test]
    fn what_the_queue_pushes_out_is_counted_as_dropped() {
        let mut fixture = Fixture::new();
        for i in 0..10 {
            fixture.message_at(i * 100, vec![cloud(CloudType::Raw, 2400, 0)]);
        }
        let raw = fixture.account(Topic::Raw);
        assert_eq!(raw.received, 10);
        assert!(raw.dropped >= 6 && raw.queued >= 3, "{raw:?}");
    }

    #[test]
    fn on_the_servers_clock_a_cloud_has_its_receive_time_moved_by_the_offset() {
        let mut fixture = Fixture::new();
        let stamp = |fixture: &mut Fixture, source| {
            fixture.configure(|config| config.stamp_source = source);
            fixture.message_at(0, vec![cloud(CloudType::Raw, 12, 0)]);
            let queued = fixture.ingest.queue.pop().expect("queued");
            fixture
                .ingest
                .stats
                .ledger
                .settle(Topic::Raw, ledger::Outcome::Dropped);
            queued.stamp.as_ns() - queued.arrival.stamp.as_ns()
        };
        assert_eq!(
            stamp(&mut fixture, StampSource::Server),
            0,
            "nothing is known yet"
        );
        let arrival = Arrival::now();
        for tenths in 0..10 {
            let elapsed = Duration::from_millis(100 * tenths);
            let ours_ns = arrival.stamp.as_ns() + i64::try_from(elapsed.as_nanos()).expect("short");
            let arrival = Arrival {
                stamp: Stamp::from_ns(ours_ns),
                instant: arrival.instant + elapsed,
            };
            let server = Stamp::from_ns(ours_ns - 5_000_000_000);
            fixture.ingest.stats.clock().observe(arrival, Some(server));
        }
        assert_eq!(stamp(&mut fixture, StampSource::Server), -5_000_000_000);
        assert_eq!(stamp(&mut fixture, StampSource::Receive), 0);
    }

    #[test]
    fn frames_are_kept_as_they_came_only_when_asked_for_and_then_all_of_them() {
        let mut fixture = Fixture::new();
        fixture.message_at(0, vec![]);
        let wire = |fixture: &Fixture| fixture.account(Topic::Wire);
        assert_eq!((wire(&fixture).unsubscribed, wire(&fixture).queued), (1, 0));
        fixture.configure(|config| config.publish[Switch::Wire as usize] = true);
        fixture.message_at(0, vec![]);
        fixture.bytes_at(0, vec![0x0a, 200, 1]);
        assert_eq!((wire(&fixture).received, wire(&fixture).queued), (3, 2));
    }
}
