//! Ingest of the point stream, in stages: decode, check, rate limit, ledger, queue.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use super::failure_recorder::FailureRecorder;
use super::wire_tap::WireTap;
use super::{decide, warn_throttled};
use crate::config::{ResolvedConfig, StampSource};
use crate::connection::reconnect::FrameHandler;
use crate::connection::status::Endpoint;
use crate::encode::point_cloud::Cloud;
use crate::metrics::Metrics;
use crate::metrics::ledger::IngestDecision;
use crate::metrics::stage_times::Stage;
use crate::metrics::startup::Phase;
use crate::pipeline::LOG_PERIOD;
use crate::pipeline::queued_clouds::{DueClouds, PreviewClouds, QueuedClouds};
use crate::pipeline::queues::{CloudOutput, Queued as _, settle_as_dropped};
use crate::pipeline::stream_source::SourceTracker;
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::Topic;
use sensr_protocol::points::{Points, decode_points_into};
use sensr_protocol::wire::PointCloud;

/// Decodes the frames of the point stream, enters their clouds in the ledger and queues those that are due.
#[derive(Debug)]
pub struct PointsIngest<O> {
    metrics: Arc<Metrics>,
    config: watch::Receiver<Arc<ResolvedConfig>>,
    output: O,
    source: SourceTracker,
    tap: WireTap,
    /// Memory for the decoded message, empty between frames.
    decoded: Points,
    failures: FailureRecorder,
    limiters: [RateLimiter; Topic::COUNT],
    throttles: LogThrottles,
}

#[derive(Debug)]
struct LogThrottles {
    unknown_types: LogThrottle,
    malformed: LogThrottle,
    intensities: LogThrottle,
    overflow: LogThrottle,
}

