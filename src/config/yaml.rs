//! The parameter table as a ROS parameter file.

use std::fmt::Write as _;

use super::table::PARAMETERS;

/// A parameter file with every parameter at its default, explained. It holds for nodes of any name.
#[must_use]
pub fn defaults() -> String {
    let mut yaml = String::from(
        "# The parameters of sensr_bridge with their defaults, as `sensr_bridge --print-params` writes them.\n\
         # Copy this file, change what you need and start with `params_file:=your_file.yaml`.\n\
         /**:\n  ros__parameters:\n",
    );
    for (i, parameter) in PARAMETERS.iter().enumerate() {
        let mut note = parameter.description.to_owned();
        let allowed = parameter.allowed();
        if !allowed.is_empty() {
            let _ = write!(note, " Allowed: {allowed}.");
        }
        note.push_str(if parameter.read_only {
            " Read at start only."
        } else {
            ""
        });
        if i > 0 {
            yaml.push('\n');
        }
        // Values print with the point of a double and the quotes of a string, so that ROS reads the
        // type that is meant.
        let _ = writeln!(yaml, "    # {note}");
        let _ = writeln!(yaml, "    {}: {}", parameter.name, parameter.default());
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;
    use serde_yaml::Value as Yaml;

    #[test]
    fn the_shipped_file_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/sensr_bridge.yaml");
        let shipped = std::fs::read_to_string(path).expect("config/sensr_bridge.yaml");
        assert_eq!(
            shipped,
            defaults(),
            "write it anew: sensr_bridge --print-params > config/sensr_bridge.yaml"
        );
    }

    #[test]
    fn reads_back_as_the_defaults_with_their_types() {
        let yaml: Yaml = serde_yaml::from_str(&defaults()).expect("valid YAML");
        let parameters = yaml["/**"]["ros__parameters"]
            .as_mapping()
            .expect("mapping");
        assert_eq!(parameters.len(), PARAMETERS.len());
        for parameter in PARAMETERS {
            let read = match &parameters[parameter.name] {
                Yaml::Bool(value) => Value::Bool(*value),
                Yaml::Number(value) if value.is_f64() => Value::Double(value.as_f64().unwrap()),
                Yaml::Number(value) => Value::Integer(value.as_i64().unwrap()),
                Yaml::String(value) => Value::String(value.clone()),
                other => panic!("{}: {other:?}", parameter.name),
            };
            assert_eq!(read, parameter.default());
        }
    }
}
