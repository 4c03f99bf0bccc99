use std::time::{Duration, Instant};

use prost::Message as _;
use prost_types::Timestamp;

use super::*;
use crate::config::{Config, StampSource};
use crate::metrics::ledger::{Account, Outcome};
use crate::pipeline::queued_output::ObjectTopic;
use crate::time::stamp::Stamp;
use crate::topic::{QosClass, Switch};
use sensr_protocol::decode_failures::DecodeFailures;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::objects::{ObjectBuffer, ObjectParts};
use sensr_protocol::wire::proto::system_health::Status;
use sensr_protocol::wire::proto::{self, Object};
use sensr_protocol::wire::proto::{
    CustomMessage, EventMessage, OutputMessage, StreamMessage, ZoneEvent,
};

const QUEUE_BYTES: usize = 100_000;

struct Fixture {
    ingest: OutputIngest,
    config: watch::Sender<Arc<ResolvedConfig>>,
    start: Instant,
}

impl Fixture {
    fn new() -> Self {
        let (config, receiver) = watch::channel(Arc::new(ResolvedConfig::default()));
        let objects = Arc::new(ObjectQueue::new(QUEUE_BYTES));
        let reliable = Arc::new(ReliableQueue::new(QUEUE_BYTES));
        Self {
            ingest: OutputIngest::new(Arc::default(), objects, reliable, receiver),
            config,
            start: Instant::now(),
        }
    }

    fn configure(&self, change: impl FnOnce(&mut Config)) {
        let changed = self.config.borrow().with_changes(change);
        self.config.send_replace(Arc::new(changed));
    }

