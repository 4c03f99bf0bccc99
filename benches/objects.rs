//! Benchmark of objects from the received frame to the serialized messages, for several sets of subscribers.
//!
//! `cargo bench --no-default-features --bench objects`. The results are shares of a core at 10 Hz, without
//! the middleware.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message as _;
use sensr_bridge::config::ResolvedConfig;
use sensr_bridge::connection::reconnect::FrameHandler as _;
use sensr_bridge::metrics::Metrics;
use sensr_bridge::pipeline::ingest::OutputIngest;
use sensr_bridge::pipeline::publish::{ObjectPublishWorker, Sink};
use sensr_bridge::pipeline::queues::Queues;
use sensr_bridge::time::stamp::Arrival;
use sensr_bridge::topic::{AnyTopic, Topic};
use sensr_protocol::wire::proto::{
    BoundingBox, History, Object, OutputMessage, Prediction, StreamMessage, Vector3, history,
};
use tokio::sync::watch;

const OBJECTS: u32 = 500;
const POINTS_EACH: usize = 200;
const RATE_HZ: f64 = 10.0;
const ROUNDS: usize = 15;
/// Messages per measurement, enough that growth of the buffers by the first one does not matter.
const BATCH: u32 = 50;

/// Builds a frame of a busy site: every object has points, three seconds of history and two of prediction.
fn encode_frame() -> Bytes {
    let position = |i: u32| {
        let i = f32::from_bits(0x3f80_0000 + i);
        Vector3 {
            x: i,
            y: -i,
            z: i / 2.0,
        }
    };
    let state = |i| history::State {
        position: Some(position(i)),
        timestamp: Some(prost_types::Timestamp::default()),
    };
    let object = |i: u32| Object {
        id: i.cast_signed(),
        label: 1,
        confidence: 0.9,
        bbox: Some(BoundingBox {
            position: Some(position(i)),
            size: Some(position(i)),
            yaw: 0.5,
        }),
        velocity: Some(position(i)),
        points: vec![1; POINTS_EACH * 12].into(),
        intensities: vec![1; POINTS_EACH * 4].into(),
        history: Some(History {
            states: (0..30).map(state).collect(),
        }),
        prediction: Some(Prediction {
            positions: (0..20).map(position).collect(),
            reachable_set: Vec::new(),
        }),
        ..Object::default()
    };
    let message = OutputMessage {
        stream: Some(StreamMessage {
            objects: (0..OBJECTS).map(object).collect(),
            has_objects: true,
            ..StreamMessage::default()
        }),
        ..OutputMessage::default()
    };
    message.encode_to_vec().into()
}

/// Topics that have a subscriber, in order of the work that they cause.
const SUBSCRIBED: [(&str, &[Topic]); 7] = [
    ("nothing", &[]),
    ("objects", &[Topic::Objects]),
    ("detections", &[Topic::Detections]),
    ("tracked", &[Topic::Tracked]),
    ("their points", &[Topic::ObjectPoints]),
    ("markers", &[Topic::ObjectMarkers]),
    (
        "all",
        &[Topic::Objects, Topic::ObjectPoints, Topic::ObjectMarkers],
    ),
];

/// Sink that counts the bytes of the messages instead of publishing them.
struct CountingSink {
    subscribed: &'static [Topic],
    bytes: Arc<std::sync::atomic::AtomicUsize>,
}

impl Sink for CountingSink {
    type Error = std::convert::Infallible;

    fn subscribers(&self, topic: AnyTopic) -> usize {
        usize::from(
            self.subscribed
                .iter()
                .any(|subscribed| topic == *subscribed),
        )
    }

    fn publish(&mut self, _: AnyTopic, message: &[u8]) -> Result<(), Self::Error> {
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        self.bytes.fetch_add(black_box(message).len(), relaxed);
        Ok(())
    }
}

/// Returns the processing time and the serialized bytes per message.
fn run_batch(frame: &Bytes, subscribed: &'static [Topic]) -> (Duration, usize) {
    let stats: Arc<Metrics> = Arc::default();
    let queues = Queues::new(1 << 30);
    let (_sender, config) = watch::channel(Arc::new(ResolvedConfig::default()));
    let bytes = Arc::default();
    let sink = CountingSink {
        subscribed,
        bytes: Arc::clone(&bytes),
    };
    let mut ingest = OutputIngest::new(
        Arc::clone(&stats),
        Arc::clone(&queues.objects),
        Arc::clone(&queues.reliable),
        config.clone(),
    );
    let worker = ObjectPublishWorker::new(stats, Arc::clone(&queues.objects), config, sink);
    let start = Instant::now();
    for _ in 0..BATCH {
        ingest.handle_frame(frame.clone(), Arrival::now());
    }
    queues.close();
    worker.run().expect("the sink never fails");
    let bytes = bytes.load(std::sync::atomic::Ordering::Relaxed);
    (start.elapsed() / BATCH, bytes / BATCH as usize)
}

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| measure()).collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn main() {
    let frame = encode_frame();
    for (name, subscribed) in SUBSCRIBED {
        let (_, bytes) = run_batch(&frame, subscribed);
        let working = median(|| run_batch(&frame, subscribed).0);
        #[expect(clippy::print_stdout, reason = "this is what a bench is for")]
        {
            println!(
                "{OBJECTS} objects of {POINTS_EACH} points, subscribed: {name}: {working:.2?} a message of {bytes} \
                 bytes, {:.2} % of a core at {RATE_HZ} Hz",
                working.as_secs_f64() * RATE_HZ * 100.0,
            );
        }
    }
}