impl<O: CloudOutput> PointsIngest<O> {
    /// Creates an ingest that puts clouds into `output` and follows changes of `config`.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        output: O,
        config: watch::Receiver<Arc<ResolvedConfig>>,
    ) -> Self {
        let throttle = || LogThrottle::new(LOG_PERIOD);
        Self {
            metrics,
            config,
            output,
            source: SourceTracker::default(),
            tap: WireTap::default(),
            decoded: Points::default(),
            failures: FailureRecorder::default(),
            limiters: Default::default(),
            throttles: LogThrottles {
                unknown_types: throttle(),
                malformed: throttle(),
                intensities: throttle(),
                overflow: throttle(),
            },
        }
    }

    /// Returns the stamp of clouds, which carry no time: their receive time, on the server's clock minus the offset of
    /// the clocks as soon as that is known.
    fn stamp(&self, arrival: Arrival, source: StampSource) -> Stamp {
        let offset_ns = match source {
            StampSource::Receive => None,
            StampSource::Server => self.metrics.clock_offset_ns_of(self.source.address()),
        };
        arrival.stamp.moved_back(offset_ns.unwrap_or(0))
    }

    /// Decodes a frame. Returns its clouds that are due, and those of the preview.
    fn due_clouds(
        &mut self,
        payload: Bytes,
        arrival: Arrival,
        config: &ResolvedConfig,
    ) -> (DueClouds, PreviewClouds) {
        let mut message = std::mem::take(&mut self.decoded);
        let result = decode_points_into(payload, &mut message);
        let stream = &self.metrics.points;
        let elapsed = arrival.instant.elapsed();
        stream.stages.record(Stage::Decode, elapsed);
        let (mut due, mut preview) = (DueClouds::new(), PreviewClouds::new());
        match result {
            Ok(()) => {
                self.record_failures(&message);
                let mut decisions = RateDecisions::new(config, arrival.instant);
                for cloud in message.clouds.drain(..) {
                    let Some((topic, cloud)) = self.check_cloud(cloud) else {
                        continue;
                    };
                    if self.decide_on_preview(&mut decisions) {
                        preview.push(cloud.clone());
                    }
                    let decision = decisions.decide(topic, &mut self.limiters);
                    self.metrics.ledger.record_received(topic, decision);
                    if decision == IngestDecision::Queued {
                        due.push((topic, cloud));
                    }
                }
            }
            Err(error) => {
                self.failures.record_frame(&stream.link, &error);
                // It may hold views of the frame.
                message.clouds.clear();
            }
        }
        self.decoded = message;
        (due, preview)
    }

    /// Enters clouds that do not decode in the ledger, as far as their type can be read, and records all failures.
    fn record_failures(&mut self, message: &Points) {
        let broken = message.broken_types.iter().copied();
        let mut malformed = 0;
        for topic in broken.filter_map(Topic::of_cloud_type) {
            malformed += 1;
            let ledger = &self.metrics.ledger;
            ledger.record_received(topic, IngestDecision::Malformed);
        }
        let link = &self.metrics.points.link;
        self.failures
            .record_parts(link, &message.failures, malformed);
    }

    /// Returns whether the preview of a frame is due. It is entered in the ledger with the first valid cloud of the frame.
    fn decide_on_preview(&mut self, decisions: &mut RateDecisions) -> bool {
        let topic = Topic::Preview;
        let is_first = decisions.decisions[topic.index()].is_none();
        let decision = decisions.decide(topic, &mut self.limiters);
        if is_first {
            self.metrics.ledger.record_received(topic, decision);
        }
        decision == IngestDecision::Queued
    }

    /// Checks a cloud. One that is malformed is entered in the ledger.
    fn check_cloud(&mut self, cloud: PointCloud) -> Option<(Topic, Cloud)> {
        let Some(topic) = Topic::of_cloud_type(cloud.r#type) else {
            let link = &self.metrics.points.link;
            link.update(|figures| figures.unknown_cloud_types += 1);
            warn_throttled(&mut self.throttles.unknown_types, || {
                format!("ignoring clouds of unknown type {}", cloud.r#type)
            });
            return None;
        };
        let ledger = &self.metrics.ledger;
        let cloud = match Cloud::new(cloud.points, cloud.intensities) {
            Ok(cloud) => cloud,
            Err(error) => {
                ledger.record_received(topic, IngestDecision::Malformed);
                warn_throttled(&mut self.throttles.malformed, || {
                    format!("{}: dropped a cloud: {error}", topic.name())
                });
                return None;
            }
        };
        if cloud.is_empty() {
            ledger.record_empty_cloud(topic);
        }
        if cloud.intensity_mismatch() {
            ledger.record_intensity_mismatch(topic);
            warn_throttled(&mut self.throttles.intensities, || {
                format!(
                    "{}: the number of intensities is not that of the {} points, using 0",
                    topic.name(),
                    cloud.len()
                )
            });
        }
        Some((topic, cloud))
    }
}

impl<O: CloudOutput> FrameHandler for PointsIngest<O> {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        let frame_bytes = payload.len();
        let config = Arc::clone(&self.config.borrow());
        let wire = self.tap.tap_frame(&payload, &config, &self.metrics.ledger);
        let stamp = self.stamp(arrival, config.stamp_source);
        let (clouds, preview) = self.due_clouds(payload, arrival, &config);
        let message = QueuedClouds {
            source: self.source.current(&config, config.points_port),
            arrival,
            stamp,
            wire,
            clouds,
            preview,
        };
        if message.topics().next().is_none() {
            return;
        }
        let cost = message.cost(frame_bytes);
        let dropped = self.output.put(message, cost);
        if !dropped.is_empty() {
            let count = settle_as_dropped(&self.metrics.ledger, dropped);
            warn_throttled(&mut self.throttles.overflow, || {
                format!("the queue of clouds is full: dropped the {count} oldest clouds")
            });
        }
    }

    fn handle_connect(&mut self) {
        self.metrics.startup.complete(Phase::FirstConnection);
    }

    fn handle_server(&mut self, server: &Endpoint) {
        let config = self.config.borrow();
        self.source.change_to(server, &config, config.points_port);
    }
}

