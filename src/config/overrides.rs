//! Parameter values given at start, with `--params-file` and `-p`.
//!
//! The rules are those of rclcpp (`rcl_yaml_param_parser`, `rclcpp::parameter_map_from`):
//!
//! - Files and `-p` count in the order of the command line. A section, `/**` for a `-p` without a node's name, stands
//!   where its name occurs first; what later files and `-p` have for the same name goes into that section.
//! - Of all sections whose name matches the node the later goes over the earlier, and in a section the later value. So
//!   a `-p` goes over the sections of files, except over one that begins behind the first `/**`: that is warned of.
//! - Names match whole: `/**/x` in any namespace, `/*/x` in one of one level, `x` in the root namespace only.
//!
//! Read here and not taken from rcl, which keeps one value of each type, so that an earlier whole number beats a later
//! decimal, and forgets how a value was written. It differs from rclcpp where that helps only:
//!
//! - The last value counts, whatever its type.
//! - A parameter that is a text gets the text as it was written: `08`, `2e1`, `N` are names of sites. YAML's words for
//!   no value (`~`, `null`) are refused without quotes.
//! - What can have no effect is refused or warned of, with file and line.

mod given;
mod node_pattern;
mod param_argument;
mod params_file;
mod scalar;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use super::escape::escape_invisible;
use super::parameter::ParameterError;
use super::settings::Settings;
use super::suggest::is_similar;
use super::table;
use given::Given;
use params_file::Problem;

/// Parameters every node is handed by ROS tools, that mean nothing here.
const FOREIGN: [&str; 2] = ["use_sim_time", "start_type_description_service"];

/// All values given at start, for whatever node.
#[derive(Debug, Default)]
pub struct Overrides {
    /// In the order of the command line.
    values: Vec<Override>,
    /// The names of sections, in the order in which they first occur.
    sections: Vec<String>,
    files: Vec<ReadFile>,
}

/// One value.
#[derive(Debug)]
struct Override {
    section: String,
    name: String,
    given: Given,
    place: Place,
}

/// The sections of a file, and where they begin.
#[derive(Debug)]
struct ReadFile {
    path: String,
    sections: Vec<(String, usize)>,
}

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Index of the file, its path and the line.
    File(usize, String, usize),
    /// The text behind `-p`.
    Argument(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_, path, line) => {
                write!(f, "parameter file {}, line {line}", escape_invisible(path))
            }
            Self::Argument(argument) => write!(f, "-p {}", escape_invisible(argument)),
        }
    }
}

/// A value or file given at start that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The file cannot be read.
    #[error("parameter file {} cannot be read: {reason}", escape_invisible(path))]
    Unreadable {
        /// As given.
        path: String,
        /// Answer of the system.
        reason: String,
    },
    /// The file cannot be used.
    #[error("parameter file {}: {problem}", escape_invisible(path))]
    File {
        /// As given.
        path: String,
        /// The problem, with the line.
        problem: String,
    },
    /// The argument is malformed.
    #[error("-p {}: {problem}", escape_invisible(argument))]
    Argument {
        /// The text behind `-p`.
        argument: String,
        /// The problem.
        problem: String,
    },
    /// The command line ends after a flag that a value must follow.
    #[error("ROS arguments: {value} must follow {flag}")]
    MissingValue {
        /// The flag.
        flag: String,
        /// Description of the value.
        value: &'static str,
    },
    /// The value is not allowed.
    #[error("{place}: {problem}")]
    Value {
        /// The file and line, or the argument.
        place: String,
        /// The problem.
        problem: String,
    },
}

impl OverrideError {
    /// Returns whether starting again later can help: the file may be on a share that is mounted later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// The values given at start, as they are for one node.
#[derive(Debug)]
pub struct StartValues {
    /// Of every parameter, the default where none was given.
    pub settings: Settings,
    /// Lines for the log about values that should have an effect and have none.
    pub warnings: Vec<String>,
    /// Lines for the log about values that have no effect and need not have one.
    pub notes: Vec<String>,
}

impl Overrides {
    /// Reads a file and adds its sections behind what there is.
    pub fn add_file(&mut self, path: &str) -> Result<(), OverrideError> {
        let path = path.to_owned();
        match params_file::read(Path::new(&path)) {
            Ok(sections) => {
                self.add_sections(&path, sections);
                Ok(())
            }
            Err(Problem::Content(problem)) => Err(OverrideError::File { path, problem }),
            Err(Problem::Unreadable(error)) => Err(OverrideError::Unreadable {
                path,
                reason: error.to_string(),
            }),
        }
    }

    /// Adds a file that has been read already.
    pub fn add_file_contents(&mut self, path: &str, bytes: &[u8]) -> Result<(), OverrideError> {
        let sections = params_file::parse(bytes).map_err(|problem| OverrideError::File {
            path: path.to_owned(),
            problem,
        })?;
        self.add_sections(path, sections);
        Ok(())
    }

    fn add_sections(&mut self, path: &str, sections: Vec<params_file::Section>) {
        let file = self.files.len();
        let mut places = Vec::new();
        for section in sections {
            self.add_section(&section.name);
            for (name, given, line) in section.values {
                self.values.push(Override {
                    section: section.name.clone(),
                    name,
                    given,
                    place: Place::File(file, path.to_owned(), line),
                });
            }
            places.push((section.name, section.line));
        }
        self.files.push(ReadFile {
            path: path.to_owned(),
            sections: places,
        });
    }

