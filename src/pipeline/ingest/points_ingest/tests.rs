use super::*;
use crate::config::Config;
use crate::metrics::ledger::{Account, Outcome};
use crate::pipeline::queues::CloudQueue;
use crate::topic::{AnyTopic, Switch};
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

    fn account(&self, topic: impl Into<AnyTopic>) -> Account {
        self.ingest.metrics.ledger.snapshot()[topic.into().index()]
    }

    fn split_by_sensor(&self, is_split: bool) {
        self.configure(|config| config.split_raw_by_sensor = is_split);
    }

    /// Names of the topics of sensors.
    fn sensor_names(&self) -> Vec<&str> {
        let sensors = self.ingest.metrics.sensor_topics.iter();
        sensors.map(|(_, sensor)| sensor.name()).collect()
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

/// RAW cloud of a sensor, with a point.
fn cloud_of(id: &str) -> PointCloud {
    PointCloud {
        id: id.to_owned().into(),
        ..cloud(CloudType::Raw, 12, 4)
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
            .settle(Topic::Raw, Outcome::Dropped);
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

#[test]
fn raw_clouds_are_split_by_sensor_only_on_request() {
    let mut fixture = Fixture::new();
    let clouds = || vec![cloud_of("algo#a"), cloud_of("algo#b"), cloud_of("lidar")];
    fixture.message_at(0, clouds());
    assert!(fixture.sensor_names().is_empty());
    fixture.split_by_sensor(true);
    fixture.message_at(100, clouds());
    let names = ["points/raw/algo_a", "points/raw/algo_b"];
    assert_eq!(fixture.sensor_names(), names);
    fixture.split_by_sensor(false);
    fixture.message_at(200, clouds());
    assert_eq!(fixture.sensor_names(), names, "accounts stay");
    assert_eq!(fixture.account(Topic::Raw).queued, 9);
    for slot in &SensorSlot::ALL[..2] {
        let account = fixture.account(*slot);
        assert_eq!((account.received, account.queued), (1, 1));
    }
}

#[test]
fn a_cloud_on_two_topics_is_queued_once_without_a_copy() {
    let mut fixture = Fixture::new();
    fixture.split_by_sensor(true);
    fixture.message_at(0, vec![cloud_of("algo#a"), cloud(CloudType::Ground, 12, 4)]);
    let queued = fixture.ingest.output.pop().item().expect("queued");
    assert_eq!(queued.clouds.len(), 2);
    let sensor = AnyTopic::from(SensorSlot::ALL[0]);
    let topics = [Topic::Raw.into(), sensor, Topic::Ground.into()];
    assert!(queued.topics().take(3).eq(topics));
    let frame_bytes = 100;
    let before = size_of::<QueuedClouds>() + frame_bytes;
    assert_eq!(queued.cost(frame_bytes), before);
}

#[test]
fn only_raw_clouds_are_split() {
    let mut fixture = Fixture::new();
    fixture.split_by_sensor(true);
    let others = [CloudType::Ground, CloudType::Background].map(|r#type| PointCloud {
        r#type: r#type.into(),
        ..cloud_of("algo#a")
    });
    let unknown = PointCloud {
        r#type: 99,
        ..cloud_of("algo#a")
    };
    fixture.message_at(0, others.into_iter().chain([unknown]).collect());
    assert!(fixture.sensor_names().is_empty());
}

#[test]
fn clouds_of_a_sensor_share_the_decision_of_their_frame() {
    let mut fixture = Fixture::new();
    fixture.split_by_sensor(true);
    fixture.configure(|config| config.pointcloud_interval = Duration::from_secs(1));
    for i in 0..10 {
        fixture.message_at(i * 100, vec![cloud_of("algo#a"), cloud_of("algo#b")]);
    }
    for slot in &SensorSlot::ALL[..2] {
        let account = fixture.account(*slot);
        assert_eq!((account.queued, account.thinned), (1, 9));
    }
    fixture.configure(|config| config.publish[Switch::Raw as usize] = false);
    fixture.message_at(2000, vec![cloud_of("algo#a")]);
    assert_eq!(fixture.account(SensorSlot::ALL[0]).unsubscribed, 1);
}

#[test]
fn odd_clouds_of_a_sensor_are_counted_on_both_topics() {
    let mut fixture = Fixture::new();
    fixture.split_by_sensor(true);
    for (points, intensities) in [(13, 0), (0, 0), (24, 4)] {
        let odd = PointCloud {
            id: "algo#a".into(),
            ..cloud(CloudType::Raw, points, intensities)
        };
        fixture.message_at(0, vec![odd]);
    }
    for topic in [Topic::Raw.into(), AnyTopic::from(SensorSlot::ALL[0])] {
        let account = fixture.account(topic);
        let counts = (account.received, account.malformed, account.queued);
        assert_eq!(counts, (3, 1, 2), "{topic:?}");
        assert_eq!((account.empty, account.intensity_mismatch), (1, 1));
    }
}

#[test]
fn clouds_of_the_seventeenth_sensor_are_on_points_raw_only() {
    let mut fixture = Fixture::new();
    fixture.split_by_sensor(true);
    for _ in 0..2 {
        let clouds = (0..17).map(|number| cloud_of(&format!("algo#{number}")));
        fixture.message_at(0, clouds.collect());
    }
    assert_eq!(fixture.account(Topic::Raw).received, 34);
    for slot in SensorSlot::ALL {
        assert_eq!(fixture.account(slot).received, 2);
    }
}
