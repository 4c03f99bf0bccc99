//! The point stream, from frame to `PointCloud2`.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sensr_bridge::connection::reconnect::FrameHandler as _;
use sensr_bridge::pipeline::ingest::PointsIngest;
use sensr_bridge::pipeline::publish::PointsPublishWorker;
use sensr_bridge::topic::Topic;
use sensr_protocol::points::decode_points;

use super::cdr::Reader;
use super::rig::{Inspector, Rig, run_bounded};

/// Memory that a run may take: a cloud of two bytes becomes a hundred when it is decoded, as much again in the
/// queue, and what is to come of it is remembered here. Vectors have up to three times what they need while
/// they grow. Behind it what a run without a message takes.
const GROWTH: usize = 250;
const MEMORY: usize = 32 << 10;

/// A cloud as it should come out.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    topic: Topic,
    points: Bytes,
    intensities: Bytes,
}

/// Frames of the point stream (three bytes before them are choices).
///
/// The ledger balances throughout and nothing stays queued. Every cloud that comes out is one that went in, in
/// order, whole, byte for byte and with lengths that fit; none is malformed. What the ledger says of every
/// topic is what went in and came out.
///
/// # Panics
///
/// If that does not hold.
pub fn points(data: &[u8]) {
    run_bounded(data, GROWTH, MEMORY, run);
}

/// What becomes of `frames`. `others`: see [`Rig::new`], and the mood of the sink above that.
pub(super) fn run(frames: &[&[u8]], switches: u8, others: u8) {
    let mut rig = Rig::new(switches, others);
    let mut ingest = PointsIngest::new(
        Arc::clone(&rig.stats),
        Arc::clone(&rig.queues.clouds),
        rig.config.clone(),
    );
    let mut expected = VecDeque::new();
    let mut lost = Lost::default();
    for frame in frames {
        let frame = Bytes::copy_from_slice(frame);
        expect(&frame, &mut expected, &mut lost);
        ingest.handle_frame(frame, rig.arrival());
        rig.assert_balance();
    }
    rig.queues.close();
    assert_received(&rig, &expected, &lost);
    expected.retain(|cloud| cloud.points.len().is_multiple_of(12));

    let mut wire = frames.iter();
    let mut published = [0; Topic::COUNT];
    let mood = others >> 4;
    let inspector = Inspector {
        stats: Arc::clone(&rig.stats),
        mood,
        inspect: |topic: Topic, message: &[u8]| {
            published[topic.index()] += 1;
            if topic == Topic::Wire {
                let frame = wire_frame(message);
                assert!(wire.any(|sent| *sent == frame), "a frame that was sent");
            } else {
                let cloud = point_cloud(topic, message);
                // What was thinned or dropped is passed over.
                assert!(
                    std::iter::from_fn(|| expected.pop_front()).any(|sent| matches(&sent, &cloud)),
                    "{cloud:?} was not sent"
                );
            }
        },
    };
    PointsPublishWorker::new(
        Arc::clone(&rig.stats),
        Arc::clone(&rig.queues.clouds),
        rig.config.clone(),
        inspector,
    )
    .run()
    .expect("nothing is final");
    rig.assert_nothing_queued();
    for topic in Topic::ALL {
        let account = rig.account(topic);
        let handed_over = if mood & 2 == 0 {
            account.published
        } else {
            assert_eq!(account.published, 0);
            account.dropped.min(published[topic.index()])
        };
        assert_eq!(handed_over, published[topic.index()], "{topic:?}");
    }
}

/// Counts of what does not decode.
#[derive(Default)]
struct Lost {
    frames: u64,
    parts: u64,
    clouds: [u64; Topic::COUNT],
    texts: u64,
}

/// Notes the clouds of a frame.
fn expect(frame: &Bytes, expected: &mut VecDeque<Expected>, lost: &mut Lost) {
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
            expected.push_back(Expected {
                topic,
                points: cloud.points,
                intensities: cloud.intensities,
            });
        }
    }
}

fn assert_received(rig: &Rig, sent: &VecDeque<Expected>, lost: &Lost) {
    let figures = rig.stats.points.link.snapshot();
    assert_eq!(figures.undecodable_frames, lost.frames);
    assert_eq!(figures.undecodable_parts, lost.parts);
    assert_eq!(figures.invalid_texts, lost.texts);
    for topic in Topic::CLOUDS {
        let of_topic = || sent.iter().filter(|cloud| cloud.topic == topic);
        let broken = of_topic().filter(|cloud| !cloud.points.len().is_multiple_of(12));
        let account = rig.account(topic);
        let lost = lost.clouds[topic.index()];
        let received = of_topic().count() as u64;
        assert_eq!(account.received, received + lost, "{topic:?}");
        assert_eq!(account.malformed, broken.count() as u64 + lost, "{topic:?}");
    }
}

/// x y z of each point, and their intensities.
type Read = (Topic, Vec<u8>, Vec<u8>);

/// Reads a `PointCloud2`.
fn point_cloud(topic: Topic, message: &[u8]) -> Read {
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

fn matches(sent: &Expected, (topic, points, intensities): &Read) -> bool {
    let as_sent = if sent.intensities.len() * 3 == sent.points.len() {
        sent.intensities == intensities
    } else {
        intensities.iter().all(|byte| *byte == 0)
    };
    sent.topic == *topic && sent.points == points && as_sent
}

/// The frame in a `WireFrame`.
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
