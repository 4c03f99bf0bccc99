//! Errors of opening and reading a bag.

use std::io;
use std::path::{Path, PathBuf};

/// Error of opening or reading a bag. Each message names the cure.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Path that was read.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The folder contains bags, each in its own folder.
    #[error("{path} is a folder of bags: give one of {bags}")]
    FolderOfBags {
        /// Path of the folder.
        path: PathBuf,
        /// Names of the bags in it.
        bags: String,
    },
    /// Every split of the bag is missing or empty.
    #[error("{0}: all files of this bag are missing or empty")]
    AllSplitsLost(PathBuf),
    /// The folder has no file of a bag.
    #[error("no *.mcap file in {0}")]
    NoFiles(PathBuf),
    /// The content of the file is not MCAP.
    #[error("{0} is not an MCAP file")]
    NotMcap(PathBuf),
    /// The file is compressed as a whole, by `ros2 bag record --compression-mode file`.
    #[error("{path} is compressed as a whole: decompress it first with `zstd -d {path}`")]
    CompressedFile {
        /// Path of the file.
        path: PathBuf,
    },
    /// The messages are compressed one by one, by `ros2 bag record --compression-mode message`.
    #[error(
        "the messages in {0} are compressed one by one: rewrite it with `ros2 bag convert` without a \
         compression_mode, or record with --storage-preset-profile zstd_fast"
    )]
    CompressedMessages(PathBuf),
    /// The bag was recorded by another storage plugin.
    #[error(
        "{path} is a {storage} bag: rewrite it as MCAP with `ros2 bag convert`, or record with `-s mcap`"
    )]
    Storage {
        /// Path of the file or folder.
        path: PathBuf,
        /// Name of the plugin.
        storage: String,
    },
}

/// Upper bound on the bags listed in an error.
const MAX_NAMED_BAGS: usize = 10;

impl BagError {
    pub(crate) fn folder_of_bags(path: &Path, bags: &[String]) -> Self {
        let more = match bags.len().saturating_sub(MAX_NAMED_BAGS) {
            0 => String::new(),
            more => format!(" or {more} more"),
        };
        let named = &bags[..bags.len().min(MAX_NAMED_BAGS)];
        Self::FolderOfBags {
            path: path.to_owned(),
            bags: format!("{}{more}", named.join(", ")),
        }
    }

    pub(crate) fn cannot_read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
