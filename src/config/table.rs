//! The tables of parameters, one for each executable with a node.
//!
//! `ros2 param describe` shows a table, `ros2 param set` is checked against it, and the shipped parameter file and
//! `docs/parameters.md` are generated from it.

mod bridge;
mod recorder;

pub use super::parameter::{Parameter, ParameterKind};
pub use bridge::BRIDGE;
pub use recorder::RECORDER;

use super::parameter::ParameterError;
use super::suggest::did_you_mean;

const MIB: i64 = 1 << 20;

/// All parameters of one executable.
#[derive(Debug, PartialEq)]
pub struct ParameterTable {
    /// Name of the executable, and of its node unless remapped.
    pub executable: &'static str,
    /// The parameters, in the order of the generated files.
    pub parameters: &'static [Parameter],
}

impl ParameterTable {
    /// Returns the parameter of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// Returns the parameter of that name, or an error that suggests the most similar one.
    pub fn require(&self, name: &str) -> Result<&'static Parameter, ParameterError> {
        self.find(name).ok_or_else(|| ParameterError::Unknown {
            name: name.to_owned(),
            suggestion: did_you_mean(name, self.names()),
        })
    }

    /// Returns the names of all parameters.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.parameters.iter().map(|parameter| parameter.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_in_range() {
        for table in [&BRIDGE, &RECORDER] {
            for (i, parameter) in table.parameters.iter().enumerate() {
                assert_eq!(table.find(parameter.name), Some(&table.parameters[i]));
                parameter
                    .check_value(parameter.default())
                    .expect("in range");
                assert!(parameter.description.ends_with('.'), "{}", parameter.name);
            }
        }
    }

    #[test]
    fn a_misspelt_name_is_looked_up_in_its_own_table() {
        let refusal = |table: &ParameterTable, name| {
            let refusal = table.require(name).expect_err("unknown");
            refusal.to_string()
        };
        assert_eq!(
            refusal(&BRIDGE, "keep_split"),
            "there is no parameter keep_split"
        );
        assert_eq!(
            refusal(&RECORDER, "keep_split"),
            "there is no parameter keep_split, did you mean keep_splits?"
        );
    }
}
