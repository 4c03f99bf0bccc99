//! Memory of the path of a cloud, from the bytes of the server to the middleware: in the steady state nothing is
//! allocated, and no page is touched for the first time.

use std::alloc::System;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use procfs::process::Process;
use prost::Message as _;
use sensr_bridge::config::ResolvedConfig;
use sensr_bridge::connection::reconnect::FrameHandler as _;
use sensr_bridge::connection::websocket::{Incoming, MessageReader};
use sensr_bridge::metrics::Metrics;
use sensr_bridge::pipeline::ingest::PointsIngest;
use sensr_bridge::pipeline::publish::{CloudOutlet, PointsPublishWorker, Sink};
use sensr_bridge::pipeline::queues::CloudQueue;
use sensr_bridge::time::stamp::Arrival;
use sensr_bridge::topic::{AnyTopic, SensorSlot, Topic};
use sensr_protocol::wire::{CloudType, PointCloud, proto};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Server that sends the same bytes again and again, in pieces as they come from a network.
struct Server {
    bytes: Vec<u8>,
    sent: usize,
    piece: usize,
}

impl AsyncRead for Server {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = &this.bytes[this.sent..];
        let count = rest.len().min(this.piece).min(buf.remaining());
        buf.put_slice(&rest[..count]);
        this.sent = (this.sent + count) % this.bytes.len();
        Poll::Ready(Ok(()))
    }
}

/// Middleware that counts what it gets.
struct Counter(Arc<std::sync::atomic::AtomicUsize>);

impl Sink for Counter {
    type Error = Infallible;

    fn subscribers(&self, _: AnyTopic) -> usize {
        1
    }

    fn publish(&mut self, _: AnyTopic, message: &[u8]) -> Result<(), Infallible> {
        let counter = &self.0;
        counter.fetch_add(message.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

/// Message with the three clouds of SENSR.
fn message(points: usize) -> Vec<u8> {
    let cloud = |r#type: CloudType| PointCloud {
        r#type: r#type.into(),
        id: "algo#lidar".into(),
        points: vec![1; 12 * points].into(),
        intensities: vec![2; 4 * points].into(),
    };
    let types = [CloudType::Raw, CloudType::Ground, CloudType::Background];
    let result = proto::PointResult {
        points: types.map(cloud).into(),
        uid: "uid".into(),
    };
    result.encode_to_vec()
}

/// Binary message in frames of at most `fragment` bytes.
fn frames(payload: &[u8], fragment: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = payload.len().div_ceil(fragment);
    for (index, part) in payload.chunks(fragment).enumerate() {
        let opcode = if index == 0 { 2 } else { 0 };
        let is_final = if index + 1 == count { 0x80 } else { 0 };
        bytes.extend([opcode | is_final, 127]);
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

fn minor_faults() -> u64 {
    let stat = Process::myself().and_then(|process| process.stat());
    stat.expect("readable").minflt
}

/// Messages to read, and how.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Points of each cloud.
    points: usize,
    /// Most bytes of a frame.
    fragment: usize,
    /// Most bytes that come at a time.
    piece: usize,
    /// Publish RAW clouds on the topic of their sensor as well.
    is_split: bool,
}

/// Reads and publishes messages, and returns the allocations and page faults of the second half. `None` if a busy machine
/// made a publish so slow that the clouds after it were handed over, which nothing here takes.
fn try_measure(case: Case) -> Option<(usize, u64)> {
    const WARM_UP: usize = 10;
    const MEASURED: usize = 50;
    let Case {
        points,
        fragment,
        piece,
        is_split,
    } = case;
    let mut server = Server {
        bytes: frames(&message(points), fragment),
        sent: 0,
        piece,
    };
    let metrics: Arc<Metrics> = Arc::default();
    let queue = Arc::new(CloudQueue::new(MAX_MESSAGE_BYTES));
    let config = ResolvedConfig::default().with_changes(|config| {
        // A preview of each frame.
        config.preview_interval = Duration::ZERO;
        config.split_raw_by_sensor = is_split;
    });
    let (_sender, config) = watch::channel(Arc::new(config));
    let published = Arc::default();
    let worker = PointsPublishWorker::new(
        Arc::clone(&metrics),
        queue,
        config.clone(),
        Counter(Arc::clone(&published)),
    );
    let (outlet, _thread) = CloudOutlet::new(worker);
    let mut ingest = PointsIngest::new(Arc::clone(&metrics), outlet, config);
    let mut reader = MessageReader::new(&[], MAX_MESSAGE_BYTES);
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = |count: usize| {
        for _ in 0..count {
            let payload = loop {
                match reader.next_incoming().expect("valid") {
                    Some(Incoming::Binary(payload)) => break payload,
                    Some(other) => panic!("{other:?}"),
                    None => assert!(reader.poll_read(&mut server, &mut cx).is_ready()),
                }
            };
            ingest.handle_frame(payload, Arrival::now());
        }
    };
    read(WARM_UP);
    let faults = minor_faults();
    let region = Region::new(ALLOCATOR);
    read(MEASURED);
    let change = region.change();
    let faults = minor_faults() - faults;
    let accounts = metrics.ledger.snapshot();
    let sensor = is_split.then_some(SensorSlot::ALL[0].into());
    let topics = Topic::CLOUDS.into_iter().chain([Topic::Preview]);
    for topic in topics.map(AnyTopic::from).chain(sensor) {
        let account = accounts[topic.index()];
        assert!(account.balances());
        if account.queued > 0 {
            return None;
        }
        assert_eq!(account.published, (WARM_UP + MEASURED) as u64, "{topic:?}");
    }
    assert!(published.load(std::sync::atomic::Ordering::Relaxed) > 0);
    Some((change.allocations + change.reallocations, faults))
}

/// Measures until no cloud is handed over.
fn measure(case: Case) -> (usize, u64) {
    let attempts = std::iter::repeat_with(|| try_measure(case));
    let mut measured = attempts.take(50).flatten();
    measured.next().expect("one quick run in fifty")
}

/// One test, because the allocator counts all threads.
#[test]
fn clouds_are_read_and_published_without_allocations_and_page_faults() {
    for (points, fragment, piece, is_split) in [
        (43_000, usize::MAX, 6_000, false),
        (43_000, usize::MAX, 1 << 20, false),
        (43_000, usize::MAX, 1 << 20, true),
        (300, usize::MAX, 1 << 20, false),
        // As servers built on Boost.Beast fragment.
        (43_000, 4_096, 1 << 20, false),
    ] {
        let case = Case {
            points,
            fragment,
            piece,
            is_split,
        };
        let (allocations, faults) = measure(case);
        assert_eq!(allocations, 0, "allocations: {case:?}");
        // Reading the count itself may fault.
        assert!(faults < 10, "{faults} page faults: {case:?}");
    }
}
