//! Publishing of queued messages, on the threads that publish: takes them from the queues, serializes those that have
//! subscribers, and delivers them to the middleware. It may wait for the middleware.

mod clouds;
pub(in crate::pipeline) mod delivery;
mod markers;
mod objects;
mod reliable;
mod startup_hold;
mod worker;

pub use clouds::PointsPublishWorker;
pub use delivery::{Delivery, Sink};
pub use objects::ObjectPublishWorker;
pub use reliable::ReliablePublishWorker;
pub use worker::{PublishWorker, StreamPublisher};
