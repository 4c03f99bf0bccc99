//! What a parameter is: name, meaning, default and range, and the check of a value against them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::address::{AddressError, check_address, check_host};
pub use super::declared::PARAMETERS;
use super::path::{self, PathError};
use super::visible::is_invisible;
use crate::connection::tls;

/// The letters of a text that messages show.
const SHOWN_LETTERS: usize = 200;

/// A parameter's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Double(f64),
    /// A text.
    String(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            // As a literal: whatever is in it, a message that names it is one line, and not a long one.
            Self::String(value) => match value.char_indices().nth(SHOWN_LETTERS) {
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
pub enum Kind {
    /// A switch.
    Bool {
        /// Default.
        default: bool,
    },
    /// A whole number from `min` to `max`.
    Integer {
        /// Default.
        default: i64,
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A number from `min` to `max`.
    Double {
        /// Default.
        default: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// A text.
    String {
        /// Default.
        default: &'static str,
        /// What it must be like.
        rule: Rule,
    },
}

/// What a text parameter must be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The path of a file, or nothing.
    PathOrNone,
    /// An address, or the name of a site.
    Host,
    /// A `tf2` frame: a word that does not start with a slash.
    Frame,
    /// A frame, or nothing.
    FrameOrNone,
    /// A DNS name or an IP address, or nothing.
    ServerNameOrNone,
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl Rule {
    pub(super) fn allows(self, value: &str) -> bool {
        let word =
            !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || is_invisible(c));
        match self {
            Self::PathOrNone => !value.contains('\0'),
            Self::Host => check_host(value).is_ok(),
            Self::Frame => word && !value.starts_with('/'),
            Self::FrameOrNone => value.is_empty() || Self::Frame.allows(value),
            Self::ServerNameOrNone => value.is_empty() || tls::is_server_name(value),
            Self::OneOf(choices) => choices.contains(&value),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathOrNone => Ok(()),
            Self::Host => f.write_str("not empty, no blanks, no scheme, no port, no brackets"),
            Self::Frame => f.write_str("not empty, no blanks, no leading slash"),
            Self::FrameOrNone => f.write_str("empty, or no blanks and no leading slash"),
            Self::ServerNameOrNone => f.write_str("empty, a DNS name or an IP address"),
            Self::OneOf(choices) => write!(f, "one of {}", choices.join(", ")),
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Name, with dots between its parts.
    pub name: &'static str,
    /// What it means, with the unit.
    pub description: &'static str,
    /// Type, default and allowed values.
    pub kind: Kind,
    /// Only read at start.
    pub read_only: bool,
}

impl Parameter {
    pub(super) const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
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

    /// The default.
    #[must_use]
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Bool { default } => Value::Bool(default),
            Kind::Integer { default, .. } => Value::Integer(default),
            Kind::Double { default, .. } => Value::Double(default),
            Kind::String { default, .. } => Value::String(default.to_owned()),
        }
    }

    /// The allowed values in words. Empty if all are.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::Bool { .. } => String::new(),
            Kind::Integer { min, max, .. } => format!("{min} to {max}"),
            Kind::Double { min, max, .. } => format!("{min:?} to {max:?}"),
            Kind::String { rule, .. } => rule.to_string(),
        }
    }

    /// The refusal of a value of another type.
    #[must_use]
    pub fn wrong_type(&self, found: String) -> ParameterError {
        ParameterError::Type {
            name: self.name,
            expected: self.default().type_name(),
            found,
        }
    }

    /// Checks type and range. A whole number is taken for a number: `ros2 param set … 1` means 1.0.
    pub(super) fn check(&self, value: Value) -> Result<Value, ParameterError> {
        let value = match (self.kind, value) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "exact within every range of the table"
            )]
            (Kind::Double { .. }, Value::Integer(value)) => Value::Double(value as f64),
            (_, value) => value,
        };
        let in_range = match (self.kind, &value) {
            (Kind::Bool { .. }, Value::Bool(_)) => true,
            (Kind::Integer { min, max, .. }, Value::Integer(value)) => (min..=max).contains(value),
            (Kind::Double { min, max, .. }, Value::Double(value)) => (min..=max).contains(value),
            (Kind::String { rule, .. }, Value::String(value)) => rule.allows(value),
            _ => {
                return Err(self.wrong_type(format!("{value}, {}", value.type_name())));
            }
        };
        if let (Kind::String { rule, .. }, Value::String(text)) = (self.kind, &value) {
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
}

