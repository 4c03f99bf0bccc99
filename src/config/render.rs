//! The tables of parameters rendered as ROS parameter files and as a page of the documentation.

use std::fmt::Write as _;

use super::table::{BRIDGE, Parameter, ParameterKind, ParameterTable, RECORDER};

/// Returns a parameter file with the defaults of all parameters of a table, explained. It applies to nodes of any name.
#[must_use]
pub fn parameter_file(table: &ParameterTable) -> String {
    let name = table.executable;
    let mut yaml = format!(
        "# The parameters of {name} with their defaults, as `{name} --print-params` writes them.\n\
         # Copy this file, change what you need and start with `params_file:=your_file.yaml`.\n\
         /**:\n  ros__parameters:\n",
    );
    for (i, parameter) in table.parameters.iter().enumerate() {
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
        // declared type.
        let _ = writeln!(yaml, "    # {note}");
        let _ = writeln!(yaml, "    {}: {}", parameter.name, parameter.default());
    }
    yaml
}

/// Returns the reference of the parameters of all executables as a Markdown page.
#[must_use]
pub fn parameter_page() -> String {
    let mut page = String::from(
        "# Parameters\n\n\
         All parameters, generated from the tables in `src/config/table/`; *live* parameters can be changed with \
         `ros2 param set` at run time, the others are read at start only.\n",
    );
    for table in [&BRIDGE, &RECORDER] {
        let _ = write!(
            page,
            "\n## {}\n\n| name | type | default | allowed | change | description |\n|---|---|---|---|---|---|\n",
            table.executable
        );
        for parameter in table.parameters {
            write_row(&mut page, parameter);
        }
    }
    page
}

fn write_row(page: &mut String, parameter: &Parameter) {
    let _ = writeln!(
        page,
        "| `{}` | {} | `{}` | {} | {} | {} |",
        parameter.name,
        type_name(parameter),
        parameter.default(),
        parameter.allowed(),
        if parameter.read_only {
            "at start"
        } else {
            "live"
        },
        parameter.description,
    );
}

fn type_name(parameter: &Parameter) -> &'static str {
    match parameter.kind {
        ParameterKind::Bool { .. } => "bool",
        ParameterKind::Integer { .. } => "integer",
        ParameterKind::Double { .. } => "double",
        ParameterKind::String { .. } => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;
    use crate::config::schema::{hosts_schema, parameter_file_schema};
    use serde_yaml::Value as Yaml;

    /// Set to write the generated files instead of comparing them.
    const UPDATE_VARIABLE: &str = "UPDATE_DOCS";

    #[track_caller]
    fn assert_is_current(file: &str, generated: &str) {
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os(UPDATE_VARIABLE).is_some() {
            std::fs::write(&path, generated).expect("a writable file");
        }
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            current, generated,
            "{file} differs from the parameter table, regenerate it: \
             {UPDATE_VARIABLE}=1 cargo test --no-default-features --lib config::render"
        );
    }

    #[test]
    fn shipped_parameter_files_are_generated_from_the_tables() {
        assert_is_current("config/sensr_bridge.yaml", &parameter_file(&BRIDGE));
        assert_is_current("config/sensr_recorder.yaml", &parameter_file(&RECORDER));
    }

    #[test]
    fn shipped_schemas_are_generated_from_the_tables() {
        for (name, schema) in [
            ("hosts", hosts_schema()),
            (BRIDGE.executable, parameter_file_schema(&BRIDGE)),
            (RECORDER.executable, parameter_file_schema(&RECORDER)),
        ] {
            let text = serde_json::to_string_pretty(&schema).expect("JSON");
            assert_is_current(&format!("config/schema/{name}.schema.json"), &(text + "\n"));
        }
    }

    #[test]
    fn documentation_page_is_generated_from_the_tables() {
        assert_is_current("docs/parameters.md", &parameter_page());
    }

    #[test]
    fn page_has_one_well_formed_row_per_parameter() {
        let page = parameter_page();
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let count = BRIDGE.parameters.len() + RECORDER.parameters.len();
        assert_eq!(rows.clone().count(), count);
        for row in rows {
            assert_eq!(row.matches('|').count(), 7, "{row}");
        }
    }

    #[test]
    fn parameter_file_reads_back_as_the_defaults_with_their_types() {
        for table in [&BRIDGE, &RECORDER] {
            let yaml: Yaml = serde_yaml::from_str(&parameter_file(table)).expect("valid YAML");
            let parameters = yaml["/**"]["ros__parameters"]
                .as_mapping()
                .expect("mapping");
            assert_eq!(parameters.len(), table.parameters.len());
            for parameter in table.parameters {
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
}
