//! Declaration of one parameter (name, type, default, range, description) and the check of values against it.

use std::fmt;

use super::address::{AddressError, check_address, check_host};
use super::escape::is_invisible;
use super::path::PathError;
use super::topic_pattern;
use crate::connection::tls;

/// Longest part of a string that error messages show, in characters.
pub(super) const SHOWN_CHARS: usize = 200;

/// A parameter's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Double(f64),
    /// A string.
    String(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            // As a literal and shortened, so that an error message stays one line of bounded length.
            Self::String(value) => match value.char_indices().nth(SHOWN_CHARS) {
                None => write!(f, "{value:?}"),
                Some((end, _)) => write!(f, "{:?}… ({} bytes)", &value[..end], value.len()),
            },
        }
    }
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Double(_) => "a number",
            Self::String(_) => "a string",
        }
    }
}

/// Type, default and allowed values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A boolean.
    Bool {
        /// Default.
        default: bool,
    },
    /// An integer from `min` to `max`.
    Integer {
        /// Default.
        default: i64,
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A floating-point number from `min` to `max`.
    Double {
        /// Default.
        default: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// A string.
    String {
        /// Default.
        default: &'static str,
        /// Constraint on the value.
        rule: StringRule,
    },
}

/// Constraint on a string parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StringRule {
    /// The path of a file, or empty.
    PathOrNone,
    /// The path of a folder.
    Path,
    /// Names of topics with `*` for any part, separated by commas or blanks, or empty.
    TopicPatterns,
    /// An address, or the name of a site.
    Host,
    /// A `tf2` frame: no blanks, no leading slash.
    Frame,
    /// A `tf2` frame, or empty.
    FrameOrNone,
    /// A DNS name or an IP address, or empty.
    ServerNameOrNone,
    /// One of the listed values.
    OneOf(&'static [&'static str]),
}

impl StringRule {
    /// Returns whether the rule allows a value.
    pub(super) fn allows(self, value: &str) -> bool {
        let is_word =
            !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || is_invisible(c));
        match self {
            Self::PathOrNone => !value.contains('\0'),
            Self::Path => !value.is_empty() && !value.contains('\0'),
            Self::TopicPatterns => topic_pattern::split(value).all(topic_pattern::is_valid),
            Self::Host => check_host(value).is_ok(),
            Self::Frame => is_word && !value.starts_with('/'),
            Self::FrameOrNone => value.is_empty() || Self::Frame.allows(value),
            Self::ServerNameOrNone => value.is_empty() || tls::is_server_name(value),
            Self::OneOf(choices) => choices.contains(&value),
        }
    }
}

impl fmt::Display for StringRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathOrNone => Ok(()),
            Self::Path => f.write_str("not empty"),
            Self::TopicPatterns => f.write_str(
                "empty, or names of topics with * for any part, separated by commas or blanks",
            ),
            Self::Host => f.write_str("not empty, no blanks, no scheme, no port, no brackets"),
            Self::Frame => f.write_str("not empty, no blanks, no leading slash"),
            Self::FrameOrNone => f.write_str("empty, or no blanks and no leading slash"),
            Self::ServerNameOrNone => f.write_str("empty, a DNS name or an IP address"),
            Self::OneOf(choices) => write!(f, "one of {}", choices.join(", ")),
        }
    }
}

/// Declaration of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Name, its parts separated by dots.
    pub name: &'static str,
    /// Description with the unit, in full sentences.
    pub description: &'static str,
    /// Type, default and allowed values.
    pub kind: ParameterKind,
    /// Read at start only: a running node refuses to change it.
    pub read_only: bool,
}

