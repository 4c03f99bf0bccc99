//! Values of all parameters, checked one by one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::parameter::{ParameterError, Value};
use super::path;
use super::table::{PARAMETERS, find};

/// Values of all parameters, each in its range.
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
    /// Checks and sets one value.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ParameterError> {
        let parameter = find(name).ok_or_else(|| ParameterError::Unknown {
            name: name.to_owned(),
        })?;
        self.values
            .insert(parameter.name, parameter.check_value(value)?);
        Ok(())
    }

    /// Returns the value of a parameter. `None` if there is no such parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub(super) fn string(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::String(value)) => value,
            other => type_mismatch(name, other),
        }
    }

    pub(super) fn path(&self, name: &'static str) -> Result<PathBuf, ParameterError> {
        path::expand_home(self.string(name))
            .map_err(|problem| ParameterError::Path { name, problem })
    }

    pub(super) fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(value)) => *value,
            other => type_mismatch(name, other),
        }
    }

    pub(super) fn unsigned<T: TryFrom<i64>>(&self, name: &str) -> T {
        match self.get(name) {
            Some(Value::Integer(value)) => {
                T::try_from(*value).unwrap_or_else(|_| type_mismatch(name, self.get(name)))
            }
            other => type_mismatch(name, other),
        }
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        match self.get(name) {
            Some(Value::Double(value)) => Duration::from_secs_f64(*value),
            other => type_mismatch(name, other),
        }
    }
}

fn type_mismatch(name: &str, value: Option<&Value>) -> ! {
    unreachable!("parameter {name} is read with another type than the table declares: {value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_parameter_range_and_value() {
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
    fn error_is_one_line() {
        let mut settings = Settings::default();
        let value = Value::String("a\n\"b".into());
        for (name, shown) in [("frame_id", r#""a\n\"b""#), ("a\nname", r"a\nname")] {
            let refusal = settings.set(name, value.clone()).expect_err("refused");
            let line = refusal.to_string();
            assert!(line.contains(shown) && !line.contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn nan_and_infinity_are_out_of_every_range() {
        let mut settings = Settings::default();
        for value in [f64::NAN, f64::INFINITY] {
            settings
                .set("statistics_period", Value::Double(value))
                .expect_err("refused");
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn integers_are_accepted_for_doubles() {
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
