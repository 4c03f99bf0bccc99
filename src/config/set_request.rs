//! Requests to set parameters of the running node, checked as a whole.
//!
//! A change that is invalid on its own (unknown name, wrong type, out of range, read-only) is refused on its own. The
//! others are checked against one another after all are applied, so that their order does not matter: `ros2 param load`
//! sends the names of a file in alphabetical order.

use super::parameter::{ParameterError, Value};
use super::settings::Settings;

/// A request whose parameters have been checked one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRequest {
    /// The settings after all changes that are not refused.
    pub settings: Settings,
    /// Reason of the refusal for each parameter of the request, `None` if it is not refused.
    pub refusals: Vec<Option<ParameterError>>,
}

impl SetRequest {
    /// Checks each of `changes` on its own. Of two values for one parameter the later is used.
    pub fn check<'n>(
        current: &Settings,
        changes: impl IntoIterator<Item = (&'n str, Result<Value, ParameterError>)>,
    ) -> Self {
        let mut settings = current.clone();
        let refusals = changes
            .into_iter()
            .map(|(name, value)| {
                value
                    .and_then(|value| apply_change(&mut settings, current, name, value))
                    .err()
            })
            .collect();
        Self { settings, refusals }
    }

    /// Returns the first refusal.
    #[must_use]
    pub fn first_refusal(&self) -> Option<&ParameterError> {
        self.refusals.iter().flatten().next()
    }

    /// Returns the names of the parameters that differ from `current`.
    #[must_use]
    pub fn changed(&self, current: &Settings) -> Vec<&'static str> {
        let names = current.table().names();
        names
            .filter(|name| self.settings.get(name) != current.get(name))
            .collect()
    }
}

fn apply_change(
    settings: &mut Settings,
    current: &Settings,
    name: &str,
    value: Value,
) -> Result<(), ParameterError> {
    let parameter = current.table().require(name)?;
    if !parameter.read_only {
        return settings.set(name, value);
    }
    // An unchanged value is accepted, so that a dumped file can be loaded again.
    if current.get(name) == Some(&parameter.check_value(value)?) {
        Ok(())
    } else {
        Err(ParameterError::ReadOnly {
            name: parameter.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::table::BRIDGE;

    fn check(changes: &[(&str, Value)]) -> SetRequest {
        let changes = changes
            .iter()
            .map(|(name, value)| (*name, Ok(value.clone())));
        SetRequest::check(&Settings::of(&BRIDGE), changes)
    }

    fn changed(request: &SetRequest) -> Vec<&'static str> {
        request.changed(&Settings::of(&BRIDGE))
    }

    #[test]
    fn consistent_changes_are_accepted_in_any_order() {
        let mut changes = [
            ("reconnect.initial_delay", Value::Double(60.0)),
            ("reconnect.max_delay", Value::Double(120.0)),
        ];
        for _ in 0..2 {
            let request = check(&changes);
            assert_eq!(request.first_refusal(), None);
            assert_eq!(changed(&request).len(), 2);
            Config::from_settings(&request.settings).expect("fits");
            changes.reverse();
        }
    }

    #[test]
    fn invalid_changes_are_refused_one_by_one() {
        let request = check(&[
            ("frame_id", Value::String("lidar".into())),
            ("points_port", Value::Integer(0)),
            ("nothing", Value::Bool(true)),
            ("qos.depth", Value::Integer(7)),
            ("points_port", Value::Integer(5051)),
        ]);
        let refused: Vec<bool> = request.refusals.iter().map(Option::is_some).collect();
        assert_eq!(refused, [false, true, true, true, false]);
        assert_eq!(changed(&request), ["frame_id"]);
        let reason = request.refusals[3].as_ref().map(ToString::to_string);
        assert!(reason.is_some_and(|reason| reason.contains("only read at start")));
    }

    #[test]
    fn read_only_parameter_may_be_set_to_its_value() {
        let request = check(&[
            ("qos.depth", Value::Integer(5)),
            ("qos.reliability", Value::String("reliable".into())),
        ]);
        assert_eq!(request.first_refusal(), None);
        assert_eq!(changed(&request), [] as [&str; 0]);
        let wrong_type = check(&[("qos.depth", Value::Bool(true))]);
        assert!(matches!(
            wrong_type.first_refusal(),
            Some(ParameterError::Type { .. })
        ));
    }

    #[test]
    fn later_of_two_values_is_used() {
        let twice = [
            ("frame_id", Value::String("one".into())),
            ("frame_id", Value::String("two".into())),
        ];
        let request = check(&twice);
        assert_eq!(request.settings.get("frame_id"), Some(&twice[1].1));
    }
}
