//! Messages of ROS that are part of most others.

/// A `builtin_interfaces/Time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Whole seconds.
    pub sec: i32,
    /// Nanoseconds of the second, below 1e9.
    pub nanosec: u32,
}

/// A `std_msgs/Header`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Time of the data.
    pub stamp: Time,
    /// Coordinate frame of the data.
    pub frame_id: &'a str,
}
