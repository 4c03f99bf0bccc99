//! The SENSR side: the wire format and the link to the server. Knows nothing of ROS.

pub mod backoff;
pub mod client;
pub mod link;
pub mod wire;