impl Parameter {
    /// Checks what goes wrong with addresses, each fault with its cure.
    fn check_address(&self, rule: Rule, text: &str) -> Result<(), ParameterError> {
        let checked = match rule {
            Rule::Host => check_host(text),
            Rule::ServerNameOrNone if !text.is_empty() => check_address(text),
            _ => Ok(()),
        };
        checked.map_err(|problem| ParameterError::Address {
            name: self.name,
            problem,
        })
    }
}

/// A value that is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// No such parameter.
    #[error("there is no parameter {}{}", name.escape_debug(), did_you_mean(.name))]
    Unknown {
        /// As given.
        name: String,
    },
    /// Of the wrong type.
    #[error("parameter {name} is {expected}, got {found}")]
    Type {
        /// The parameter.
        name: &'static str,
        /// Its type.
        expected: &'static str,
        /// The value and its type.
        found: String,
    },
    /// No value, for a parameter that is a text.
    #[error(
        "parameter {name} got {text}, which is YAML for no value: write '' for an empty text, or '{text}' with the quotes"
    )]
    NoValue {
        /// The parameter.
        name: &'static str,
        /// As written.
        text: String,
    },
    /// Not allowed.
    #[error("parameter {name} allows {allowed}, got {value}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// The value.
        value: Value,
        /// What is allowed.
        allowed: String,
    },
    /// Is no address.
    #[error("parameter {name}: {problem}")]
    Address {
        /// The parameter.
        name: &'static str,
        /// The value, and what is wrong with it.
        problem: AddressError,
    },
    /// Is a path that leads nowhere.
    #[error("parameter {name}: {problem}")]
    Path {
        /// The parameter.
        name: &'static str,
        /// The problem with it.
        problem: PathError,
    },
    /// Does not fit another parameter.
    #[error("parameter {name} must be {rule}, which is {other}; got {value}")]
    Conflict {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// How it must stand to the other.
        rule: &'static str,
        /// The other's value.
        other: String,
    },
    /// Is needed and has no value.
    #[error("parameter {name} must be set, {needed_by} needs it")]
    Missing {
        /// The parameter.
        name: &'static str,
        /// The parameter, or the setting of the site, that needs it.
        needed_by: &'static str,
    },
    /// Cannot be changed while the node runs.
    #[error("parameter {name} is only read at start, restart the node to change it")]
    ReadOnly {
        /// The parameter.
        name: &'static str,
    },
}

/// The parameter of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

/// A hint for names that are nearly right. Empty if none is near.
fn did_you_mean(name: &str) -> String {
    let names = PARAMETERS.iter().map(|parameter| parameter.name);
    super::near(name, names).map_or_else(String::new, |near| format!(", did you mean {near}?"))
}

/// A value for each parameter, each in its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    values: BTreeMap<&'static str, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        let values = PARAMETERS.iter().map(|p| (p.name, p.default())).collect();
        Self { values }
    }
}

impl Settings {
    /// Changes one value.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ParameterError> {
        let parameter = find(name).ok_or_else(|| ParameterError::Unknown {
            name: name.to_owned(),
        })?;
        self.values.insert(parameter.name, parameter.check(value)?);
        Ok(())
    }

    /// The value of a parameter. None if there is no such parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub(super) fn string(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::String(value)) => value,
            other => wrong_type(name, other),
        }
    }

    pub(super) fn path(&self, name: &'static str) -> Result<PathBuf, ParameterError> {
        path::expand(self.string(name)).map_err(|problem| ParameterError::Path { name, problem })
    }

    pub(super) fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(value)) => *value,
            other => wrong_type(name, other),
        }
    }

    pub(super) fn unsigned<T: TryFrom<i64>>(&self, name: &str) -> T {
        match self.get(name) {
            Some(Value::Integer(value)) => {
                T::try_from(*value).unwrap_or_else(|_| wrong_type(name, self.get(name)))
            }
            other => wrong_type(name, other),
        }
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        match self.get(name) {
            Some(Value::Double(value)) => Duration::from_secs_f64(*value),
            other => wrong_type(name, other),
        }
    }
}