impl Parameter {
    pub(super) const fn new(
        name: &'static str,
        kind: ParameterKind,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            description,
            kind,
            read_only: false,
        }
    }

    pub(super) const fn read_only(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }

    /// Returns the default.
    #[must_use]
    pub fn default(&self) -> Value {
        match self.kind {
            ParameterKind::Bool { default } => Value::Bool(default),
            ParameterKind::Integer { default, .. } => Value::Integer(default),
            ParameterKind::Double { default, .. } => Value::Double(default),
            ParameterKind::String { default, .. } => Value::String(default.to_owned()),
        }
    }

    /// Describes the allowed values. Empty if all values of the type are allowed.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.kind {
            ParameterKind::Bool { .. } => String::new(),
            ParameterKind::Integer { min, max, .. } => format!("{min} to {max}"),
            ParameterKind::Double { min, max, .. } => format!("{min:?} to {max:?}"),
            ParameterKind::String { rule, .. } => rule.to_string(),
        }
    }

    /// Returns the error for a value of another type.
    #[must_use]
    pub fn wrong_type(&self, found: String) -> ParameterError {
        ParameterError::Type {
            name: self.name,
            expected: self.default().type_name(),
            found,
        }
    }

    /// Checks type and range. Accepts an integer for a double: `ros2 param set … 1` means 1.0.
    pub(super) fn check_value(&self, value: Value) -> Result<Value, ParameterError> {
        let value = match (self.kind, value) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "exact within every range of the table"
            )]
            (ParameterKind::Double { .. }, Value::Integer(value)) => Value::Double(value as f64),
            (_, value) => value,
        };
        let in_range = match (self.kind, &value) {
            (ParameterKind::Bool { .. }, Value::Bool(_)) => true,
            (ParameterKind::Integer { min, max, .. }, Value::Integer(value)) => {
                (min..=max).contains(value)
            }
            (ParameterKind::Double { min, max, .. }, Value::Double(value)) => {
                (min..=max).contains(value)
            }
            (ParameterKind::String { rule, .. }, Value::String(value)) => rule.allows(value),
            _ => {
                return Err(self.wrong_type(format!("{value}, {}", value.type_name())));
            }
        };
        if let (ParameterKind::String { rule, .. }, Value::String(text)) = (self.kind, &value) {
            self.check_address(rule, text)?;
        }
        if in_range {
            Ok(value)
        } else {
            Err(ParameterError::Range {
                name: self.name,
                value,
                allowed: self.allowed(),
            })
        }
    }

    /// Checks addresses, for an error that names the problem and its cure instead of the rule.
    fn check_address(&self, rule: StringRule, text: &str) -> Result<(), ParameterError> {
        let checked = match rule {
            StringRule::Host => check_host(text),
            StringRule::ServerNameOrNone if !text.is_empty() => check_address(text),
            _ => Ok(()),
        };
        checked.map_err(|problem| ParameterError::Address {
            name: self.name,
            problem,
        })
    }
}

/// Refused value of a parameter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// No such parameter.
    #[error("there is no parameter {}{suggestion}", name.escape_debug())]
    Unknown {
        /// Name as given.
        name: String,
        /// ", did you mean NAME?", or empty if no name is similar.
        suggestion: String,
    },
    /// Wrong type.
    #[error("parameter {name} is {expected}, got {found}")]
    Type {
        /// The parameter.
        name: &'static str,
        /// Its type.
        expected: &'static str,
        /// The value and its type.
        found: String,
    },
    /// YAML's null, for a string parameter.
    #[error(
        "parameter {name} got {text}, which is YAML for no value: write '' for an empty string, or '{text}' with the quotes"
    )]
    NoValue {
        /// The parameter.
        name: &'static str,
        /// Text as written.
        text: String,
    },
    /// Value out of range.
    #[error("parameter {name} allows {allowed}, got {value}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// The value.
        value: Value,
        /// Allowed values.
        allowed: String,
    },
    /// Invalid address.
    #[error("parameter {name}: {problem}")]
    Address {
        /// The parameter.
        name: &'static str,
        /// The value and its problem.
        problem: AddressError,
    },
    /// Invalid path.
    #[error("parameter {name}: {problem}")]
    Path {
        /// The parameter.
        name: &'static str,
        /// The problem of the path.
        problem: PathError,
    },
    /// Conflict with another parameter.
    #[error("parameter {name} must be {rule}, which is {other}; got {value}")]
    Conflict {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// Required relation to the other parameter.
        rule: &'static str,
        /// Value of the other parameter.
        other: String,
    },
    /// Required parameter without a value.
    #[error("parameter {name} must be set, {needed_by} needs it")]
    Missing {
        /// The parameter.
        name: &'static str,
        /// The parameter, or the setting of the site, that needs it.
        needed_by: &'static str,
    },
    /// Change of a read-only parameter of a running node.
    #[error("parameter {name} is only read at start, restart the node to change it")]
    ReadOnly {
        /// The parameter.
        name: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_strings_are_shortened_in_messages() {
        let long = "가".repeat(SHOWN_CHARS + 1);
        let shown = Value::String(long.clone()).to_string();
        assert!(shown.ends_with("가\"… (603 bytes)"), "{shown}");
        let short = Value::String(long.chars().skip(1).collect()).to_string();
        assert!(short.ends_with("가\""), "{short}");
    }
}
