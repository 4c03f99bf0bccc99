//! Figures formatted for people, and paths for a shell.

use std::path::Path;

/// Formats a number with a comma between groups of three digits.
pub(super) fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a size with three digits and a decimal unit.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn format_size(bytes: u64) -> String {
    format_scaled(bytes as f64, "B")
}

/// Formats a rate with three digits and a decimal unit.
pub(super) fn format_rate(bytes_per_second: f64) -> String {
    format_scaled(bytes_per_second, "B/s")
}

fn format_scaled(value: f64, unit: &str) -> String {
    let mut value = value;
    let mut prefixes = ["", "k", "M", "G", "T"].into_iter();
    let mut prefix = "";
    for next in &mut prefixes {
        prefix = next;
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
    }
    let decimals = match value {
        _ if prefix.is_empty() => 0,
        0.0..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {prefix}{unit}")
}

/// Quotes a path for a shell.
pub(super) fn quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_in_groups_of_three() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (33_554_432, "33,554,432"),
        ];
        for (number, text) in cases {
            assert_eq!(with_separators(number), text);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (67_108_864, "67.1 MB"),
            (999_600_000, "1.00 GB"),
            (123_456_789_012, "123 GB"),
            (5_000_000_000_000, "5.00 TB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(format_size(bytes), text);
        }
        assert_eq!(format_rate(21e6), "21.0 MB/s");
    }

    #[test]
    fn paths_are_one_word_of_a_shell() {
        assert_eq!(quote(Path::new("/my bags")), "'/my bags'");
        assert_eq!(quote(Path::new("/it's")), "'/it'\\''s'");
    }
}
