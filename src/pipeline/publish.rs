//! Publishing of queued messages, on the threads that publish: takes them from the queues, serializes those that have
//! subscribers, and delivers them to the middleware. It may wait for the middleware. Clouds that need not wait are
//! published without a detour by the thread that reads them.

mod cloud_outlet;
pub(in crate::pipeline) mod delivery;
mod marker_publishers;
mod object_decoder;
mod object_publisher;
mod points_publisher;
mod publish_worker;
mod reliable_publisher;
mod startup_hold;

pub use cloud_outlet::{CloudOutlet, CloudThread};
pub use delivery::{Delivery, Sink};
pub use object_publisher::ObjectPublishWorker;
pub use points_publisher::PointsPublishWorker;
pub use publish_worker::{PublishWorker, StreamPublisher};
pub use reliable_publisher::ReliablePublishWorker;
