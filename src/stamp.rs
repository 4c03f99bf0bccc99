//! Points in time: when a frame arrived, on the two clocks that matter.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A time as ROS writes it (`builtin_interfaces/Time`): since the Unix epoch, on the system clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// Whole seconds.
    pub sec: i32,
    /// Nanoseconds of the second, below 1e9.
    pub nanosec: u32,
}

impl Stamp {
    /// The system clock now.
    #[must_use]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }
}

impl From<SystemTime> for Stamp {
    /// Times that `builtin_interfaces/Time` cannot hold (before 1970, after 2038) become the nearest
    /// one it can: a machine without a clock battery must still bridge.
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        match i32::try_from(since_epoch.as_secs()) {
            Ok(sec) => Self {
                sec,
                nanosec: since_epoch.subsec_nanos(),
            },
            Err(_) => Self {
                sec: i32::MAX,
                nanosec: 999_999_999,
            },
        }
    }
}

/// When a frame was complete.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// On the system clock, for stamps. May jump.
    pub stamp: Stamp,
    /// On the monotonic clock, for intervals and durations.
    pub instant: Instant,
}

impl Arrival {
    /// Both clocks now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            stamp: Stamp::now(),
            instant: Instant::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_seconds_and_the_rest() {
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        assert_eq!(
            Stamp::from(time),
            Stamp {
                sec: 1_700_000_000,
                nanosec: 123_456_789
            }
        );
    }

    #[test]
    fn times_ros_cannot_hold_are_clamped() {
        assert_eq!(
            Stamp::from(UNIX_EPOCH - Duration::from_secs(1)),
            Stamp::default()
        );
        let far = Stamp::from(UNIX_EPOCH + Duration::from_secs(1 << 40));
        assert_eq!(far.sec, i32::MAX);
        assert!(far.nanosec < 1_000_000_000);
    }
}
