/// Position and motion at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    pub x: f64,
    pub y: f64,
    /// Radians about +z, from +x.
    pub yaw: f64,
    /// m/s.
    pub velocity: (f64, f64),
    /// rad/s.
    pub yaw_rate: f64,
    /// Number of completed laps.
    pub lap: u64,
}
