//! The output stream, from frame to messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sensr_bridge::connection::reconnect::FrameHandler as _;
use sensr_bridge::connection::status::Endpoint;
use sensr_bridge::pipeline::ingest::OutputIngest;
use sensr_bridge::pipeline::publish::{ObjectPublishWorker, ReliablePublishWorker};
use sensr_bridge::topic::Topic;

use super::cdr::Reader;
use super::points::wire_frame;
use super::rig::{Inspector, Rig, run_bounded};

/// A message is at most so many times as long as all frames so far: a corner of a zone, two bytes, is drawn by
/// twelve points of 24 bytes. Everything else grows less: an object of two bytes makes 184.
const LENGTH_GROWTH: usize = 144;
/// Behind it what a message without anything in it takes.
const LENGTH: usize = 600;

/// Memory that a run may take: an object of two bytes becomes four hundred when it is opened, then there are the
/// messages made of it, in buffers that have up to three times what they need while they grow. Behind it what
/// a run without a message takes.
const GROWTH: usize = 600;
const MEMORY: usize = 32 << 10;

/// Topics whose messages are numbered.
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
/// The ledger balances throughout and nothing stays queued. Events, zones, health and status are numbered without gaps but for those that
/// do not decode. No message and no memory grows beyond a multiple of what came.
///
/// # Panics
///
/// If that does not hold.
pub fn output(data: &[u8]) {
    run_bounded(data, GROWTH, MEMORY, run);
}

fn run(frames: &[&[u8]], switches: u8, others: u8) {
    let mut rig = Rig::new(switches, others);
    let mut ingest = OutputIngest::new(
        Arc::clone(&rig.stats),
        Arc::clone(&rig.queues.objects),
        Arc::clone(&rig.queues.reliable),
        rig.config.clone(),
    );
    let mut bytes = 0;
    for (number, frame) in frames.iter().enumerate() {
        if others & 8 != 0 {
            ingest.handle_server(&server(number));
        }
        ingest.handle_frame(Bytes::copy_from_slice(frame), rig.arrival());
        rig.assert_balance();
        bytes += frame.len();
    }
    rig.queues.close();
    let mood = others >> 4;
    let mut sequences = BTreeMap::<usize, Vec<u64>>::new();
    let reliable = Inspector {
        stats: Arc::clone(&rig.stats),
        mood,
        inspect: |topic: Topic, message: &[u8]| {
            assert_length(topic, message, bytes);
            if NUMBERED.contains(&topic) {
                let numbers = sequences.entry(topic.index()).or_default();
                numbers.push(sequence(message));
            }
        },
    };
    ReliablePublishWorker::new(
        Arc::clone(&rig.stats),
        Arc::clone(&rig.queues.reliable),
        rig.config.clone(),
        reliable,
    )
    .run()
    .expect("nothing is final");
    let mut wire = frames.iter();
    let objects = Inspector {
        stats: Arc::clone(&rig.stats),
        mood,
        inspect: |topic: Topic, message: &[u8]| {
            assert_length(topic, message, bytes);
            if topic == Topic::Wire {
                let frame = wire_frame(message);
                assert!(wire.any(|sent| *sent == frame), "a frame that was sent");
            }
        },
    };
    ObjectPublishWorker::new(
        Arc::clone(&rig.stats),
        Arc::clone(&rig.queues.objects),
        rig.config.clone(),
        objects,
    )
    .run()
    .expect("nothing is final");
    rig.assert_nothing_queued();
    for topic in NUMBERED {
        let numbers = sequences.remove(&topic.index()).unwrap_or_default();
        assert_numbered(&rig, topic, &numbers);
    }
}

fn assert_length(topic: Topic, message: &[u8], bytes: usize) {
    Reader::new(message);
    let length = message.len();
    assert!(
        length <= LENGTH_GROWTH * bytes + LENGTH,
        "{topic:?}: {bytes} bytes became {length}"
    );
}

/// Every other frame comes from another server.
fn server(number: usize) -> Endpoint {
    Endpoint {
        address: format!("192.0.2.{}", number / 2),
        port: 5050,
        tls: None,
    }
}

/// The number in a message.
fn sequence(message: &[u8]) -> u64 {
    let mut reader = Reader::new(message);
    assert!(matches!(reader.header().2, "sensr" | ""));
    reader.u64()
}

/// Each event has the next number. What is missing did not decode, was not wanted or not taken, and no more.
fn assert_numbered(rig: &Rig, topic: Topic, numbers: &[u64]) {
    let account = rig.account(topic);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{topic:?}: {numbers:?}");
    assert!(numbers.last().is_none_or(|last| *last < account.received));
    if account.unsubscribed == 0 {
        // Nothing but the sink refuses an event.
        let missing = account.received - numbers.len() as u64;
        assert_eq!(missing, account.malformed, "{topic:?}: {account}");
    }
}