/// Decisions for the clouds of one message. All clouds of a type in one message share the decision: while SENSR
/// calibrates, a message holds one RAW cloud per sensor, and the rate limit must not pick the first.
struct RateDecisions<'a> {
    config: &'a ResolvedConfig,
    now: Instant,
    decisions: [Option<IngestDecision>; Topic::COUNT],
}

impl<'a> RateDecisions<'a> {
    fn new(config: &'a ResolvedConfig, now: Instant) -> Self {
        Self {
            config,
            now,
            decisions: [None; Topic::COUNT],
        }
    }

    fn decide(
        &mut self,
        topic: Topic,
        limiters: &mut [RateLimiter; Topic::COUNT],
    ) -> IngestDecision {
        let index = topic.index();
        *self.decisions[index].get_or_insert_with(|| {
            let interval = if topic == Topic::Preview {
                self.config.preview_interval
            } else {
                self.config.pointcloud_interval
            };
            decide(topic, self.config, || {
                limiters[index].is_due(self.now, interval)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::pipeline::queues::CloudQueue;
    use crate::topic::Switch;
    use prost::Message as _;
    use sensr_protocol::wire::{CloudType, proto};
    use std::time::Duration;

    struct Fixture {
        ingest: PointsIngest<Arc<CloudQueue>>,
        config: watch::Sender<Arc<ResolvedConfig>>,
        start: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            let (config, receiver) = watch::channel(Arc::new(ResolvedConfig::default()));
            let queue = Arc::new(CloudQueue::new(10_000));
            Self {
                ingest: PointsIngest::new(Arc::default(), queue, receiver),
                config,
                start: Instant::now(),
            }
        }

        fn configure(&self, change: impl FnOnce(&mut Config)) {
            let changed = self.config.borrow().with_changes(change);
            self.config.send_replace(Arc::new(changed));
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
            for account in self.ingest.metrics.ledger.snapshot() {
                assert!(account.balances(), "{account:?}");
            }
        }

        fn account(&self, topic: Topic) -> crate::metrics::ledger::Account {
            self.ingest.metrics.ledger.snapshot()[topic.index()]
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
        // A RAW cloud whose points are a number, one without a type, and one of an unknown type.
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
        let figures = fixture.ingest.metrics.points.link.snapshot();
        assert_eq!(
            (figures.undecodable_frames, figures.undecodable_parts),
            (0, 2)
        );
        assert_eq!(figures.invalid_texts, 1);
    }

    #[test]
    fn a_malformed_cloud_does_not_count_for_the_rate_limit() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        fixture.message_at(0, vec![cloud(CloudType::Raw, 13, 0)]);
        fixture.message_at(100, vec![cloud(CloudType::Raw, 12, 0)]);
        fixture.message_at(200, vec![cloud(CloudType::Raw, 12, 0)]);
        let raw = fixture.account(Topic::Raw);
        assert_eq!((raw.malformed, raw.queued, raw.thinned), (1, 1, 1));
    }

    #[test]
    fn odd_clouds_are_counted_by_kind() {
        let mut fixture = Fixture::new();
        fixture.message_at(0, vec![cloud(99, 12, 4), cloud(CloudType::None, 12, 4)]);
        fixture.bytes_at(0, vec![0x0a, 200, 1]);
        fixture.message_at(0, vec![cloud(CloudType::Raw, 0, 0)]);
        fixture.message_at(0, vec![cloud(CloudType::Raw, 24, 4)]);
        let figures = fixture.ingest.metrics.points.link.snapshot();
        assert_eq!(
            (figures.unknown_cloud_types, figures.undecodable_frames),
            (2, 1)
        );
        let raw = fixture.account(Topic::Raw);
        assert_eq!((raw.empty, raw.intensity_mismatch, raw.queued), (1, 1, 2));
    }

    #[test]
    fn cloud_types_are_rate_limited_independently() {
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
    fn clouds_of_one_type_in_a_message_share_the_decision() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
        for i in 0..10 {
            fixture.message_at(i * 100, vec![cloud(CloudType::Raw, 12, 4); 3]);
        }
        let raw = fixture.account(Topic::Raw);
        assert_eq!((raw.queued, raw.thinned), (3, 27));
    }

    #[test]
    fn a_topic_switched_off_counts_as_unsubscribed() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| config.publish[Switch::Raw as usize] = false);
        fixture.message_at(0, vec![cloud(CloudType::Raw, 12, 4)]);
        assert_eq!(fixture.account(Topic::Raw).unsubscribed, 1);
    }

    #[test]
    fn clouds_pushed_out_of_the_queue_count_as_dropped() {
        let mut fixture = Fixture::new();
        for i in 0..10 {
            fixture.message_at(i * 100, vec![cloud(CloudType::Raw, 2400, 0)]);
        }
        let raw = fixture.account(Topic::Raw);
        assert_eq!(raw.received, 10);
        assert!(raw.dropped >= 6 && raw.queued >= 3, "{raw:?}");
    }

    #[test]
    fn clouds_on_the_servers_clock_are_stamped_by_the_offset() {
        let mut fixture = Fixture::new();
        let stamp = |fixture: &mut Fixture, source| {
            fixture.configure(|config| config.stamp_source = source);
            fixture.message_at(0, vec![cloud(CloudType::Raw, 12, 0)]);
            let queued = fixture.ingest.output.pop().item().expect("queued");
            fixture
                .ingest
                .metrics
                .ledger
                .settle(Topic::Raw, crate::metrics::ledger::Outcome::Dropped);
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
            fixture
                .ingest
                .metrics
                .clock()
                .observe(arrival, Some(server));
        }
        assert_eq!(stamp(&mut fixture, StampSource::Server), -5_000_000_000);
        assert_eq!(stamp(&mut fixture, StampSource::Receive), 0);
    }

    #[test]
    fn publish_wire_queues_every_frame_of_the_point_stream() {
        let mut fixture = Fixture::new();
        fixture.message_at(0, vec![]);
        let wire = |fixture: &Fixture| fixture.account(Topic::Wire);
        assert_eq!((wire(&fixture).unsubscribed, wire(&fixture).queued), (1, 0));
        fixture.configure(|config| config.publish[Switch::Wire as usize] = true);
        fixture.message_at(0, vec![]);
        fixture.bytes_at(0, vec![0x0a, 200, 1]);
        assert_eq!((wire(&fixture).received, wire(&fixture).queued), (3, 2));
    }

    #[test]
    fn the_preview_has_a_rate_limit_of_its_own_and_counts_once_for_a_frame() {
        let mut fixture = Fixture::new();
        fixture.configure(|config| {
            config.pointcloud_interval = Duration::from_secs(1);
            config.preview_interval = Duration::from_millis(500);
        });
        let clouds = vec![
            cloud(CloudType::Raw, 12, 4),
            cloud(CloudType::Ground, 13, 0),
            cloud(CloudType::Background, 24, 8),
        ];
        let mut previews = Vec::new();
        for i in 0..10 {
            fixture.message_at(i * 100, clouds.clone());
            while fixture.ingest.output.fill().items > 0 {
                let queued = fixture.ingest.output.pop().item().expect("queued");
                previews.push((queued.clouds.len(), queued.preview.len()));
            }
        }
        // In the second, no cloud is due on a topic of its own.
        assert_eq!(previews, [(2, 2), (0, 2)]);
        let preview = fixture.account(Topic::Preview);
        assert_eq!(
            (preview.received, preview.queued, preview.thinned),
            (10, 2, 8)
        );
        // Neither without a valid cloud nor without a frame.
        fixture.message_at(2000, vec![cloud(CloudType::Raw, 13, 0)]);
        fixture.bytes_at(2000, vec![0x0a, 200, 1]);
        assert_eq!(fixture.account(Topic::Preview).received, 10);
    }
}
