//! Times, sizes and booleans as people write them.

/// Returns a time in seconds: `600`, `600s`, `500ms`, `10m`, `2h`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let (number, unit) = split_unit(text)?;
    let factor = match &*unit {
        "" | "s" | "sec" | "secs" | "second" | "seconds" | "초" => 1.0,
        "ms" => 1e-3,
        "m" | "min" | "mins" | "minute" | "minutes" | "분" => 60.0,
        "h" | "hour" | "hours" | "시간" => 3600.0,
        _ => return None,
    };
    Some(number * factor)
}

/// Returns a size in bytes: `2000000000`, `2GB`, `512 MiB`.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let (number, unit) = split_unit(text)?;
    let factor = match &*unit {
        "" | "b" | "byte" | "bytes" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return None,
    };
    let bytes = (number * factor).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and a whole number"
    )]
    (0.0..=1e15).contains(&bytes).then_some(bytes as i64)
}

/// Returns a boolean of YAML 1.1, as Python reads it, or of 0 and 1.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match &*text.trim().to_ascii_lowercase() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn split_unit(text: &str) -> Option<(f64, String)> {
    let text = text.trim().replace('_', "");
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || ".-+".contains(letter)));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    Some((number, unit.trim().to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_may_have_units() {
        assert_eq!(seconds("600"), Some(600.0));
        assert_eq!(seconds("10 min"), Some(600.0));
        assert_eq!(seconds("10분"), Some(600.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("soon"), None);
        assert_eq!(bytes("2GB"), Some(2_000_000_000));
        assert_eq!(bytes("1.5 MiB"), Some(1_572_864));
        assert_eq!(bytes("-1"), None);
        assert_eq!(bytes("3 bags"), None);
        assert_eq!(boolean("Off"), Some(false));
        assert_eq!(boolean("maybe"), None);
    }
}
