//! The SENSR side: the wire format and the links to the server. Knows nothing of ROS.

pub mod backoff;
pub mod client;
pub mod custom;
pub mod link;
pub mod output;
pub mod part;
mod shape;
pub mod wire;
