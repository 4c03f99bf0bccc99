//! Errors of all commands.

use std::io;
use std::path::{Path, PathBuf};

/// Error that ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The recording cannot be read.
    #[error(transparent)]
    Bag(#[from] ros_bag::BagError),
    /// The recording has none of the topics that the command reads.
    #[error("{path} has no topic {wanted} ({topics})")]
    NoTopic {
        path: PathBuf,
        wanted: String,
        topics: String,
    },
    /// The definition of a type is missing or cannot be parsed.
    #[error("{topic}: {reason}")]
    Type { topic: String, reason: String },
    /// Nothing is in the range of time.
    #[error("{path} has no messages of the chosen topics in the chosen time: {hint}")]
    Nothing { path: PathBuf, hint: String },
    /// The output cannot be written.
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The output is there already.
    #[error("{0} exists already: choose another name, or give --overwrite")]
    Exists(PathBuf),
    /// The folder of the output is there already.
    #[error("{0} exists already and is not empty: choose another folder")]
    FolderExists(PathBuf),
    /// The name of the output does not tell its format.
    #[error("{path}: the format is told by the ending of the name, {endings}")]
    Format {
        path: PathBuf,
        endings: &'static str,
    },
    /// An argument makes no sense.
    #[error("{0}")]
    Argument(String),
    /// The converted messages cannot be written.
    #[error("cannot decode: {0}")]
    Decode(String),
}

impl Error {
    /// Returns what makes an error of writing this path.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// Returns whether the reader of standard output has closed it.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
