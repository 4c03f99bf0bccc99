//! Errors of replaying a bag.

use std::path::PathBuf;

use super::WIRE_TYPE;

/// Error of replaying a bag. Each message names the cure.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The bag cannot be opened or read.
    #[error(transparent)]
    Bag(#[from] ros_bag::BagError),
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
