//! Parameter values given at start, with `--params-file` and `-p`.
//!
//! Precedence follows rclcpp (`rcl_yaml_param_parser`, `rclcpp::parameter_map_from`):
//!
//! - Files and `-p` are applied in the order of the command line. A section (`/**` for a `-p` without a node name) has the
//!   position where its name occurs first; later files and `-p` with the same name extend that section.
//! - Of all sections whose name matches the node, the later overrides the earlier, and within a section the later value.
//!   So a `-p` overrides the sections of files, except those that begin after the first `/**`: the log warns about these.
//! - Names match as a whole: `/**/x` in any namespace, `/*/x` in one of one level, `x` in the root namespace only.
//!
//! The values are parsed here instead of taken from rcl, which keeps one value per type, so that an earlier integer
//! overrides a later double, and which loses the text as written. It differs from rclcpp in these points only:
//!
//! - The last value wins, regardless of its type.
//! - A string parameter gets the text as written: `08`, `2e1`, `N` are names of sites. YAML's null (`~`, `null`) is
//!   refused without quotes.
//! - Values without effect are refused or logged, with file and line.

mod node_pattern;
mod param_argument;
mod params_file;
mod untyped_value;
mod warnings;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::escape::escape_invisible;
use super::settings::Settings;
use super::table::ParameterTable;
use params_file::ParamsFileError;
use untyped_value::UntypedValue;

/// Parameters that ROS tools set on every node and this node does not have.
const COMMON_PARAMETERS: [&str; 2] = ["use_sim_time", "start_type_description_service"];

/// All values given at start, for any node.
#[derive(Debug, Default)]
pub struct Overrides {
    /// Values in the order of the command line.
    values: Vec<Override>,
    /// Names of the sections, in the order of their first occurrence.
    sections: Vec<String>,
    files: Vec<ParamsFile>,
}

/// One value given at start.
#[derive(Debug)]
struct Override {
    section: String,
    name: String,
    value: UntypedValue,
    origin: ValueOrigin,
}

/// A parameter file: its sections with the lines of their beginning.
#[derive(Debug)]
struct ParamsFile {
    path: String,
    sections: Vec<(String, usize)>,
}

/// Source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ValueOrigin {
    /// Index of the file, its path and the line.
    File(usize, String, usize),
    /// The text after `-p`.
    Argument(String),
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_, path, line) => {
                write!(f, "parameter file {}, line {line}", escape_invisible(path))
            }
            Self::Argument(argument) => write!(f, "-p {}", escape_invisible(argument)),
        }
    }
}

/// Unusable value or file given at start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The file cannot be read.
    #[error("parameter file {} cannot be read: {reason}", escape_invisible(path))]
    Unreadable {
        /// Path as given.
        path: String,
        /// Error of the operating system.
        reason: String,
    },
    /// The content of the file is invalid.
    #[error("parameter file {}: {problem}", escape_invisible(path))]
    File {
        /// Path as given.
        path: String,
        /// The problem, with the line.
        problem: String,
    },
    /// The argument is malformed.
    #[error("-p {}: {problem}", escape_invisible(argument))]
    Argument {
        /// The text after `-p`.
        argument: String,
        /// The problem.
        problem: String,
    },
    /// The command line ends after a flag that needs a value.
    #[error("ROS arguments: {value} must follow {flag}")]
    MissingValue {
        /// The flag.
        flag: String,
        /// Description of the value.
        value: &'static str,
    },
    /// The value is not allowed.
    #[error("{origin}: {problem}")]
    Value {
        /// The file and line, or the argument.
        origin: String,
        /// The problem.
        problem: String,
    },
}

impl OverrideError {
    /// Returns whether a later start may succeed: the file may be on a share that is mounted later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// Parameter values of one node at start.
#[derive(Debug)]
pub struct StartValues {
    /// Values of all parameters, the defaults included.
    pub settings: Settings,
    /// Log lines about values that have no effect but probably should.
    pub warnings: Vec<String>,
    /// Log lines about values for other nodes.
    pub notes: Vec<String>,
}

impl Overrides {
    /// Reads a file and appends its sections. Returns all errors in it; what has none is appended.
    #[must_use]
    pub fn add_file(&mut self, path: &str) -> Vec<OverrideError> {
        let (sections, mistakes) = params_file::read_sections(Path::new(path));
        self.add_sections(path, sections);
        let to_error = |mistake| match mistake {
            ParamsFileError::Content(problem) => file_error(path, problem),
            ParamsFileError::Unreadable(error) => OverrideError::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            },
        };
        mistakes.into_iter().map(to_error).collect()
    }

    /// Appends the sections of a file that has already been read. Fails with the first error in it.
    pub fn add_file_contents(&mut self, path: &str, bytes: &[u8]) -> Result<(), OverrideError> {
        let (sections, mistakes) = params_file::parse_sections(bytes);
        self.add_sections(path, sections);
        let first = mistakes.into_iter().next();
        first.map_or(Ok(()), |problem| Err(file_error(path, problem)))
    }

