//! Points in time: when a frame arrived, on the two clocks that matter.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Time since the Unix epoch on the system clock, as in `builtin_interfaces/Time`.
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

    /// Nanoseconds since the Unix epoch. Times that `builtin_interfaces/Time` cannot hold (before 1970,
    /// after 2038) become the nearest one it can.
    #[must_use]
    pub fn from_ns(ns: i64) -> Self {
        let ns = u64::try_from(ns).unwrap_or(0);
        Self::from(UNIX_EPOCH + Duration::from_nanos(ns))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn as_ns(self) -> i64 {
        i64::from(self.sec) * NS_PER_SEC + i64::from(self.nanosec)
    }

    /// The time that another clock shows, which is behind by `offset_ns` nanoseconds.
    #[must_use]
    pub fn moved_back(self, offset_ns: i64) -> Self {
        Self::from_ns(self.as_ns().saturating_sub(offset_ns))
    }

    /// Formats the time as RFC 3339 in UTC, in whole seconds: `2024-02-29T23:59:59Z`.
    #[must_use]
    pub fn utc(self) -> String {
        // Every time that fits into 32 bits has a date with a year of four digits.
        OffsetDateTime::from_unix_timestamp(i64::from(self.sec))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .format(&Rfc3339)
            .unwrap_or_default()
    }

    /// A time as SENSR writes it. None if it is none: a clock that was never set is somewhere before 2000 (an
    /// empty time is 1970), nanoseconds are below 1e9, and ROS cannot hold what is after 2038.
    #[must_use]
    pub fn from_wire(time: prost_types::Timestamp) -> Option<Self> {
        let nanosec = u32::try_from(time.nanos)
            .ok()
            .filter(|&ns| ns < 1_000_000_000)?;
        let sec = i32::try_from(time.seconds)
            .ok()
            .filter(|&sec| sec >= YEAR_2000)?;
        Some(Self { sec, nanosec })
    }
}

const NS_PER_SEC: i64 = 1_000_000_000;

/// Its beginning in UTC, in seconds since the Unix epoch.
const YEAR_2000: i32 = 946_684_800;

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
    fn dates_are_right_in_leap_years_too() {
        let at = |sec| Stamp { sec, nanosec: 0 }.utc();
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(at(1_709_251_200), "2024-03-01T00:00:00Z");
        assert_eq!(at(i32::MAX), "2038-01-19T03:14:07Z");
    }

    #[test]
    fn nanoseconds_there_and_back() {
        let stamp = Stamp {
            sec: 1_700_000_000,
            nanosec: 123_456_789,
        };
        assert_eq!(Stamp::from_ns(stamp.as_ns()), stamp);
        assert_eq!(Stamp::from_ns(-5), Stamp::default());
    }

    #[test]
    fn times_of_sensr_are_taken_as_they_are_or_not_at_all() {
        let taken = |seconds, nanos| Stamp::from_wire(prost_types::Timestamp { seconds, nanos });
        let sec = YEAR_2000;
        let begin = i64::from(sec);
        assert_eq!(taken(begin, 7), Some(Stamp { sec, nanosec: 7 }));
        let none = [
            (0, 0),
            (5, 7),
            (begin - 1, 999_999_999),
            (-1, 0),
            (1 << 31, 0),
            (begin, -1),
            (begin, 1_000_000_000),
            (i64::MAX, i32::MAX),
        ];
        for (seconds, nanos) in none {
            assert_eq!(taken(seconds, nanos), None);
        }
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
