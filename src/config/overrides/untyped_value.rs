//! Values given at start, before the type of their parameter is known.
//!
//! Scalars get the type that `rcl_yaml_param_parser` gives them, nearly that of YAML 1.1: `yes`, `no`, `on`, `off`, `y`,
//! `n` in lower, upper and capitalized letters are booleans, `0x1f` and `017` integers in another base, `1e3`, `.inf`,
//! `nan` doubles. `08`, which is not octal, is 8.0. Everything else is a string.

use crate::config::parameter::{Parameter, ParameterError, ParameterKind, Value};
use crate::config::yaml_tree::{YamlContent, YamlNode, YamlScalar};

const TRUE: [&str; 11] = [
    "Y", "y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
];
const FALSE: [&str; 11] = [
    "N", "n", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
];
const NULL: [&str; 4] = ["~", "null", "Null", "NULL"];

/// A value given at start, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UntypedValue {
    /// A single value.
    Scalar(YamlScalar),
    /// A list of single values. Its elements are not needed: no parameter is a list.
    List,
}

impl UntypedValue {
    /// Checks a list as rcl does: single values of one type. The error is one sentence.
    pub(super) fn from_list(items: &[YamlNode]) -> Result<Self, String> {
        let mut types = items.iter().map(|item| match &item.content {
            YamlContent::Scalar(scalar) if scalar.is_missing() => Err(format!(
                "line {}: an item of the list has no value",
                item.line
            )),
            YamlContent::Scalar(scalar) => {
                Ok((item.line, std::mem::discriminant(&typed_value(scalar))))
            }
            YamlContent::List(_) | YamlContent::Map(_) => Err(format!(
                "line {}: a list can hold single values only",
                item.line
            )),
        });
        if let Some(first) = types.next() {
            let (_, expected) = first?;
            for other in types {
                let (line, other) = other?;
                if other != expected {
                    return Err(format!(
                        "line {line}: the items of a list must be of one type"
                    ));
                }
            }
        }
        Ok(Self::List)
    }

    /// Converts to the type of a parameter. A string parameter gets the text as written, also where YAML takes it for a
    /// number or boolean. The range is not checked.
    pub(super) fn to_value(&self, parameter: &Parameter) -> Result<Value, ParameterError> {
        let Self::Scalar(scalar) = self else {
            return Err(parameter.wrong_type("a list".to_owned()));
        };
        if let ParameterKind::String { .. } = parameter.kind {
            return if is_null(scalar) {
                Err(ParameterError::NoValue {
                    name: parameter.name,
                    text: scalar.text.clone(),
                })
            } else {
                Ok(Value::String(scalar.text.clone()))
            };
        }
        let value = typed_value(scalar);
        if scalar.is_text {
            let unquoted = typed_value(&YamlScalar {
                is_text: false,
                ..scalar.clone()
            });
            if parameter.check_value(unquoted).is_ok() {
                return Err(
                    parameter.wrong_type(format!("{value}, a string: leave out the quotes"))
                );
            }
        }
        Ok(value)
    }

    /// Returns whether it is `true`, or a synonym.
    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Scalar(scalar) if typed_value(scalar) == Value::Bool(true))
    }
}

/// Returns the value that an rclcpp node gets for a scalar.
fn typed_value(scalar: &YamlScalar) -> Value {
    let text = &*scalar.text;
    if scalar.is_text {
        Value::String(text.to_owned())
    } else {
        parse_plain(text)
    }
}

/// Returns whether a scalar is YAML's null, which rcl takes for a string.
fn is_null(scalar: &YamlScalar) -> bool {
    !scalar.is_text && NULL.contains(&&*scalar.text)
}

/// Returns the value of an unquoted scalar.
fn parse_plain(text: &str) -> Value {
    if TRUE.contains(&text) {
        Value::Bool(true)
    } else if FALSE.contains(&text) {
        Value::Bool(false)
    } else if let Some(value) = parse_integer(text) {
        Value::Integer(value)
    } else if let Some(value) = parse_double(text) {
        Value::Double(value)
    } else {
        Value::String(text.to_owned())
    }
}

/// Parses as C's `strtoll` with base 0.
fn parse_integer(text: &str) -> Option<i64> {
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
    // `from_str_radix` would accept a second sign.
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

/// Parses as C's `strtod` without hexadecimal numbers, and YAML's words for non-finite numbers. Numbers out of C's range
/// are strings.
fn parse_double(text: &str) -> Option<f64> {
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
    fn plain_scalars_have_the_type_that_rcl_gives_them() {
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
            assert_eq!(parse_plain(text), value, "{text}");
        }
        assert!(matches!(parse_plain(".nan"), Value::Double(value) if value.is_nan()));
    }
}
