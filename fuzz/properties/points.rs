//! Point stream, from frames to `PointCloud2`.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sensr_bridge::connection::reconnect::FrameHandler as _;
use sensr_bridge::pipeline::ingest::PointsIngest;
use sensr_bridge::pipeline::publish::PointsPublishWorker;
use sensr_bridge::topic::{AnyTopic, SensorSlot, Topic, names_sensor};
use sensr_protocol::points::decode_points;

use super::cdr::Reader;
use super::fixture::{Fixture, Inspector, run_bounded};

/// Limit on the memory of a run, as a multiple of its frames: a cloud of two bytes becomes a hundred when decoded, as much
/// again in the queue, and its expected message is kept here. Vectors may be three times larger than needed while they
/// grow.
const MEMORY_GROWTH: usize = 250;
/// Memory of a run without messages.
const BASE_MEMORY: usize = 32 << 10;

/// Cloud expected to be published.
#[derive(Debug, PartialEq, Eq)]
struct ExpectedCloud {
    topic: Topic,
    id: Bytes,
    points: Bytes,
    intensities: Bytes,
}

/// Frames of the point stream (three bytes before them are choices).
///
/// The ledger balances throughout and nothing stays queued. Every published cloud is a received one, in order, complete,
/// byte for byte and with consistent lengths; none is malformed. The ledger of each topic agrees with the received and the
/// published clouds. A cloud on the topic of a sensor is the same message as the one before it on `points/raw`, and of that
/// sensor.
///
/// # Panics
///
/// If that does not hold.
pub fn points(data: &[u8]) {
    run_bounded(data, MEMORY_GROWTH, BASE_MEMORY, run);
}

/// Runs frames through the pipeline. `others`: see [`Fixture::new`]; its upper four bits are the faults of the sink.
pub(super) fn run(frames: &[&[u8]], switches: u8, others: u8) {
    let mut fixture = Fixture::new(switches, others);
    let mut ingest = PointsIngest::new(
        Arc::clone(&fixture.stats),
        Arc::clone(&fixture.queues.clouds),
        fixture.config.clone(),
    );
    let mut expected = VecDeque::new();
    let mut lost = Lost::default();
    for frame in frames {
        let frame = Bytes::copy_from_slice(frame);
        expect_clouds(&frame, &mut expected, &mut lost);
        ingest.handle_frame(frame, fixture.next_arrival());
        fixture.assert_balance();
    }
    fixture.queues.close();
    assert_received(&fixture, &expected, &lost);
    let sensors = assert_received_of_sensors(&fixture, &expected);
    expected.retain(|cloud| cloud.points.len().is_multiple_of(12));

    let mut wire = frames.iter();
    let mut published = [0; AnyTopic::COUNT];
    let mut latest: Option<(ExpectedCloud, Vec<u8>)> = None;
    let faults = others >> 4;
    let inspector = Inspector {
        stats: Arc::clone(&fixture.stats),
        faults,
        inspect: |topic: AnyTopic, message: &[u8]| {
            published[topic.index()] += 1;
            if let AnyTopic::Sensor(slot) = topic {
                let (sent, on_raw) = latest.as_ref().expect("on points/raw before");
                assert_eq!((sent.topic, &sent.id), (Topic::Raw, &sensors[slot.index()]));
                assert_eq!(message, on_raw);
            } else if topic == Topic::Wire {
                let frame = wire_frame(message);
                assert!(wire.any(|sent| *sent == frame), "a frame that was sent");
            } else if topic == Topic::Preview {
                // Some points of several clouds: it is valid, and what it holds is for the tests of its encoder.
                read_point_cloud(topic.row(), message);
            } else {
                let cloud = read_point_cloud(topic.row(), message);
                // Rate-limited and dropped clouds are skipped.
                let sent =
                    std::iter::from_fn(|| expected.pop_front()).find(|sent| matches(sent, &cloud));
                assert!(sent.is_some(), "{cloud:?} was not sent");
                latest = sent.map(|sent| (sent, message.to_vec()));
            }
        },
    };
    PointsPublishWorker::new(
        Arc::clone(&fixture.stats),
        Arc::clone(&fixture.queues.clouds),
        fixture.config.clone(),
        inspector,
    )
    .run()
    .expect("no error ends a worker");
    fixture.assert_nothing_queued();
    for topic in AnyTopic::all() {
        let account = fixture.account(topic);
        let handed_over = if faults & 2 == 0 {
            account.published
        } else {
            assert_eq!(account.published, 0);
            account.dropped.min(published[topic.index()])
        };
        assert_eq!(handed_over, published[topic.index()], "{topic:?}");
    }
}

/// Counts of undecodable input.
#[derive(Default)]
struct Lost {
    frames: u64,
    parts: u64,
    clouds: [u64; Topic::COUNT],
    texts: u64,
}

