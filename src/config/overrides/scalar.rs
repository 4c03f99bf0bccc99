//! The type of a scalar, as `rcl_yaml_param_parser` sees it.
//!
//! Nearly YAML 1.1: `yes`, `no`, `on`, `off`, `y`, `n` in lower, upper and capitalized letters are booleans, `0x1f` and
//! `017` whole numbers in another base, `1e3`, `.inf`, `nan` numbers. `08`, which is no number in base 8, is 8.0. What is
//! none of these is a text.

use crate::config::Value;
use crate::config::yaml_tree::Scalar;

const TRUE: [&str; 11] = [
    "Y", "y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
];
const FALSE: [&str; 11] = [
    "N", "n", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
];
const NULL: [&str; 4] = ["~", "null", "Null", "NULL"];

/// The value that an rclcpp node gets for a scalar.
pub(super) fn typed(scalar: &Scalar) -> Value {
    let text = &*scalar.text;
    if scalar.is_text {
        Value::String(text.to_owned())
    } else {
        plain(text)
    }
}

/// YAML's words for no value. rcl takes them for texts.
pub(super) fn is_null(scalar: &Scalar) -> bool {
    !scalar.is_text && NULL.contains(&&*scalar.text)
}

fn plain(text: &str) -> Value {
    if TRUE.contains(&text) {
        Value::Bool(true)
    } else if FALSE.contains(&text) {
        Value::Bool(false)
    } else if let Some(value) = integer(text) {
        Value::Integer(value)
    } else if let Some(value) = double(text) {
        Value::Double(value)
    } else {
        Value::String(text.to_owned())
    }
}

/// C's `strtoll` with base 0.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n']);
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    // `from_str_radix` takes another sign.
    if !digits.starts_with(|first: char| first.is_digit(base)) {
        return None;
    }
    let signed = if is_negative {
        format!("-{digits}")
    } else {
        digits.to_owned()
    };
    i64::from_str_radix(&signed, base).ok()
}

/// C's `strtod`, without numbers in hexadecimal digits, and YAML's words for what is not finite. What C cannot hold is
/// a text there.
fn double(text: &str) -> Option<f64> {
    let text = text.trim_start_matches([' ', '\t', '\n']);
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let value: f64 = text.parse().ok()?;
    let is_written_as_a_number = text.contains(|letter: char| letter.is_ascii_digit());
    let overflows = value.is_infinite() && is_written_as_a_number;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let underflows = !value.is_normal()
        && value.is_finite()
        && mantissa.contains(|letter| matches!(letter, '1'..='9'));
    (!overflows && !underflows).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_rcl_takes_them_for() {
        for (text, value) in [
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("yEs", Value::String("yEs".into())),
            ("101", Value::Integer(101)),
            ("-7", Value::Integer(-7)),
            ("+7", Value::Integer(7)),
            ("0", Value::Integer(0)),
            ("017", Value::Integer(15)),
            ("0x1F", Value::Integer(31)),
            ("-0x8000000000000000", Value::Integer(i64::MIN)),
            (
                "9223372036854775808",
                Value::Double(9_223_372_036_854_775_808.0),
            ),
            ("08", Value::Double(8.0)),
            ("1e3", Value::Double(1000.0)),
            (".5", Value::Double(0.5)),
            ("5.", Value::Double(5.0)),
            ("-.inf", Value::Double(f64::NEG_INFINITY)),
            ("infinity", Value::Double(f64::INFINITY)),
            ("0e0", Value::Double(0.0)),
            ("1e400", Value::String("1e400".into())),
            ("1e-400", Value::String("1e-400".into())),
            ("1_000", Value::String("1_000".into())),
            ("--1", Value::String("--1".into())),
            ("0x", Value::String("0x".into())),
            ("0x-1", Value::String("0x-1".into())),
            ("1e", Value::String("1e".into())),
            ("192.0.2.10", Value::String("192.0.2.10".into())),
            ("부두", Value::String("부두".into())),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
        assert!(matches!(plain(".nan"), Value::Double(value) if value.is_nan()));
    }
}
