//! Serialization of ROS messages (CDR), in one pass, into reused buffers.

pub mod markers;
pub mod messages;
pub mod point_cloud;

use crate::time::stamp::Stamp;

impl From<Stamp> for ros_cdr::Time {
    fn from(Stamp { sec, nanosec }: Stamp) -> Self {
        Self { sec, nanosec }
    }
}
