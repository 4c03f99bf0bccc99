//! Failures of reading, repairing and describing splits.

use std::io;
use std::path::{Path, PathBuf};

use mcap::McapError;

/// Reason why a split, or the folder it is in, could not be read or written. Each text names the file and the cure.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// A file system call failed.
    #[error("cannot {attempt} {}: {source}; {}", path.display(), cure_of(source))]
    Io {
        /// Failed operation, as a verb.
        attempt: &'static str,
        /// File or folder.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The file has no end: its recorder was killed, or the power failed.
    #[error(
        "{} ends without a summary because its recorder was cut off; repair it with sensr_recorder's next start, or \
         with `mcap recover {} -o REPAIRED.mcap`",
        path.display(), path.display()
    )]
    Cut {
        /// The split.
        path: PathBuf,
    },
    /// The file is no MCAP file, or damaged within.
    #[error(
        "{} is damaged: {problem}; move it out of the folder, or save what can be read with \
         `mcap recover {} -o REPAIRED.mcap`",
        path.display(), path.display()
    )]
    Damaged {
        /// The split.
        path: PathBuf,
        /// Problem as the library or the check words it.
        problem: String,
    },
    /// The disk has no room for the repaired file.
    #[error(
        "cannot repair {}: this takes {needed_bytes} bytes of disk space and {free_bytes} are free; make room and \
         start sensr_recorder again, or run `mcap recover {} -o /OTHER/DISK/REPAIRED.mcap`",
        path.display(), path.display()
    )]
    NoRoom {
        /// The split.
        path: PathBuf,
        /// Bytes that the repaired file takes.
        needed_bytes: u64,
        /// Bytes that are free.
        free_bytes: u64,
    },
}

impl SplitError {
    /// Returns a conversion of I/O errors, for `map_err`.
    pub(super) fn io(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io {
            attempt,
            path: path.to_owned(),
            source,
        }
    }

    /// Returns a conversion of the library's errors while a split is read, for `map_err`.
    pub(super) fn mcap(path: &Path) -> impl Fn(McapError) -> Self {
        move |error| match error {
            McapError::Io(source) => Self::io("read", path)(source),
            other => Self::damaged(path, &other.to_string()),
        }
    }

    pub(super) fn damaged(path: &Path, problem: &str) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

fn cure_of(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "give the user of sensr_recorder the right to read and write it"
        }
        io::ErrorKind::NotFound => "it was moved or deleted",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "mount the disk for writing",
        _ => "check the disk",
    }
}
