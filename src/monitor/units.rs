//! Durations and sizes as people write and read them.

use std::time::Duration;

/// Units of time and their seconds.
const TIME_UNITS: [(&str, f64); 6] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("min", 60.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];
/// Units of size, in lower case, and their bytes.
const SIZE_UNITS: [(&str, f64); 13] = [
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("t", 1e12),
];
/// Longest duration that is accepted, seconds: ten years.
const MAX_SECONDS: f64 = 10.0 * 366.0 * 86_400.0;
/// Largest size that is accepted, bytes: numbers above are not exact.
const MAX_BYTES: f64 = 9e15;

/// Parses a duration: `90` and `90s` are seconds, `500ms`, `10m`, `2h`, `1.5d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_number(text).ok_or_else(|| duration_error(text))?;
    let factor = match unit {
        "" => 1.0,
        unit => factor_of(&TIME_UNITS, unit).ok_or_else(|| duration_error(text))?,
    };
    let seconds = number * factor;
    if seconds > 0.0 && seconds <= MAX_SECONDS {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(duration_error(text))
    }
}

/// Parses a size: `10GB`, `2GiB`, `500 MB`, or a number of bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let error = || format!("{text:?} is not a size above 0 such as 10GB, 2GiB or 500MB");
    let (number, unit) = split_number(text).ok_or_else(error)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => 1.0,
        unit => factor_of(&SIZE_UNITS, unit).ok_or_else(error)?,
    };
    let bytes = number * factor;
    if (1.0..=MAX_BYTES).contains(&bytes) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range of u64"
        )]
        Ok(bytes as u64)
    } else {
        Err(error())
    }
}

fn duration_error(text: &str) -> String {
    format!("{text:?} is not a duration above 0 such as 90, 90s, 10m, 2h or 1d")
}

/// Splits a number from the unit behind it.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

fn factor_of(units: &[(&str, f64)], unit: &str) -> Option<f64> {
    let found = units.iter().find(|(name, _)| *name == unit);
    found.map(|(_, factor)| *factor)
}

/// Formats a size or a rate in bytes with three digits: `999 B`, `1.23 MB`, `45.6 GB`. Not a number is a dash.
#[must_use]
pub fn format_bytes(bytes: f64) -> String {
    if !bytes.is_finite() {
        return "-".to_owned();
    }
    let mut value = bytes;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    // What would be shown as 1000 has the next unit.
    while value.abs() >= 999.5
        && let Some(next) = units.next()
    {
        value /= 1000.0;
        unit = next;
    }
    let decimals = match value.abs() {
        _ if unit == "B" => 0,
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// Formats a number of bytes, as [`format_bytes`] does.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    format_bytes(bytes as f64)
}

/// Formats a number of messages per second: `0`, `9.87`, `123.4`, `12345`.
#[must_use]
pub fn format_rate(per_second: f64) -> String {
    let decimals = match per_second.abs() {
        rate if !(0.005..999.95).contains(&rate) => 0,
        rate if rate < 9.995 => 2,
        _ => 1,
    };
    // Without the sign of a negative zero.
    format!("{:.decimals$}", per_second + 0.0)
}

/// Formats a number of nanoseconds in milliseconds: `0.12 ms`, `12.3 ms`, `1234 ms`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn format_ns(ns: i64) -> String {
    let ms = ns as f64 / 1e6;
    let decimals = match ms.abs() {
        ms if ms < 9.995 => 2,
        ms if ms < 99.95 => 1,
        _ => 0,
    };
    format!("{ms:.decimals$} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_usual_units() {
        let cases = [
            ("90", 90.0),
            ("90s", 90.0),
            ("0.5", 0.5),
            ("500ms", 0.5),
            ("10m", 600.0),
            ("10 min", 600.0),
            ("2h", 7200.0),
            ("1.5d", 129_600.0),
        ];
        for (text, seconds) in cases {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "0",
            "-1",
            "5 parsecs",
            "s",
            "1e9d",
            "nan",
            "1.2.3",
            "99999d",
        ] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains("10m"), "{error}");
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        let cases = [
            ("10GB", 10_000_000_000),
            ("2GiB", 2 << 30),
            ("1.5 mb", 1_500_000),
            ("10G", 10_000_000_000),
            ("4096", 4096),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0.1", "-1GB", "10 apples", "1e30", "100000TB"] {
            let error = parse_bytes(text).expect_err(text);
            assert!(error.contains("10GB"), "{error}");
        }
    }

    #[test]
    fn figures_are_shown_with_three_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (999_600, "1.00 MB"),
            (12_345_678, "12.3 MB"),
            (345_678_901, "346 MB"),
            (u64::MAX, "18447 PB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(format_size(bytes), expected);
        }
        assert_eq!(format_bytes(f64::NAN), "-");
        assert_eq!(format_bytes(-1500.0), "-1.50 kB");
        let rates = [0.0, -0.0, 9.987, 10.0, 123.44, 12_345.0].map(format_rate);
        assert_eq!(rates, ["0", "0", "9.99", "10.0", "123.4", "12345"]);
        let times = [0, 120_000, -12_340_000, 1_234_000_000].map(format_ns);
        assert_eq!(times, ["0.00 ms", "0.12 ms", "-12.3 ms", "1234 ms"]);
    }
}
