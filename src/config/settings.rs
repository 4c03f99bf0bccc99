//! Values of all parameters, checked one by one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::parameter::{ParameterError, Value};
use super::path;
use super::table::ParameterTable;

/// Values of all parameters of a table, each in its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    table: &'static ParameterTable,
    values: BTreeMap<&'static str, Value>,
}

impl Settings {
    /// Returns the defaults of a table.
    #[must_use]
    pub fn of(table: &'static ParameterTable) -> Self {
        let parameters = table.parameters.iter();
        let values = parameters.map(|p| (p.name, p.default())).collect();
        Self { table, values }
    }

    /// Returns the table of the parameters.
    #[must_use]
    pub fn table(&self) -> &'static ParameterTable {
        self.table
    }

    /// Checks and sets one value.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ParameterError> {
        let parameter = self.table.require(name)?;
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

    pub(crate) fn path(&self, name: &'static str) -> Result<PathBuf, ParameterError> {
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

    pub(super) fn double(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Value::Double(value)) => *value,
            other => type_mismatch(name, other),
        }
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs_f64(self.double(name))
    }
}

fn type_mismatch(name: &str, value: Option<&Value>) -> ! {
    unreachable!("parameter {name} is read with another type than the table declares: {value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::BRIDGE;

    #[test]
    fn error_names_parameter_range_and_value() {
        let refusal = |name, value| {
            Settings::of(&BRIDGE)
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
        let mut settings = Settings::of(&BRIDGE);
        let value = Value::String("a\n\"b".into());
        for (name, shown) in [("frame_id", r#""a\n\"b""#), ("a\nname", r"a\nname")] {
            let refusal = settings.set(name, value.clone()).expect_err("refused");
            let line = refusal.to_string();
            assert!(line.contains(shown) && !line.contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn nan_and_infinity_are_out_of_every_range() {
        let mut settings = Settings::of(&BRIDGE);
        for value in [f64::NAN, f64::INFINITY] {
            settings
                .set("statistics_period", Value::Double(value))
                .expect_err("refused");
        }
        assert_eq!(settings, Settings::of(&BRIDGE));
    }

    #[test]
    fn integers_are_accepted_for_doubles() {
        let mut settings = Settings::of(&BRIDGE);
        settings
            .set("pointcloud_interval", Value::Integer(2))
            .expect("taken");
        assert_eq!(
            settings.get("pointcloud_interval"),
            Some(&Value::Double(2.0))
        );
    }
}