    fn add_sections(&mut self, path: &str, sections: Vec<params_file::Section>) {
        let file = self.files.len();
        let mut beginnings = Vec::new();
        for section in sections {
            self.add_section(&section.name);
            for (name, value, line) in section.values {
                self.values.push(Override {
                    section: section.name.clone(),
                    name,
                    value,
                    origin: ValueOrigin::File(file, path.to_owned(), line),
                });
            }
            beginnings.push((section.name, section.line));
        }
        self.files.push(ParamsFile {
            path: path.to_owned(),
            sections: beginnings,
        });
    }

    /// Appends the value of a `-p`.
    pub fn add_argument(&mut self, argument: &str) -> Result<(), OverrideError> {
        let read = param_argument::parse_argument(argument).map_err(|problem| {
            OverrideError::Argument {
                argument: argument.to_owned(),
                problem,
            }
        })?;
        self.add_section(&read.section);
        self.values.push(Override {
            section: read.section,
            name: read.name,
            value: read.value,
            origin: ValueOrigin::Argument(argument.to_owned()),
        });
        Ok(())
    }

    fn add_section(&mut self, name: &str) {
        if !self.sections.iter().any(|known| known == name) {
            self.sections.push(name.to_owned());
        }
    }

    /// Returns the values of the parameters in `table` for the node of that fully qualified name. Fails with the first
    /// error.
    pub fn for_node(
        &self,
        node: &str,
        table: &'static ParameterTable,
    ) -> Result<StartValues, OverrideError> {
        let (start, errors) = self.examine_for_node(node, table);
        errors.into_iter().next().map_or(Ok(start), Err)
    }

    /// Returns the values of the parameters in `table` for the node of that fully qualified name, and all errors. A
    /// parameter with an error has its default.
    #[must_use]
    pub fn examine_for_node(
        &self,
        node: &str,
        table: &'static ParameterTable,
    ) -> (StartValues, Vec<OverrideError>) {
        let mut errors = Vec::new();
        let mut start = StartValues {
            settings: Settings::of(table),
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        self.warn_of_other_nodes(node, &mut start);
        self.warn_of_duplicates(node, &mut start);
        for (index, latest) in self.effective_values(node) {
            let value = &self.values[index];
            if latest != index {
                start.warnings.push(format!(
                    "{} has no effect: {} is set for {} too, which ROS puts above the section {} because that \
                     begins earlier; change it there",
                    self.values[latest].origin, value.origin, value.section, self.values[latest].section
                ));
            }
            errors.extend(value.apply_to(&mut start).err());
        }
        (start, errors)
    }

    /// Returns the index of the effective value and of the last given value, for each given parameter, in the order of
    /// the command line.
    fn effective_values(&self, node: &str) -> Vec<(usize, usize)> {
        let rank = self.section_ranks(node);
        let mut indices: Vec<usize> = (0..self.values.len())
            .filter(|&index| rank.contains_key(&*self.values[index].section))
            .collect();
        let mut latest: HashMap<&str, usize> = HashMap::new();
        for &index in &indices {
            latest.insert(&self.values[index].name, index);
        }
        // Stable sort: the order within a section is kept.
        indices.sort_by_key(|&index| rank[&*self.values[index].section]);
        let mut winners: HashMap<&str, usize> = HashMap::new();
        for index in indices {
            winners.insert(&self.values[index].name, index);
        }
        let mut effective: Vec<_> = winners
            .into_iter()
            .map(|(name, index)| (index, latest[name]))
            .collect();
        effective.sort_unstable();
        effective
    }

    /// Returns the sections that apply to a node, with their order.
    fn section_ranks(&self, node: &str) -> HashMap<&str, usize> {
        let matching = self.sections.iter().enumerate();
        matching
            .filter(|(_, section)| node_pattern::matches_node(section, node))
            .map(|(rank, section)| (&**section, rank))
            .collect()
    }
}

fn file_error(path: &str, problem: String) -> OverrideError {
    OverrideError::File {
        path: path.to_owned(),
        problem,
    }
}

impl Override {
    /// Sets the parameter, or warns of an unknown name.
    fn apply_to(&self, start: &mut StartValues) -> Result<(), OverrideError> {
        let Override {
            name,
            value,
            origin,
            ..
        } = self;
        if COMMON_PARAMETERS.contains(&&**name) {
            if value.is_true() {
                let reason = if name == "use_sim_time" {
                    ": its times are those of the system clock and of the server, as those of a sensor are; set it for the \
                     nodes that read a recording"
                } else {
                    ""
                };
                start.warnings.push(format!(
                    "{origin}: parameter {name} has no effect on this node{reason}"
                ));
            }
            return Ok(());
        }
        let parameter = match start.settings.table().require(name) {
            Ok(parameter) => parameter,
            Err(unknown) => {
                start.warnings.push(format!("ignored: {origin}: {unknown}"));
                return Ok(());
            }
        };
        value
            .to_value(parameter)
            .and_then(|value| start.settings.set(name, value))
            .map_err(|problem| OverrideError::Value {
                origin: origin.to_string(),
                problem: problem.to_string(),
            })
    }
}

#[cfg(test)]
mod tests;
