//! Parts that need ROS.

pub(crate) mod floor;
pub(crate) mod sink;
