//! Serialization of ROS messages (CDR), in one pass, into buffers that are reused.

pub mod cdr;
pub mod markers;
pub mod messages;
pub mod point_cloud;
