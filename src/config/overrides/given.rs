//! A value as it was given, before it is known what it is for.

use super::scalar;
use crate::config::parameter::{Parameter, ParameterError, ParameterKind, Value};
use crate::config::yaml_tree::{Content, Node, Scalar};

/// A value given at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// A single value.
    Scalar(Scalar),
    /// A list of single values.
    List,
}

impl Given {
    /// A list, with the demands of rcl: single values of one type. An error is one sentence.
    pub(super) fn list(items: &[Node]) -> Result<Self, String> {
        let mut types = items.iter().map(|item| match &item.content {
            Content::Scalar(scalar) if scalar.is_missing() => Err(format!(
                "line {}: an item of the list has no value",
                item.line
            )),
            Content::Scalar(scalar) => {
                Ok((item.line, std::mem::discriminant(&scalar::typed(scalar))))
            }
            Content::List(_) | Content::Map(_) => Err(format!(
                "line {}: a list can hold single values only",
                item.line
            )),
        });
        if let Some(first) = types.next() {
            let (_, expected) = first?;
            for found in types {
                let (line, found) = found?;
                if found != expected {
                    return Err(format!(
                        "line {line}: the items of a list must be of one type"
                    ));
                }
            }
        }
        Ok(Self::List)
    }

    /// The value for a parameter, checked by its type alone. A parameter that is a text gets the text as written,
    /// whatever number or boolean YAML takes it for.
    pub(super) fn value_for(&self, parameter: &Parameter) -> Result<Value, ParameterError> {
        let Self::Scalar(scalar) = self else {
            return Err(parameter.wrong_type("a list".to_owned()));
        };
        if let ParameterKind::String { .. } = parameter.kind {
            return if scalar::is_null(scalar) {
                Err(ParameterError::NoValue {
                    name: parameter.name,
                    text: scalar.text.clone(),
                })
            } else {
                Ok(Value::String(scalar.text.clone()))
            };
        }
        let value = scalar::typed(scalar);
        if scalar.is_text {
            let unquoted = scalar::typed(&Scalar {
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

    /// `true`, or another word for it.
    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar::typed(scalar) == Value::Bool(true))
    }
}
