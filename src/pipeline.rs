//! From a message off the wire to serialized ROS messages: the readers' halves and the publishers' halves,
//! with queues between them.
//!
//! ```text
//! readers (must never wait)                                publishers (may wait)
//! PointsIngest:  decode, thin, enter in the ledger ─► CloudQueue  ─► PointsPublishWorker
//! OutputIngest: decode, thin, enter in the ledger ─┬► ObjectQueue ─► ObjectPublishWorker: objects, their points, pictures
//!                                                  └► ReliableQueue ─► ReliablePublishWorker: zones, events, health, status
//! ```
//!
//! Decoding and thinning come before the queues: both cost next to nothing (points are views into the
//! message), only then is it known which topic a dropped message belonged to, and what is thinned never
//! takes up room in a queue.

pub mod ingest;
mod memory_budget;
mod object_message;
pub mod publish;
pub mod queue;
mod reliable_message;
mod source;

pub use memory_budget::memory_bound;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::status::LinkStatus;
use crate::encode::point_cloud::Cloud;
use crate::metrics::ledger::{Ledger, Outcome};
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::Topic;
use ingest::wire_tap::WireFrame;
use object_message::QueuedOutput;
use queue::ByteQueue;
use reliable_message::QueuedReliable;
use sensr_protocol::invalid_texts::InvalidTexts;
use source::Source;

/// At most one log line of each kind in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// What may wait of events, zones, health and status: some hundred thousand events. Not a parameter: nobody
/// wants to lose them for less.
const RELIABLE_QUEUE_BYTES: usize = 64 << 20;

/// What waits in a queue and has entries in the ledger to settle.
pub trait Queued {
    /// The topics it is for, each as often as it has messages for it.
    fn topics(&self) -> impl Iterator<Item = Topic>;
}

/// The clouds of one message that are due, and when it arrived.
#[derive(Debug)]
pub struct QueuedClouds {
    source: Source,
    arrival: Arrival,
    stamp: Stamp,
    wire: Option<WireFrame>,
    clouds: Vec<(Topic, Cloud)>,
}

impl QueuedClouds {
    /// What a message of `length` bytes takes up while it waits: its clouds keep all of it alive.
    fn cost(&self, length: usize) -> usize {
        length + size_of::<Self>() + self.clouds.capacity() * size_of::<(Topic, Cloud)>()
    }
}

impl Queued for QueuedClouds {
    fn topics(&self) -> impl Iterator<Item = Topic> {
        let wire = self.wire.iter().map(|_| Topic::Wire);
        wire.chain(self.clouds.iter().map(|(topic, _)| *topic))
    }
}

/// Between the halves of the point stream.
pub type CloudQueue = ByteQueue<QueuedClouds>;
/// What may be dropped of the output stream.
pub type ObjectQueue = ByteQueue<QueuedOutput>;
/// What may not.
pub type ReliableQueue = ByteQueue<QueuedReliable>;

/// All queues.
#[derive(Debug)]
pub struct Queues {
    /// Clouds.
    pub clouds: Arc<CloudQueue>,
    /// Objects.
    pub objects: Arc<ObjectQueue>,
    /// Events, zones, health, status.
    pub reliable: Arc<ReliableQueue>,
}

impl Queues {
    /// Empty queues. `max_bytes` bounds clouds and objects each.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            clouds: Arc::new(ByteQueue::new(max_bytes)),
            objects: Arc::new(ByteQueue::new(max_bytes)),
            reliable: Arc::new(ByteQueue::new(RELIABLE_QUEUE_BYTES)),
        }
    }

    /// Changes the bound of clouds and objects. What no longer fits is dropped and settled.
    pub fn set_max_bytes(&self, max_bytes: usize, ledger: &Ledger) {
        settle_as_dropped(ledger, self.clouds.set_max_bytes(max_bytes));
        settle_as_dropped(ledger, self.objects.set_max_bytes(max_bytes));
    }

    /// Items taken out so far and items that wait, of clouds, objects, and reliable messages.
    #[must_use]
    pub fn progress(&self) -> [(u64, usize); 3] {
        [
            (self.clouds.taken(), self.clouds.fill().items),
            (self.objects.taken(), self.objects.fill().items),
            (self.reliable.taken(), self.reliable.fill().items),
        ]
    }

    /// From now on nothing is taken in.
    pub fn close(&self) {
        self.clouds.close();
        self.objects.close();
        self.reliable.close();
    }

    /// Waits until everything has been taken out or `deadline` has come. What is left is dropped and settled.
    pub fn drain_until(&self, deadline: Instant, ledger: &Ledger) {
        settle_as_dropped(ledger, self.reliable.drain_until(deadline));
        settle_as_dropped(ledger, self.clouds.drain_until(deadline));
        settle_as_dropped(ledger, self.objects.drain_until(deadline));
    }
}

/// Enters messages that will never be published. Returns how many they are.
fn settle_as_dropped(ledger: &Ledger, gone: Vec<impl Queued>) -> usize {
    let mut count = 0;
    for item in gone {
        for topic in item.topics() {
            ledger.settle(topic, Outcome::Dropped);
            count += 1;
        }
    }
    count
}

/// Counts texts that are not UTF-8, and says which.
fn count_invalid_texts(link: &LinkStatus, texts: &InvalidTexts, throttle: &mut LogThrottle) {
    if texts.count() > 0 {
        link.update(|figures| figures.invalid_texts += texts.count());
        warn_throttled(throttle, || texts.to_string());
    }
}

/// Warns, unless it did so a moment ago.
fn warn_throttled(throttle: &mut LogThrottle, line: impl FnOnce() -> String) {
    if let Some(suppressed) = throttle.try_acquire(Instant::now()) {
        log::warn!("{}{suppressed}", line());
    }
}
