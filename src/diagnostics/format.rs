//! Durations formatted for people.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Formats a duration with its one or two largest units: `12 s`, `3 d 4 h`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / MINUTE),
        7200..172_800 => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// Formats the absolute value of a time difference in nanoseconds.
pub(super) fn format_abs_ns(ns: i64) -> String {
    format_duration(Duration::from_nanos(ns.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        let cases = [
            (0.012, "12 ms"),
            (3.25, "3.2 s"),
            (12.9, "12 s"),
            (150.0, "2 min"),
            (7260.0, "2 h 1 min"),
            (273_600.0, "3 d 4 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(format_duration(Duration::from_secs_f64(seconds)), expected);
        }
        assert_eq!(format_abs_ns(-12_000_000_000), "12 s");
    }
}
