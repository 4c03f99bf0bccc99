//! Data flow from received frames to serialized ROS messages: [`ingest`] on the threads that read, [`publish`] on the
//! threads that publish, and bounded [`queues`] between them.
//!
//! ```text
//! threads that read (do not wait)                       threads that publish (may wait for the middleware)
//! PointsIngest: decode, limit the rate, count ─► CloudQueue    ─► PointsPublisher (without the queue while it is quick)
//! OutputIngest: decode, limit the rate, count ─┬► ObjectQueue   ─► ObjectPublisher: objects, their points, markers
//!                                              └► ReliableQueue ─► ReliablePublisher: zones, events, health, status
//! ```
//!
//! Decoding and rate limits come before the queues. Both cost next to nothing, because points are views into the
//! frame; only a decoded frame tells which topics lose a message when the queue drops it; and a message that the rate
//! limit leaves out takes up no room in a queue. Objects are the exception: they are tens of thousands of embedded
//! messages, so they are queued as they came, and decoded by their publisher if they have subscribers.

pub mod frame_converter;
pub mod ingest;
mod memory_budget;
pub mod publish;
pub mod queue;
mod queued_clouds;
mod queued_output;
pub mod queues;
mod reliable_message;
pub mod split_detector;
mod stream_source;

pub use memory_budget::memory_bound;

use std::time::Duration;

/// Shortest time between two log lines of the same kind.
const LOG_PERIOD: Duration = Duration::from_secs(10);
