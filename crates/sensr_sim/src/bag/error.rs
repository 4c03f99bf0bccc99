//! Why a bag cannot be replayed.

use std::io;
use std::path::{Path, PathBuf};

use super::WIRE_TYPE;

/// Why a bag cannot be replayed. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder has bags in it, each in a folder of its own.
    #[error("{path} is a folder of bags: give one of {bags}")]
    FolderOfBags {
        /// The folder.
        path: PathBuf,
        /// The names of the bags in it.
        bags: String,
    },
    /// Every split of the bag was deleted or is empty.
    #[error("{0}: none of the files of this bag is left, or all of them are empty")]
    AllSplitsLost(PathBuf),
    /// The folder has no file of a bag.
    #[error("no *.mcap file in {0}")]
    NoFiles(PathBuf),
    /// The file has another content than its name says.
    #[error("{0} is not an MCAP file")]
    NotMcap(PathBuf),
    /// Compressed as a whole, by `ros2 bag record --compression-mode file`.
    #[error("{path} is compressed as a whole: unpack it first with `zstd -d {path}`")]
    CompressedFile {
        /// The file.
        path: PathBuf,
    },
    /// Every message is compressed, by `ros2 bag record --compression-mode message`.
    #[error(
        "the messages in {0} are compressed one by one: rewrite it with `ros2 bag convert` without a \
         compression_mode, or record with --storage-preset-profile zstd_fast"
    )]
    CompressedMessages(PathBuf),
    /// Recorded by another storage plugin.
    #[error(
        "{path} is a {storage} bag: rewrite it as MCAP with `ros2 bag convert`, or record with `-s mcap`"
    )]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// The plugin.
        storage: String,
    },
    /// Nothing to replay was recorded.
    #[error(
        "{path} has no topic of type {WIRE_TYPE}: publish.wire of the bridge must be on while recording \
         (topics: {topics})"
    )]
    NoWire {
        /// The file or folder.
        path: PathBuf,
        /// What there is instead.
        topics: String,
    },
    /// Several bridges were recorded.
    #[error("{path} has frames of several bridges: choose with --topic one of {topics}")]
    SeveralWires {
        /// The file or folder.
        path: PathBuf,
        /// What there is to choose from.
        topics: String,
    },
    /// The topic asked for has no frames.
    #[error("{path} has no topic {topic} of type {WIRE_TYPE}, but {topics}")]
    UnknownTopic {
        /// The file or folder.
        path: PathBuf,
        /// The topic asked for.
        topic: String,
        /// What there is to choose from.
        topics: String,
    },
    /// The frames are not written as ROS 2 writes them.
    #[error("{topic} in {path} has the message encoding {encoding:?}, it must be \"cdr\"")]
    Encoding {
        /// The file or folder.
        path: PathBuf,
        /// The topic.
        topic: String,
        /// As the bag names it.
        encoding: String,
    },
    /// The topic is there, but no frame that can be sent.
    #[error(
        "no frames in {path}: its topic {topic} has {broken} damaged messages and none that can be sent; record with \
         publish.wire set to true while the bridge is connected"
    )]
    NoFrames {
        /// The file or folder.
        path: PathBuf,
        /// The topic.
        topic: String,
        /// Messages that are no [`WIRE_TYPE`].
        broken: u64,
    },
}

/// Bags listed by name in an error.
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

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
