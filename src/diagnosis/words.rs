//! Figures as people read them.

use std::time::Duration;

use crate::stamp::Stamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// As exact as anybody wants to know it: `12 s`, `3 d 4 h`.
pub(super) fn span(duration: Duration) -> String {
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

/// The same for a difference, without its sign.
pub(super) fn span_ns(ns: i64) -> String {
    span(Duration::from_nanos(ns.unsigned_abs()))
}

/// A time as ISO 8601 writes it.
pub(super) fn utc(stamp: Stamp) -> String {
    let seconds = u64::try_from(stamp.sec).unwrap_or(0);
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute) = (seconds % DAY / HOUR, seconds % HOUR / MINUTE);
    let second = seconds % MINUTE;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day since 1970-01-01. Years are counted from 1 March, so that a leap day is the
/// last of its year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days_since_epoch: u64) -> (u64, u64, u64) {
    let days = days_since_epoch + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = if months_since_march < 10 {
        months_since_march + 3
    } else {
        months_since_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let cases = [
            (0.012, "12 ms"),
            (3.25, "3.2 s"),
            (12.9, "12 s"),
            (150.0, "2 min"),
            (7260.0, "2 h 1 min"),
            (273_600.0, "3 d 4 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs_f64(seconds)), expected);
        }
        assert_eq!(span_ns(-12_000_000_000), "12 s");
    }

    #[test]
    fn dates_are_right_in_leap_years_too() {
        let at = |sec| utc(Stamp { sec, nanosec: 0 });
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(at(1_709_251_200), "2024-03-01T00:00:00Z");
        assert_eq!(at(i32::MAX), "2038-01-19T03:14:07Z");
    }
}