    fn message_at(&mut self, ms: u64, message: &OutputMessage) {
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

    fn account(&self, topic: Topic) -> Account {
        self.ingest.metrics.ledger.snapshot()[topic.index()]
    }

    /// The next in the queue in which anything is due.
    fn next_due(&self) -> Option<QueuedOutput> {
        let queue = &self.ingest.queue;
        let next = || (queue.fill().items > 0).then(|| queue.pop().item())?;
        let output = std::iter::from_fn(next).find(|output| !output.is_empty())?;
        for topic in crate::pipeline::queues::Queued::topics(&output) {
            self.ingest.metrics.ledger.settle(topic, Outcome::Dropped);
        }
        Some(output)
    }

    fn next_output(&self) -> QueuedOutput {
        self.next_due().expect("something is due")
    }

    /// Moves link and parameters to the output port of another host.
    fn move_to(&mut self, host: &str, frame_id: &str) {
        self.configure(|config| {
            config.host = host.to_owned();
            config.frame_id = frame_id.to_owned();
        });
        let port = self.config.borrow().output_port;
        self.ingest.handle_server(&Endpoint {
            address: host.to_owned(),
            port,
            tls: None,
        });
        for account in self.ingest.metrics.ledger.snapshot() {
            assert!(account.balances(), "{account:?}");
        }
    }

    /// Empties the queue of reliable messages. Returns topics and sequence numbers.
    fn reliable(&self) -> Vec<(Topic, u64)> {
        let queue = &self.ingest.reliable.queue;
        std::iter::from_fn(|| (queue.fill().items > 0).then(|| queue.pop().item())?)
            .map(|queued| (queued.message.topic(), queued.sequence))
            .collect()
    }
}

fn object(id: i32) -> Object {
    Object {
        id,
        points: vec![0; 24].into(),
        ..Object::default()
    }
}

fn decoded_ids(parts: &ObjectParts) -> Vec<i32> {
    let mut buffer = ObjectBuffer::default();
    let objects = buffer.decode(parts, &mut DecodeFailures::default());
    objects.iter().map(|object| object.id).collect()
}

fn with_objects(objects: Vec<Object>) -> OutputMessage {
    stream(StreamMessage {
        objects,
        has_objects: true,
        ..StreamMessage::default()
    })
}

fn stream(stream: StreamMessage) -> OutputMessage {
    OutputMessage {
        stream: Some(stream),
        ..OutputMessage::default()
    }
}

fn zone_events(count: usize) -> OutputMessage {
    OutputMessage {
        event: Some(EventMessage {
            zone: vec![ZoneEvent::default(); count],
            ..EventMessage::default()
        }),
        ..OutputMessage::default()
    }
}

fn with_zones() -> OutputMessage {
    stream(StreamMessage {
        zones: vec![ZoneConfig::default()],
        has_zones: true,
        ..StreamMessage::default()
    })
}

#[test]
fn a_message_with_objects_is_published_on_three_topics() {
    let mut fixture = Fixture::new();
    fixture.message_at(0, &with_objects(vec![object(1)]));
    fixture.message_at(0, &stream(StreamMessage::default()));
    for topic in ObjectTopic::ALL.map(ObjectTopic::topic) {
        assert_eq!(fixture.account(topic).queued, 1, "{topic:?}");
    }
    let due = fixture.next_output().objects.expect("objects");
    assert!(due.topics.iter().eq(ObjectTopic::ALL));
    assert!(fixture.next_due().is_none());
}

#[test]
fn an_empty_message_is_queued_for_late_viewers_of_zones() {
    let mut fixture = Fixture::new();
    fixture.message_at(0, &stream(StreamMessage::default()));
    assert_eq!(fixture.ingest.queue.fill().items, 1);
}

#[test]
fn an_empty_scene_is_published() {
    let mut fixture = Fixture::new();
    fixture.message_at(0, &with_objects(vec![]));
    let due = fixture.next_output().objects.expect("objects");
    assert!(due.objects.is_empty());
}

#[test]
fn the_rate_limit_applies_to_objects_and_markers_only() {
    let mut fixture = Fixture::new();
    fixture.configure(|config| config.output_data_interval = Duration::from_secs(1));
    for i in 0..10 {
        fixture.message_at(i * 100, &with_objects(vec![object(1)]));
        fixture.message_at(i * 100, &with_zones());
        fixture.message_at(i * 100, &zone_events(2));
    }
    for topic in ObjectTopic::ALL
        .map(ObjectTopic::topic)
        .into_iter()
        .chain([Topic::ZoneMarkers])
    {
        let account = fixture.account(topic);
        assert_eq!((account.queued, account.thinned), (1, 9), "{topic:?}");
    }
    assert_eq!(fixture.account(Topic::Zones).queued, 10);
    assert_eq!(fixture.account(Topic::ZoneEvents).queued, 20);
}

#[test]
fn topics_switched_off_count_as_unsubscribed() {
    let mut fixture = Fixture::new();
    fixture.configure(|config| config.publish[Switch::Objects as usize] = false);
    fixture.message_at(0, &with_objects(vec![]));
    let due = fixture.next_output().objects.expect("markers");
    assert!(due.topics.iter().eq([
        ObjectTopic::Detections,
        ObjectTopic::Tracked,
        ObjectTopic::ObjectMarkers,
    ]));
    assert_eq!(fixture.account(Topic::ObjectPoints).unsubscribed, 1);
}

#[test]
fn a_list_of_static_objects_waits_for_a_message_with_objects() {
    let mut fixture = Fixture::new();
    fixture.configure(|config| config.output_data_interval = Duration::from_secs(1));
    fixture.message_at(0, &with_objects(vec![]));
    assert!(fixture.next_output().objects.is_some());
    let lists = |ids: [i32; 2]| {
        stream(StreamMessage {
            static_objects: ids.map(object).into(),
            ..StreamMessage::default()
        })
    };
    fixture.message_at(100, &lists([1, 2]));
    fixture.message_at(200, &lists([3, 4]));
    fixture.message_at(300, &with_objects(vec![object(9)]));
    assert!(fixture.next_due().is_none(), "thinned");
    for (ms, expected) in [(1000, vec![3, 4]), (2000, vec![])] {
        fixture.message_at(ms, &with_objects(vec![object(9)]));
        let due = fixture.next_output().objects.expect("objects");
        assert_eq!(decoded_ids(&due.static_objects), expected);
    }
}

#[test]
fn events_are_numbered_per_topic_and_a_malformed_one_leaves_a_gap() {
    let mut fixture = Fixture::new();
    fixture.message_at(0, &zone_events(2));
    // EventMessage { zone: [garbage, {}] }
    fixture.bytes_at(0, vec![0xca, 0x0c, 5, 0x0a, 1, 0xff, 0x0a, 0]);
    fixture.message_at(0, &with_zones());
    let numbered = [0, 1, 3].map(|sequence| (Topic::ZoneEvents, sequence));
    let mut expected = numbered.to_vec();
    expected.push((Topic::Zones, 0));
    assert_eq!(fixture.reliable(), expected);
    let events = fixture.account(Topic::ZoneEvents);
    assert_eq!((events.received, events.malformed), (4, 1));
    let figures = fixture.ingest.metrics.output.link.snapshot();
    assert_eq!(figures.undecodable_parts, 0, "it has an account of its own");
}

#[test]
fn a_full_object_queue_does_not_affect_events() {
    let mut fixture = Fixture::new();
    for i in 0..200 {
        fixture.message_at(i * 100, &with_objects((0..20).map(object).collect()));
        fixture.message_at(i * 100, &zone_events(1));
    }
    let objects = fixture.account(Topic::Objects);
    assert!(objects.dropped > 100, "{objects:?}");
    assert!(fixture.ingest.queue.fill().bytes <= QUEUE_BYTES);
    let events = fixture.account(Topic::ZoneEvents);
    assert_eq!((events.queued, events.dropped), (200, 0));
}

#[test]
fn failures_are_counted_by_kind() {
    let mut fixture = Fixture::new();
    let times_missing = |fixture: &Fixture| fixture.ingest.metrics.clock().anomalies().invalid;
    let before = times_missing(&fixture);
    fixture.bytes_at(0, vec![0x1a, 200]);
    assert_eq!(
        times_missing(&fixture),
        before,
        "no message, no time to miss"
    );
    fixture.bytes_at(0, vec![0x1a, 1, 0xff]);
    let figures = fixture.ingest.metrics.output.link.snapshot();
    assert_eq!(
        (figures.undecodable_frames, figures.undecodable_parts),
        (1, 1)
    );
}

#[test]
fn objects_are_queued_as_they_are() {
    let mut fixture = Fixture::new();
    // OutputMessage { stream: { objects: [garbage, { id: 7 }], has_objects: true } }
    fixture.bytes_at(0, vec![0x1a, 9, 0x0a, 1, 0xff, 0x0a, 2, 0x08, 7, 0x18, 1]);
    let due = fixture.next_output().objects.expect("objects");
    let figures = fixture.ingest.metrics.output.link.snapshot();
    assert_eq!((due.objects.len(), figures.undecodable_parts), (2, 0));
    assert_eq!(decoded_ids(&due.objects), [7]);
}

#[test]
fn waiting_objects_cost_their_frame_and_a_view_each() {
    let mut fixture = Fixture::new();
    let message = with_objects((0..100).map(object).collect());
    fixture.message_at(0, &message);
    let frame = message.encoded_len();
    let views = 100 * size_of::<Bytes>();
    let queued = fixture.ingest.queue.fill().bytes;
    let bounds = frame + views..=frame + 2 * views + size_of::<QueuedOutput>();
    assert!(bounds.contains(&queued), "{queued} is not in {bounds:?}");
}

#[test]
fn waiting_static_objects_do_not_keep_their_frame_alive() {
    let mut fixture = Fixture::new();
    let list = stream(StreamMessage {
        static_objects: vec![object(1), object(2)],
        ..StreamMessage::default()
    });
    let frame = Bytes::from(list.encode_to_vec());
    fixture.ingest.handle_frame(frame.clone(), Arrival::now());
    assert!(frame.is_unique());
    fixture.message_at(0, &with_objects(vec![]));
    let queued = fixture.ingest.queue.fill().bytes;
    assert!(queued > frame.len(), "the copies count");
    let due = fixture.next_output().objects.expect("objects");
    assert_eq!(decoded_ids(&due.static_objects), [1, 2]);
}

#[test]
fn publish_wire_queues_every_frame() {
    let mut fixture = Fixture::new();
    fixture.configure(|config| config.publish[Switch::Wire as usize] = true);
    fixture.message_at(0, &zone_events(1));
    fixture.bytes_at(0, vec![0x1a, 200]);
    assert_eq!(fixture.account(Topic::Wire).queued, 2);
    assert!(fixture.next_output().wire.is_some() && fixture.next_output().wire.is_some());
}

#[test]
fn stamps_follow_stamp_source() {
    const SERVER_S: i64 = 1_700_000_000;
    let mut fixture = Fixture::new();
    // Both clocks advance together.
    let at = |fixture: &mut Fixture, ms: u64, server_ms: Option<i32>| {
        let message = OutputMessage {
            timestamp: server_ms.map(|ms| Timestamp {
                seconds: SERVER_S,
                nanos: 1_000_000 * ms,
            }),
            ..with_objects(vec![])
        };
        let arrival = Arrival {
            instant: fixture.start + Duration::from_millis(ms),
            stamp: Stamp::from_ns(1_800_000_000_000_000_000 + 1_000_000 * ms.cast_signed()),
        };
        fixture
            .ingest
            .handle_frame(message.encode_to_vec().into(), arrival);
        fixture.next_output().times
    };
    fixture.configure(|config| config.stamp_source = StampSource::Server);
    let times = at(&mut fixture, 0, Some(0));
    assert_eq!(times.stamp, times.arrival.stamp, "one is not believed");
    assert_eq!(times.server.as_ns(), SERVER_S * 1_000_000_000);
    for ms in [100, 200, 300, 400] {
        at(&mut fixture, ms, i32::try_from(ms).ok());
    }
    let times = at(&mut fixture, 500, Some(500));
    assert_eq!(times.stamp, times.server);

    fixture.configure(|config| config.stamp_source = StampSource::Receive);
    let times = at(&mut fixture, 600, Some(600));
    assert_eq!(times.stamp, times.arrival.stamp);

    fixture.configure(|config| config.stamp_source = StampSource::Server);
    // An event that is older than the message before.
    let times = at(&mut fixture, 60_000, Some(500));
    let offset_ns = fixture.ingest.metrics.clock().offset_ns().expect("known");
    let moved_ns = times.arrival.stamp.as_ns() - times.stamp.as_ns();
    assert_eq!(moved_ns, offset_ns);

    let times = at(&mut fixture, 60_100, None);
    let offset_ns = fixture.ingest.metrics.clock().offset_ns().expect("known");
    let moved_ns = times.arrival.stamp.as_ns() - times.stamp.as_ns();
    assert_eq!((moved_ns, times.server), (offset_ns, Stamp::default()));
    assert_eq!(fixture.ingest.metrics.clock().anomalies().invalid, 1);
}

#[test]
fn an_overflow_of_the_server_is_recorded_with_own_counters() {
    let mut fixture = Fixture::new();
    fixture.message_at(0, &with_objects(vec![]));
    let health = SystemHealth {
        master: Status::OutputBufferOverflow.into(),
        ..SystemHealth::default()
    };
    fixture.message_at(
        0,
        &OutputMessage {
            event: Some(EventMessage {
                health: Some(health.clone().into()),
                ..EventMessage::default()
            }),
            ..OutputMessage::default()
        },
    );
    assert_eq!(fixture.reliable(), [(Topic::Health, 0)]);
    let knowledge = fixture.ingest.metrics.server.snapshot();
    assert_eq!(knowledge.health.expect("known").1, health);
    let overflow = knowledge.overflow.expect("remembered");
    assert_eq!(overflow.accounts[Topic::Objects.index()].queued, 1);
}

fn with_status() -> OutputMessage {
    OutputMessage {
        custom: CustomMessage {
            bg_learning_progress: 0.5,
            ..CustomMessage::default()
        }
        .encode_to_vec()
        .into(),
        ..OutputMessage::default()
    }
}

fn with_health(master: Status) -> OutputMessage {
    stream(StreamMessage {
        health: Some(proto::SystemHealth {
            master: master.into(),
            ..proto::SystemHealth::default()
        }),
        ..StreamMessage::default()
    })
}

#[test]
fn the_first_server_replaces_no_messages() {
    let mut fixture = Fixture::new();
    fixture.move_to("a", "sensr");
    assert!(fixture.reliable().is_empty());
    assert_eq!(fixture.ingest.queue.fill().items, 0);
}

#[test]
fn latched_messages_and_clock_of_the_former_server_are_reset() {
    let mut fixture = Fixture::new();
    fixture.move_to("a", "harbour");
    for _ in 0..20 {
        fixture.message_at(0, &with_zones());
    }
    fixture.message_at(2000, &with_health(Status::Slowdown));
    fixture.message_at(2000, &zone_events(1));
    fixture.message_at(
        2000,
        &stream(StreamMessage {
            static_objects: vec![object(1)],
            ..StreamMessage::default()
        }),
    );
    fixture.reliable();
    while fixture.next_due().is_some() {}
    let start = Arrival::now();
    for ms in (0..2000_i64).step_by(100) {
        let stamp = Stamp::from_ns(start.stamp.as_ns() + ms * 1_000_000);
        let instant = start.instant + Duration::from_millis(ms.unsigned_abs());
        let mut clock = fixture.ingest.metrics.clock();
        let _ = clock.observe(Arrival { stamp, instant }, Some(stamp));
    }
    assert!(fixture.ingest.metrics.clock_offset_ns_of("a").is_some());
    assert_eq!(fixture.ingest.metrics.clock_offset_ns_of("b"), None);

    fixture.move_to("b", "street");
    let stats = &fixture.ingest.metrics;
    assert_eq!(stats.clock_offset_ns_of("b"), None);
    assert_eq!(stats.server.snapshot().health, None);
    let depth = QosClass::Latched.depth(0) as u64;
    let queue = Arc::clone(&fixture.ingest.reliable.queue);
    let told: Vec<_> =
        std::iter::from_fn(|| (queue.fill().items > 0).then(|| queue.pop().item())?).collect();
    for queued in &told {
        assert_eq!(queued.times.server, Stamp::default(), "the bridge's own");
        assert_eq!(&*queued.source.frame_id, "street");
        match &queued.message {
            ReliableMessage::Zones(zones) => assert!(zones.is_empty()),
            ReliableMessage::Health { health, .. } => assert_eq!(health, &SystemHealth::default()),
            other => panic!("nothing was said of {other:?}"),
        }
    }
    let numbers = |topic| -> Vec<u64> {
        let of_topic = told.iter().filter(|queued| queued.message.topic() == topic);
        of_topic.map(|queued| queued.sequence).collect()
    };
    assert!(numbers(Topic::Zones).into_iter().eq(20..20 + depth));
    assert!(numbers(Topic::Health).into_iter().eq(1..=depth));

    fixture.message_at(3000, &with_objects(vec![]));
    let output = fixture.next_output();
    assert!(output.objects.expect("objects").static_objects.is_empty());
    assert_eq!(output.source.server, 1);

    // There is nothing left to replace.
    fixture.move_to("c", "street");
    assert!(fixture.reliable().is_empty());
}

#[test]
fn a_server_status_is_replaced_by_an_unknown_one() {
    let mut fixture = Fixture::new();
    fixture.move_to("a", "sensr");
    fixture.message_at(0, &with_status());
    fixture.reliable();
    fixture.move_to("b", "sensr");
    let queued = fixture.ingest.reliable.queue.pop().item().expect("queued");
    assert!(matches!(
        queued.message,
        ReliableMessage::ServerStatus(None)
    ));
}

#[test]
fn late_data_of_the_former_server_keep_its_frame() {
    let mut fixture = Fixture::new();
    fixture.move_to("a", "harbour");
    fixture.configure(|config| {
        config.host = "b".to_owned();
        config.frame_id = "street".to_owned();
    });
    fixture.message_at(0, &with_objects(vec![object(1)]));
    assert_eq!(&*fixture.next_output().source.frame_id, "harbour");
    fixture.move_to("b", "street");
    fixture.message_at(0, &with_objects(vec![object(1)]));
    assert_eq!(&*fixture.next_output().source.frame_id, "street");
}

#[test]
fn markers_switched_off_are_deleted_with_the_next_message() {
    let mut fixture = Fixture::new();
    fixture.message_at(0, &stream(StreamMessage::default()));
    fixture.configure(|config| config.publish[Switch::Markers as usize] = false);
    for _ in 0..3 {
        fixture.message_at(0, &stream(StreamMessage::default()));
    }
    assert_eq!(fixture.ingest.queue.fill().items, 2);
}
