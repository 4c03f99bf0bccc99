//! From a message off the wire to a serialized cloud: the reader's half and the publisher's half, with
//! the queue between them.
//!
//! ```text
//! reader (must never wait)                          publisher (may wait)
//! Intake: decode, check, thin, enter in the ledger ─► ByteQueue ─► Outflow: serialize, hand over, settle
//! ```
//!
//! Decoding and thinning come before the queue: both cost next to nothing (the clouds are views into the
//! message), only then is it known which topic a dropped message belonged to, and what is thinned never
//! takes up room in the queue.

mod intake;
mod outflow;

pub use intake::Intake;
pub use outflow::{CloudSink, Outflow, settle_as_dropped};

use crate::cloud::Cloud;
use crate::queue::ByteQueue;
use crate::stamp::Arrival;
use crate::topic::CloudTopic;

/// The clouds of one message that are due, and when it arrived.
#[derive(Debug)]
pub struct QueuedMessage {
    arrival: Arrival,
    clouds: Vec<(CloudTopic, Cloud)>,
}

impl QueuedMessage {
    /// What a message of `length` bytes takes up while it waits: its clouds keep all of it alive.
    fn cost(&self, length: usize) -> usize {
        length + size_of::<Self>() + self.clouds.capacity() * size_of::<(CloudTopic, Cloud)>()
    }
}

/// The queue between the halves.
pub type CloudQueue = ByteQueue<QueuedMessage>;
