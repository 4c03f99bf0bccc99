//! The three queues between the threads that read and the threads that publish.

use std::sync::Arc;
use std::time::Instant;

use super::queue::ByteQueue;
use super::queued_clouds::QueuedClouds;
use super::queued_output::QueuedOutput;
use super::reliable_message::QueuedReliable;
use crate::metrics::ledger::{Ledger, Outcome};
use crate::topic::AnyTopic;

/// Bound of the queue of reliable messages: some hundred thousand events. It is no parameter, because a smaller bound
/// would serve no purpose.
const RELIABLE_QUEUE_BYTES: usize = 64 << 20;

/// Item of a queue, with entries in the ledger that are open until it is published or dropped.
pub trait Queued {
    /// Topics of the item's messages, each as often as it has messages for it.
    fn topics(&self) -> impl Iterator<Item = AnyTopic>;
}

/// Queue of the point stream. Drops the oldest clouds when full.
pub type CloudQueue = ByteQueue<QueuedClouds>;

/// Output of the ingest of clouds: the queue, or the outlet that publishes them without a detour.
pub trait CloudOutput {
    /// Takes an item that occupies `bytes`. Returns the items that were pushed out, oldest first.
    #[must_use = "dropped items are lost data and have to be counted"]
    fn put(&mut self, item: QueuedClouds, bytes: usize) -> Vec<QueuedClouds>;
}

impl CloudOutput for Arc<CloudQueue> {
    fn put(&mut self, item: QueuedClouds, bytes: usize) -> Vec<QueuedClouds> {
        self.push(item, bytes)
    }
}

/// Queue of objects and markers. Drops the oldest messages when full.
pub type ObjectQueue = ByteQueue<QueuedOutput>;
/// Queue of reliable messages. Nothing that happens to clouds and objects fills it.
pub type ReliableQueue = ByteQueue<QueuedReliable>;

/// All queues.
#[derive(Debug)]
pub struct Queues {
    /// Clouds.
    pub clouds: Arc<CloudQueue>,
    /// Objects and markers.
    pub objects: Arc<ObjectQueue>,
    /// Events, zones, health, and status.
    pub reliable: Arc<ReliableQueue>,
}

impl Queues {
    /// Creates empty queues. `max_bytes` bounds clouds and objects each.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            clouds: Arc::new(ByteQueue::new(max_bytes)),
            objects: Arc::new(ByteQueue::new(max_bytes)),
            reliable: Arc::new(ByteQueue::new(RELIABLE_QUEUE_BYTES)),
        }
    }

    /// Changes the bound of clouds and objects. Items that no longer fit are dropped and settled.
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

    /// Has the newest latched messages published again, because a recorder has opened a new split.
    pub fn repeat_latched(&self) {
        self.objects.interrupt();
        self.reliable.interrupt();
    }

    /// Closes all queues for new items.
    pub fn close(&self) {
        self.clouds.close();
        self.objects.close();
        self.reliable.close();
    }

    /// Waits until all queues are empty or `deadline` has passed. Remaining items are dropped and settled.
    pub fn drain_until(&self, deadline: Instant, ledger: &Ledger) {
        settle_as_dropped(ledger, self.reliable.drain_until(deadline));
        settle_as_dropped(ledger, self.clouds.drain_until(deadline));
        settle_as_dropped(ledger, self.objects.drain_until(deadline));
    }
}

/// Settles items that will never be published as dropped. Returns the number of their messages.
pub(in crate::pipeline) fn settle_as_dropped(ledger: &Ledger, items: Vec<impl Queued>) -> usize {
    let mut count = 0;
    for item in items {
        for topic in item.topics() {
            ledger.settle(topic, Outcome::Dropped);
            count += 1;
        }
    }
    count
}
