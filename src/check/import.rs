//! Conversion of the old Python recorder's configuration file into a hosts file, parameter files and a launch command.
//!
//! - `source`: tolerant reading, into a list of values with their keys and lines.
//! - `convert`: recognition of the values.
//! - `output`: the files that are written.
//!
//! Every value of the old file is in the report: carried over, changed, or not carried over, with the reason.

mod convert;
mod host;
mod output;
mod source;
mod target;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

use crate::config::text_file::MAX_BYTES;

/// Files to read and to write.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Configuration file of the old recorder.
    pub source: PathBuf,
    /// Folder for the new files, created if it is missing.
    pub folder: PathBuf,
    /// Overwrites files of another content.
    pub force: bool,
}

/// A value of the old file, and its fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedValue {
    /// Key and line in the old file, with the value.
    pub from: String,
    /// New place of the value, or the reason why there is none.
    pub note: String,
}

/// Result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Paths of the written files.
    pub files: Vec<PathBuf>,
    /// Remarks about the old file as a whole.
    pub remarks: Vec<String>,
    /// Values with the same meaning.
    pub carried: Vec<ImportedValue>,
    /// Values with another meaning.
    pub changed: Vec<ImportedValue>,
    /// Values that could not be carried over.
    pub lost: Vec<ImportedValue>,
}

/// Import that failed. Nothing has been written, unless the error says so.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The old file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Path of the old file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The old file is too large for a configuration.
    #[error("{} is larger than {MAX_BYTES} bytes: it is not a configuration file", path.display())]
    TooLarge {
        /// Path of the old file.
        path: PathBuf,
    },
    /// The old file is not YAML.
    #[error("{}: {problem}; correct the line, or remove it, and import again", path.display())]
    Content {
        /// Path of the old file.
        path: PathBuf,
        /// The problem, with the line.
        problem: String,
    },
    /// A file to be written is there with another content.
    #[error(
        "{} is there already and has another content: give another folder, or --force to overwrite it",
        path.display()
    )]
    Exists {
        /// Path of the file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// Converts the old file and writes the new ones.
pub fn run(options: &ImportOptions) -> Result<ImportReport, ImportError> {
    let source = source::read(&options.source)?;
    let folder = options.source.parent().unwrap_or(Path::new(""));
    let (target, mut report) = convert::convert(&source.values, folder);
    report.remarks = source.remarks;
    let name = options.source.file_name().unwrap_or_default();
    report.files = output::write(&target, &name.to_string_lossy(), options)?;
    Ok(report)
}

impl ImportReport {
    /// Returns whether a value was not carried over.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        !self.lost.is_empty()
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for remark in &self.remarks {
            writeln!(f, "note: {remark}")?;
        }
        for (title, values) in [
            ("Carried over:", &self.carried),
            ("Changed in meaning:", &self.changed),
            ("NOT carried over:", &self.lost),
        ] {
            if values.is_empty() {
                continue;
            }
            writeln!(f, "{title}")?;
            for value in values {
                writeln!(f, "  {}\n      {}", value.from, value.note)?;
            }
        }
        f.write_str("Written:\n")?;
        for file in &self.files {
            writeln!(f, "  {}", file.display())?;
        }
        let (carried, changed) = (self.carried.len(), self.changed.len());
        writeln!(
            f,
            "{carried} values carried over, {changed} changed, {} not carried over",
            self.lost.len()
        )
    }
}

/// Puts a text into single quotes for the shell.
fn shell_quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for letter in text.chars() {
        if letter == '\'' {
            quoted.push_str("'\\''");
        } else {
            let _ = write!(quoted, "{letter}");
        }
    }
    quoted + "'"
}
