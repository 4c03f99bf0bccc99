//! Changes of a running node: all parameters of a request are looked at together.
//!
//! A change that is wrong by itself (an unknown name, a wrong type, out of range, read-only) is refused by itself. The rest must
//! fit as a whole, in whatever order it was sent: `ros2 param load` sends the names of a file sorted by letters.

use super::parameter::{ParameterError, Value};
use super::settings::Settings;
use super::table;

/// A request, checked parameter by parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRequest {
    /// The parameters as they would be without those that are refused.
    pub settings: Settings,
    /// Why it is refused, for each parameter of the request. `None` for those that are not.
    pub refusals: Vec<Option<ParameterError>>,
}

impl SetRequest {
    /// Checks each of `changes` by itself. Of two values for one parameter the later counts.
    pub fn check<'n>(
        current: &Settings,
        changes: impl IntoIterator<Item = (&'n str, Result<Value, ParameterError>)>,
    ) -> Self {
        let mut settings = current.clone();
        let refusals = changes
            .into_iter()
            .map(|(name, value)| {
                value
                    .and_then(|value| change(&mut settings, current, name, value))
                    .err()
            })
            .collect();
        Self { settings, refusals }
    }

    /// The first reason to refuse a parameter.
    #[must_use]
    pub fn first_refusal(&self) -> Option<&ParameterError> {
        self.refusals.iter().flatten().next()
    }

    /// The names of the parameters that differ from `current`.
    #[must_use]
    pub fn changed(&self, current: &Settings) -> Vec<&'static str> {
        let names = table::PARAMETERS.iter().map(|parameter| parameter.name);
        names
            .filter(|name| self.settings.get(name) != current.get(name))
            .collect()
    }
}

fn change(
    settings: &mut Settings,
    current: &Settings,
    name: &str,
    value: Value,
) -> Result<(), ParameterError> {
    let Some(parameter) = table::find(name).filter(|parameter| parameter.read_only) else {
        return settings.set(name, value);
    };
    // A dumped file can be loaded again.
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

    fn check(changes: &[(&str, Value)]) -> SetRequest {
        let changes = changes
            .iter()
            .map(|(name, value)| (*name, Ok(value.clone())));
        SetRequest::check(&Settings::default(), changes)
    }

    fn changed(request: &SetRequest) -> Vec<&'static str> {
        request.changed(&Settings::default())
    }

    #[test]
    fn what_fits_together_is_taken_in_any_order() {
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
    fn what_is_wrong_by_itself_is_refused_by_itself() {
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
    fn a_read_only_parameter_may_be_set_to_what_it_is() {
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
    fn the_later_of_two_values_counts() {
        let twice = [
            ("frame_id", Value::String("one".into())),
            ("frame_id", Value::String("two".into())),
        ];
        let request = check(&twice);
        assert_eq!(request.settings.get("frame_id"), Some(&twice[1].1));
    }
}
