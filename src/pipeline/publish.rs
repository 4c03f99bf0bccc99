//! The publishers' half of the pipeline: takes messages from the queues, serializes what is subscribed and delivers it.
//! It may wait for the middleware.

mod clouds;
pub(in crate::pipeline) mod delivery;
mod marker_publishers;
mod objects;
mod reliable;
mod startup_hold;
mod worker;

pub use clouds::CloudOutflow;
pub use delivery::{HandOver, Sink, Stream};
pub use objects::ObjectOutflow;
pub use reliable::NoticeOutflow;
pub use worker::{Outflow, Work};
