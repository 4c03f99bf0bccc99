//! Output stream, from frames to messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sensr_bridge::connection::reconnect::FrameHandler as _;
use sensr_bridge::connection::status::Endpoint;
use sensr_bridge::pipeline::ingest::OutputIngest;
use sensr_bridge::pipeline::publish::{ObjectPublishWorker, ReliablePublishWorker};
use sensr_bridge::topic::{AnyTopic, Topic};

use super::cdr::Reader;
use super::fixture::{Fixture, Inspector, run_bounded};
use super::points::wire_frame;

/// Limit on the length of a message, as a multiple of all frames so far: an object of two bytes makes 1,080 of a tracked
/// object, most of which are the zeros of its covariances. Everything else grows less: a corner of a zone, two bytes, is
/// drawn with twelve points of 24 bytes.
const LENGTH_GROWTH: usize = 560;
/// Length of a message without contents.
const BASE_LENGTH: usize = 600;

/// Limit on the memory of a run, as a multiple of its frames: an object of two bytes becomes four hundred when decoded, and
/// its messages, of 1,080 bytes at most, are in buffers that may be three times larger than needed while they grow.
const MEMORY_GROWTH: usize = 1800;
/// Memory of a run without messages.
const BASE_MEMORY: usize = 32 << 10;

/// Topics whose messages have sequence numbers.
const NUMBERED: [Topic; 6] = [
    Topic::Zones,
    Topic::ZoneEvents,
    Topic::LosingEvents,
    Topic::RecalibrationEvents,
    Topic::Health,
    Topic::ServerStatus,
];

/// Frames of the output stream (three bytes before them are choices), from one server or several.
///
/// The ledger balances throughout and nothing stays queued. Events, zones, health and status have sequence numbers without
/// gaps, except for those that do not decode. Length of messages and memory are bounded by a multiple of the frames.
///
/// # Panics
///
/// If that does not hold.
pub fn output(data: &[u8]) {
    run_bounded(data, MEMORY_GROWTH, BASE_MEMORY, run);
}

fn run(frames: &[&[u8]], switches: u8, others: u8) {
    let mut fixture = Fixture::new(switches, others);
    let mut ingest = OutputIngest::new(
        Arc::clone(&fixture.stats),
        Arc::clone(&fixture.queues.objects),
        Arc::clone(&fixture.queues.reliable),
        fixture.config.clone(),
    );
    let mut bytes = 0;
    for (number, frame) in frames.iter().enumerate() {
        if others & 8 != 0 {
            ingest.handle_server(&server(number));
        }
        ingest.handle_frame(Bytes::copy_from_slice(frame), fixture.next_arrival());
        fixture.assert_balance();
        bytes += frame.len();
    }
    fixture.queues.close();
    let faults = others >> 4;
    let mut sequences = BTreeMap::<usize, Vec<u64>>::new();
    let reliable = Inspector {
        stats: Arc::clone(&fixture.stats),
        faults,
        inspect: |topic: AnyTopic, message: &[u8]| {
            assert_length(topic, message, bytes);
            if NUMBERED.iter().any(|numbered| topic == *numbered) {
                let numbers = sequences.entry(topic.index()).or_default();
                numbers.push(read_sequence(message));
            }
        },
    };
    ReliablePublishWorker::new(
        Arc::clone(&fixture.stats),
        Arc::clone(&fixture.queues.reliable),
        fixture.config.clone(),
        reliable,
    )
    .run()
    .expect("no error ends a worker");
    let mut wire = frames.iter();
    let objects = Inspector {
        stats: Arc::clone(&fixture.stats),
        faults,
        inspect: |topic: AnyTopic, message: &[u8]| {
            assert_length(topic, message, bytes);
            if topic == Topic::Wire {
                let frame = wire_frame(message);
                assert!(wire.any(|sent| *sent == frame), "a frame that was sent");
            }
        },
    };
    ObjectPublishWorker::new(
        Arc::clone(&fixture.stats),
        Arc::clone(&fixture.queues.objects),
        fixture.config.clone(),
        objects,
    )
    .run()
    .expect("no error ends a worker");
    fixture.assert_nothing_queued();
    for topic in NUMBERED {
        let numbers = sequences.remove(&topic.index()).unwrap_or_default();
        assert_numbered(&fixture, topic, &numbers);
    }
}

fn assert_length(topic: AnyTopic, message: &[u8], bytes: usize) {
    Reader::new(message);
    let length = message.len();
    assert!(
        length <= LENGTH_GROWTH * bytes + BASE_LENGTH,
        "{topic:?}: {bytes} bytes became {length}"
    );
}

/// Server of a frame: another one for every second frame.
fn server(number: usize) -> Endpoint {
    Endpoint {
        address: format!("192.0.2.{}", number / 2),
        port: 5050,
        tls: None,
    }
}

/// Reads the sequence number of a message.
fn read_sequence(message: &[u8]) -> u64 {
    let mut reader = Reader::new(message);
    assert!(matches!(reader.header().2, "sensr" | ""));
    reader.u64()
}

/// Requires increasing sequence numbers without gaps, except for messages that did not decode, had no subscriber or failed
/// to publish.
fn assert_numbered(fixture: &Fixture, topic: Topic, numbers: &[u64]) {
    let account = fixture.account(topic);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{topic:?}: {numbers:?}");
    assert!(numbers.last().is_none_or(|last| *last < account.received));
    if account.unsubscribed == 0 {
        // Without those, only malformed events are missing.
        let missing = account.received - numbers.len() as u64;
        assert_eq!(missing, account.malformed, "{topic:?}: {account}");
    }
}