fn wrong_type(name: &str, value: Option<&Value>) -> ! {
    unreachable!("parameter {name} is read as something else than the table says: {value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_in_range() {
        for (i, parameter) in PARAMETERS.iter().enumerate() {
            assert_eq!(find(parameter.name), Some(&PARAMETERS[i]));
            parameter.check(parameter.default()).expect("in range");
            assert!(parameter.description.ends_with('.'), "{}", parameter.name);
        }
    }

    #[test]
    fn a_refusal_says_name_range_and_value() {
        let refusal = |name, value| {
            Settings::default()
                .set(name, value)
                .expect_err("refused")
                .to_string()
        };
        assert_eq!(
            refusal("points_port", Value::Integer(70_000)),
            "parameter points_port allows 1 to 65535, got 70000"
        );
        assert_eq!(
            refusal("pointcloud_interval", Value::Double(-1.0)),
            "parameter pointcloud_interval allows 0.0 to 3600.0, got -1.0"
        );
        assert_eq!(
            refusal("qos.reliability", Value::String("maybe".into())),
            "parameter qos.reliability allows one of reliable, best_effort, got \"maybe\""
        );
        assert_eq!(
            refusal("frame_id", Value::String("/map".into())),
            "parameter frame_id allows not empty, no blanks, no leading slash, got \"/map\""
        );
        assert_eq!(
            refusal("publish.raw", Value::Integer(1)),
            "parameter publish.raw is a boolean, got 1, an integer"
        );
        assert_eq!(
            refusal("pointcloud_intervall", Value::Double(1.0)),
            "there is no parameter pointcloud_intervall, did you mean pointcloud_interval?"
        );
        assert_eq!(
            refusal("quite_something_else", Value::Double(1.0)),
            "there is no parameter quite_something_else"
        );
    }

    #[test]
    fn a_hint_is_for_slips_of_the_finger() {
        let name = |surplus| format!("frame_id{}", "é".repeat(surplus));
        assert_eq!(did_you_mean(&name(3)), ", did you mean frame_id?");
        assert_eq!(did_you_mean(&name(4)), "");
        assert_eq!(did_you_mean("rame_"), ", did you mean frame_id?");
    }

    #[test]
    fn a_refusal_is_one_line() {
        let mut settings = Settings::default();
        let value = Value::String("a\n\"b".into());
        for (name, shown) in [("frame_id", r#""a\n\"b""#), ("a\nname", r"a\nname")] {
            let refusal = settings.set(name, value.clone()).expect_err("refused");
            let line = refusal.to_string();
            assert!(line.contains(shown) && !line.contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn a_long_text_is_shown_in_part() {
        let long = "가".repeat(SHOWN_LETTERS + 1);
        let shown = Value::String(long.clone()).to_string();
        assert!(shown.ends_with("가\"… (603 bytes)"), "{shown}");
        let short = Value::String(long.chars().skip(1).collect()).to_string();
        assert!(short.ends_with("가\""), "{short}");
    }

    #[test]
    fn not_a_number_is_out_of_every_range() {
        let mut settings = Settings::default();
        for value in [f64::NAN, f64::INFINITY] {
            settings
                .set("statistics_period", Value::Double(value))
                .expect_err("refused");
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn a_whole_number_is_a_number() {
        let mut settings = Settings::default();
        settings
            .set("pointcloud_interval", Value::Integer(2))
            .expect("taken");
        assert_eq!(
            settings.get("pointcloud_interval"),
            Some(&Value::Double(2.0))
        );
    }
}
