//! Conversions to ROS types.

use std::time::Duration;

use r2r::builtin_interfaces::msg as builtin;

use crate::time::stamp::Stamp;

/// Converts a stamp.
pub(super) fn to_time(stamp: Stamp) -> builtin::Time {
    builtin::Time {
        sec: stamp.sec,
        nanosec: stamp.nanosec,
    }
}

/// Converts a time of ROS.
pub(super) fn from_time(time: &builtin::Time) -> Stamp {
    Stamp {
        sec: time.sec,
        nanosec: time.nanosec,
    }
}

/// Converts a duration. Longer ones than ROS can represent become the longest.
pub(super) fn to_duration(duration: Duration) -> builtin::Duration {
    builtin::Duration {
        sec: i32::try_from(duration.as_secs()).unwrap_or(i32::MAX),
        nanosec: duration.subsec_nanos(),
    }
}

/// Converts a duration of ROS. A negative one becomes zero.
pub(super) fn to_std(duration: &builtin::Duration) -> Duration {
    let secs = u64::try_from(duration.sec);
    secs.map_or(Duration::ZERO, |secs| {
        Duration::from_secs(secs) + Duration::from_nanos(duration.nanosec.into())
    })
}

/// Converts a text for r2r and rcutils, which pass it on as a C string. r2r panics on a NUL inside, which names and
/// reasons from a server may have.
pub(super) fn to_c_text(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\\0")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_survive_the_way_there_and_back() {
        let duration = Duration::new(3, 999_999_999);
        assert_eq!(to_std(&to_duration(duration)), duration);
        let negative = builtin::Duration {
            sec: -1,
            nanosec: 5,
        };
        assert_eq!(to_std(&negative), Duration::ZERO);
    }

    #[test]
    fn a_nul_in_a_text_is_escaped() {
        assert_eq!(to_c_text("a\0b".to_owned()), "a\\0b");
        assert_eq!(to_c_text("ab".to_owned()), "ab");
    }
}