/// Adds the clouds of a frame to the expected ones.
fn expect_clouds(frame: &Bytes, expected: &mut VecDeque<ExpectedCloud>, lost: &mut Lost) {
    let Ok(message) = decode_points(frame.clone()) else {
        lost.frames += 1;
        return;
    };
    lost.parts += message.failures.count();
    lost.texts += message.failures.texts().count();
    for topic in message
        .broken_types
        .into_iter()
        .filter_map(Topic::of_cloud_type)
    {
        lost.parts -= 1;
        lost.clouds[topic.index()] += 1;
    }
    for cloud in message.clouds {
        if let Some(topic) = Topic::of_cloud_type(cloud.r#type) {
            expected.push_back(ExpectedCloud {
                topic,
                id: cloud.id,
                points: cloud.points,
                intensities: cloud.intensities,
            });
        }
    }
}

fn assert_received(fixture: &Fixture, sent: &VecDeque<ExpectedCloud>, lost: &Lost) {
    let figures = fixture.stats.points.link.snapshot();
    assert_eq!(figures.undecodable_frames, lost.frames);
    assert_eq!(figures.undecodable_parts, lost.parts);
    assert_eq!(figures.invalid_texts, lost.texts);
    for topic in Topic::CLOUDS {
        let of_topic = || sent.iter().filter(|cloud| cloud.topic == topic);
        let broken = of_topic().filter(|cloud| !cloud.points.len().is_multiple_of(12));
        let account = fixture.account(topic);
        let lost = lost.clouds[topic.index()];
        let received = of_topic().count() as u64;
        assert_eq!(account.received, received + lost, "{topic:?}");
        assert_eq!(account.malformed, broken.count() as u64 + lost, "{topic:?}");
    }
}

/// Requires that the ledger of each sensor agrees with its received clouds. Returns the ids of the sensors.
fn assert_received_of_sensors(fixture: &Fixture, sent: &VecDeque<ExpectedCloud>) -> Vec<Bytes> {
    let is_split = fixture.config.borrow().split_raw_by_sensor;
    let of_sensors = sent
        .iter()
        .filter(|cloud| is_split && cloud.topic == Topic::Raw && names_sensor(&cloud.id));
    let mut ids: Vec<Bytes> = Vec::new();
    let mut counts = [(0, 0); SensorSlot::COUNT];
    for cloud in of_sensors {
        let slot = ids.iter().position(|id| *id == cloud.id);
        let slot = slot.unwrap_or_else(|| {
            ids.push(cloud.id.clone());
            ids.len() - 1
        });
        if let Some((received, malformed)) = counts.get_mut(slot) {
            *received += 1;
            *malformed += u64::from(!cloud.points.len().is_multiple_of(12));
        }
    }
    ids.truncate(SensorSlot::COUNT);
    for (slot, expected) in SensorSlot::ALL.into_iter().zip(counts) {
        let account = fixture.account(slot);
        assert_eq!((account.received, account.malformed), expected, "{slot:?}");
    }
    assert_eq!(fixture.stats.sensor_topics.iter().count(), ids.len());
    ids
}

/// Topic, x y z of each point, and their intensities.
type PublishedCloud = (Topic, Vec<u8>, Vec<u8>);

/// Reads a `PointCloud2`.
fn read_point_cloud(topic: Topic, message: &[u8]) -> PublishedCloud {
    let mut reader = Reader::new(message);
    assert_eq!(reader.header(), (1, 2, "sensr"));
    let [height, width] = [reader.length(), reader.length()];
    assert_eq!(height, 1);
    let fields: Vec<_> = (0..reader.length())
        .map(|_| (reader.string(), reader.u32(), reader.u8(), reader.u32()))
        .collect();
    let expected = [("x", 0), ("y", 4), ("z", 8), ("intensity", 12)];
    assert_eq!(fields, expected.map(|(name, offset)| (name, offset, 7, 1)));
    assert_eq!(reader.u8(), 0, "little endian");
    let [point_step, row_step, length] = [reader.length(), reader.length(), reader.length()];
    assert_eq!((point_step, row_step), (16, 16 * width));
    assert_eq!(length, row_step);
    let data = reader.bytes(length);
    let is_dense = reader.u8();
    reader.assert_end();
    let (points, _) = data.as_chunks::<16>();
    let coordinates: Vec<u8> = points
        .iter()
        .flat_map(|point| &point[..12])
        .copied()
        .collect();
    let (floats, _) = coordinates.as_chunks::<4>();
    let is_finite = floats
        .iter()
        .all(|float| f32::from_le_bytes(*float).is_finite());
    assert_eq!(is_dense, u8::from(is_finite));
    let intensities = points.iter().flat_map(|point| &point[12..]).copied();
    (topic, coordinates, intensities.collect())
}

fn matches(sent: &ExpectedCloud, (topic, points, intensities): &PublishedCloud) -> bool {
    let as_sent = if sent.intensities.len() * 3 == sent.points.len() {
        sent.intensities == intensities
    } else {
        intensities.iter().all(|byte| *byte == 0)
    };
    sent.topic == *topic && sent.points == points && as_sent
}

/// Reads the frame in a `WireFrame`.
pub(super) fn wire_frame(message: &[u8]) -> &[u8] {
    let mut reader = Reader::new(message);
    reader.header();
    reader.u8();
    reader.u64();
    let length = reader.length();
    let frame = reader.bytes(length);
    reader.assert_end();
    frame
}
