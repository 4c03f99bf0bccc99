//! Errors of replaying a bag.

use std::io;
use std::path::{Path, PathBuf};

use super::WIRE_TYPE;

/// Error of replaying a bag. Each message names the cure.
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
    /// No topic has frames.
    #[error(
        "{path} has no topic of type {WIRE_TYPE}: publish.wire of the bridge must be on while recording \
         (topics: {topics})"
    )]
    NoWire {
        /// Path of the file or folder.
        path: PathBuf,
        /// Topics of the bag.
        topics: String,
    },
    /// Several topics have frames.
    #[error("{path} has frames of several bridges: choose one with --topic: {topics}")]
    SeveralWires {
        /// Path of the file or folder.
        path: PathBuf,
        /// Topics with frames.
        topics: String,
    },
    /// The requested topic has no frames.
    #[error("{path} has no topic {topic} of type {WIRE_TYPE}; it has {topics}")]
    UnknownTopic {
        /// Path of the file or folder.
        path: PathBuf,
        /// Requested topic.
        topic: String,
        /// Topics with frames.
        topics: String,
    },
    /// The frames are not serialized in CDR.
    #[error("{topic} in {path} has the message encoding {encoding:?}, it must be \"cdr\"")]
    Encoding {
        /// Path of the file or folder.
        path: PathBuf,
        /// Topic of the frames.
        topic: String,
        /// Encoding named by the bag.
        encoding: String,
    },
    /// The topic has no frame that can be sent.
    #[error(
        "no frames in {path}: its topic {topic} has {broken} damaged messages and no valid one; record with publish.wire \
         set to true while the bridge is connected"
    )]
    NoFrames {
        /// Path of the file or folder.
        path: PathBuf,
        /// Topic of the frames.
        topic: String,
        /// Number of messages that are not a [`WIRE_TYPE`].
        broken: u64,
    },
}

/// Upper bound on the bags listed in an error.
const MAX_NAMED_BAGS: usize = 10;

impl BagError {
    pub(super) fn folder_of_bags(path: &Path, bags: &[String]) -> Self {
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

    pub(super) fn cannot_read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
