//! Figures in few characters.

use std::time::Duration;

pub(super) use crate::diagnostics::format_duration as duration;

/// Formats bytes: `812 B`, `4.1 kB`, `38.2 MB`, `1.25 TB`.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes.max(0.0);
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value:.0} B")
    } else {
        format!("{} {}", three_digits(value), UNITS[unit])
    }
}

/// Formats bytes of a counter.
#[expect(clippy::cast_precision_loss, reason = "only for display")]
pub(super) fn byte_count(count: u64) -> String {
    bytes(count as f64)
}

/// Formats a number per second: `0`, `0.25`, `20.0`, `143`, `12.3k`.
pub(super) fn rate(rate: f64) -> String {
    if rate <= 0.0 {
        "0".to_owned()
    } else if rate < 999.5 {
        three_digits(rate)
    } else if rate < 999_500.0 {
        format!("{}k", three_digits(rate / 1e3))
    } else {
        format!("{}M", three_digits(rate / 1e6))
    }
}

/// Formats a count in at most five characters: `99999`, `1.23M`.
#[expect(clippy::cast_precision_loss, reason = "only for display")]
pub(super) fn short_count(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        100_000..1_000_000 => format!("{}k", count / 1000),
        1_000_000..1_000_000_000 => format!("{}M", three_digits(count as f64 / 1e6)),
        1_000_000_000..1_000_000_000_000 => format!("{}G", three_digits(count as f64 / 1e9)),
        _ => format!("{}T", three_digits(count as f64 / 1e12)),
    }
}

/// Formats a fraction in percent. Anything above zero is at least 1 %.
pub(super) fn percent(fraction: f64) -> String {
    if fraction <= 0.0 {
        "0 %".to_owned()
    } else {
        format!("{:.0} %", (fraction * 100.0).max(1.0))
    }
}

/// Formats a difference of clocks: `+12.3 ms`, `-4.00 s`, `+3 h 0 min`.
pub(super) fn offset_ns(ns: i64) -> String {
    let sign = if ns < 0 { '-' } else { '+' };
    format!("{sign}{}", span_ns(ns.unsigned_abs()))
}

/// Formats a time difference without sign.
#[expect(clippy::cast_precision_loss, reason = "only for display")]
pub(super) fn span_ns(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        1_000_000..999_500_000 => format!("{} ms", three_digits(ns as f64 / 1e6)),
        999_500_000..120_000_000_000 => format!("{} s", three_digits(ns as f64 / 1e9)),
        _ => duration(Duration::from_nanos(ns)),
    }
}

/// Formats the time of a stage in milliseconds, without the unit.
#[expect(clippy::cast_precision_loss, reason = "only for display")]
pub(super) fn stage_ms(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    if ms < 10.0 {
        format!("{ms:.2}")
    } else if ms < 100.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(bytes(812.0), "812 B");
        assert_eq!(bytes(38_210_000.0), "38.2 MB");
        assert_eq!(bytes(999_600_000.0), "1.00 GB");
        assert_eq!(byte_count(u64::MAX), "18447 PB");
        assert_eq!(rate(0.0), "0");
        assert_eq!(rate(20.0), "20.0");
        assert_eq!(rate(12_345.0), "12.3k");
        assert_eq!(percent(0.0001), "1 %");
        assert_eq!(percent(1.0), "100 %");
    }

    #[test]
    fn counts_fit_into_five_characters() {
        let counts = [99_999, 100_000, 999_999, 1_234_567, 99_950_000, 999_999_999];
        let short = counts.map(short_count);
        assert_eq!(short, ["99999", "100k", "999k", "1.23M", "100M", "1000M"]);
        assert!(short.iter().all(|text| text.len() <= 5));
    }

    #[test]
    fn differences_of_clocks_have_a_sign_and_a_fitting_unit() {
        assert_eq!(offset_ns(12_300_000), "+12.3 ms");
        assert_eq!(offset_ns(-4_000_000_000), "-4.00 s");
        assert_eq!(offset_ns(10_800_000_000_000), "+3 h 0 min");
        assert_eq!(offset_ns(0), "+0.00 ms");
        assert_eq!(stage_ms(1_234_567), "1.23");
        assert_eq!(stage_ms(123_456_789), "123");
    }
}