    /// Adds what follows a `-p` behind what there is.
    pub fn add_argument(&mut self, argument: &str) -> Result<(), OverrideError> {
        let read = param_argument::parse(argument).map_err(|problem| OverrideError::Argument {
            argument: argument.to_owned(),
            problem,
        })?;
        self.add_section(&read.section);
        self.values.push(Override {
            section: read.section,
            name: read.name,
            given: read.given,
            place: Place::Argument(argument.to_owned()),
        });
        Ok(())
    }

    fn add_section(&mut self, name: &str) {
        if !self.sections.iter().any(|known| known == name) {
            self.sections.push(name.to_owned());
        }
    }

    /// The values for the node of that fully qualified name.
    pub fn for_node(&self, node: &str) -> Result<StartValues, OverrideError> {
        let mut start = StartValues {
            settings: Settings::default(),
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        self.tell_of_other_nodes(node, &mut start);
        self.tell_of_repeated(node, &mut start);
        for (index, latest) in self.effective(node) {
            let value = &self.values[index];
            if latest != index {
                start.warnings.push(format!(
                    "{} has no effect: {} is set for {} too, which ROS puts above the section {} because that \
                     begins earlier; change it there",
                    self.values[latest].place, value.place, value.section, self.values[latest].section
                ));
            }
            value.apply(&mut start)?;
        }
        Ok(start)
    }

    /// Index of the value that counts, and of the last given, for each parameter that is given. In the order of the
    /// command line.
    fn effective(&self, node: &str) -> Vec<(usize, usize)> {
        let rank = self.ranks(node);
        let mut indices: Vec<usize> = (0..self.values.len())
            .filter(|&index| rank.contains_key(&*self.values[index].section))
            .collect();
        let mut latest: HashMap<&str, usize> = HashMap::new();
        for &index in &indices {
            latest.insert(&self.values[index].name, index);
        }
        // Stable: in a section the order stays.
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

    /// The sections for a node and their order.
    fn ranks(&self, node: &str) -> HashMap<&str, usize> {
        let matching = self.sections.iter().enumerate();
        matching
            .filter(|(_, section)| node_pattern::matches(section, node))
            .map(|(rank, section)| (&**section, rank))
            .collect()
    }

    /// Sections and arguments for other nodes. A warning if this one may have been meant.
    fn tell_of_other_nodes(&self, node: &str, start: &mut StartValues) {
        let mine = self.ranks(node);
        for file in &self.files {
            let ReadFile { path, sections } = file;
            let path = escape_invisible(path);
            let others: BTreeMap<&str, usize> = sections
                .iter()
                .rev()
                .map(|(name, line)| (&**name, *line))
                .filter(|(name, _)| !mine.contains_key(name))
                .collect();
            let names = others.keys().copied().collect::<Vec<_>>().join(", ");
            if sections.is_empty() {
                start
                    .warnings
                    .push(format!("there are no parameters in {path}"));
            } else if sections.len()
                == sections
                    .iter()
                    .filter(|(name, _)| others.contains_key(&**name))
                    .count()
            {
                start.warnings.push(format!(
                    "nothing in {path} is for {node}, it is for {names}"
                ));
            } else {
                for (name, line) in others {
                    let told = format!("{path}, line {line}: {name} is another node than {node}");
                    if has_similar_name(name, node) {
                        start.warnings.push(format!("ignored: {told}"));
                    } else {
                        start.notes.push(told);
                    }
                }
            }
        }
        for Override { section, place, .. } in &self.values {
            if matches!(place, Place::Argument(_)) && !mine.contains_key(&**section) {
                start.warnings.push(format!(
                    "ignored: {place}: it is for /{section}, and this node is {node}"
                ));
            }
        }
    }

    /// Parameters that stand twice in a section of a file.
    fn tell_of_repeated(&self, node: &str, start: &mut StartValues) {
        let mine = self.ranks(node);
        let mut seen: HashMap<(usize, &str, &str), usize> = HashMap::new();
        for value in &self.values {
            if let (Place::File(file, path, line), true) =
                (&value.place, mine.contains_key(&*value.section))
            {
                let key = (*file, &*value.section, &*value.name);
                if let Some(earlier) = seen.insert(key, *line) {
                    start.warnings.push(format!(
                        "{}, line {earlier}: {} has no effect, line {line} sets it again for {}",
                        escape_invisible(path),
                        value.name.escape_debug(),
                        value.section
                    ));
                }
            }
        }
    }
}

impl Override {
    /// Sets the parameter, or warns of a name that is none.
    fn apply(&self, start: &mut StartValues) -> Result<(), OverrideError> {
        let Override {
            name, given, place, ..
        } = self;
        if FOREIGN.contains(&&**name) {
            if given.is_true() {
                start.warnings.push(format!(
                    "{place}: parameter {name} has no effect on this node"
                ));
            }
            return Ok(());
        }
        let Some(parameter) = table::find(name) else {
            let unknown = ParameterError::Unknown { name: name.clone() };
            start.warnings.push(format!("ignored: {place}: {unknown}"));
            return Ok(());
        };
        given
            .value_for(parameter)
            .and_then(|value| start.settings.set(name, value))
            .map_err(|problem| OverrideError::Value {
                place: place.to_string(),
                problem: problem.to_string(),
            })
    }
}

/// Returns whether a section may be meant for the node: the same name in another namespace, or a similar name.
fn has_similar_name(section: &str, node: &str) -> bool {
    is_similar(
        node_pattern::base_name(section),
        node_pattern::base_name(node),
    )
}

#[cfg(test)]
mod tests;
