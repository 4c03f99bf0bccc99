//! Small things as ROS has them.

use std::time::Duration;

use r2r::builtin_interfaces::msg as builtin;

use crate::time::stamp::Stamp;

pub(super) fn time(stamp: Stamp) -> builtin::Time {
    builtin::Time {
        sec: stamp.sec,
        nanosec: stamp.nanosec,
    }
}

pub(super) fn duration(duration: Duration) -> builtin::Duration {
    builtin::Duration {
        sec: i32::try_from(duration.as_secs()).unwrap_or(i32::MAX),
        nanosec: duration.subsec_nanos(),
    }
}

/// A string that r2r and rcutils can take: both hand it over as a C string, and r2r panics on a zero inside,
/// which names and reasons that a server sent may have.
pub(super) fn text(text: String) -> String {
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
    fn a_zero_in_a_text_is_shown() {
        assert_eq!(text("a\0b".to_owned()), "a\\0b");
        assert_eq!(text("ab".to_owned()), "ab");
    }
}
