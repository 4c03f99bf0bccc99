//! The publishers' half of the pipeline: takes messages from the queues, serializes what is subscribed and delivers it.
//! It may wait for the middleware.

mod clouds;
pub(in crate::pipeline) mod delivery;
mod marker_publishers;
mod objects;
mod reliable;
mod startup_hold;
mod worker;

pub use clouds::PointsPublishWorker;
pub use delivery::{Delivery, Sink, Stream};
pub use objects::ObjectPublishWorker;
pub use reliable::ReliablePublishWorker;
pub use worker::{PublishWorker, StreamPublisher};
