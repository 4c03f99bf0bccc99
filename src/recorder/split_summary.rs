//! Summary of a closed split: topics, counts and times, read from the end of the file without its payload.
//!
//! The summary section of MCAP (<https://mcap.dev/spec#summary-section>) holds the number of messages of each channel,
//! and an index of each chunk. The indexes are read one after the other and not kept, so that a file of 40 GB takes no
//! more memory than a small one.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::split_error::SplitError;

mod counts;
mod section;

#[cfg(test)]
mod tests;

pub use counts::counts_before;
pub(super) use section::read_footer;

/// Topic of a split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitTopic {
    /// Messages.
    pub count: u64,
    /// Message type, such as `sensor_msgs/msg/PointCloud2`.
    pub message_type: String,
    /// Encoding of the messages, `cdr`.
    pub encoding: String,
    /// Metadata of the channel: `offered_qos_profiles` and, since Iron, `topic_type_hash`.
    pub metadata: BTreeMap<String, String>,
}

/// Index of the messages of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitIndex {
    /// The messages are in chunks, and each chunk has its index.
    Chunks,
    /// The messages have no index: the preset `fastwrite` writes no chunks. What was received before
    /// a time follows only from the headers of all messages.
    Absent,
}

/// Summary of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitSummary {
    /// Topics with their number of messages, by absolute name.
    pub topics: BTreeMap<String, SplitTopic>,
    /// All messages.
    pub message_count: u64,
    /// Earliest and latest `log_time` in nanoseconds since the Unix epoch. 0 without messages.
    pub start_ns: u64,
    /// See [`start_ns`](Self::start_ns).
    pub end_ns: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Number of chunks.
    pub chunks: u32,
    /// Index of the messages.
    pub index: SplitIndex,
}

/// Reads the summary of a closed split.
pub fn read(path: &Path) -> Result<SplitSummary, SplitError> {
    let file = File::open(path).map_err(SplitError::io("open", path))?;
    let mut summary = section::Collector::default();
    let bytes = section::read_section(path, &file, |record| summary.add(record))?;
    summary.finish(path, bytes)
}
