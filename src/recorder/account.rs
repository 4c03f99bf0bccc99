//! Account of the recording: messages in the splits against those that the bridge published.

use std::collections::BTreeMap;

/// Counters of the bridge at one instant, from its statistics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedCounts {
    /// Stamp of the statistics, nanoseconds since the Unix epoch: taken before the counters were read.
    pub stamp_ns: u64,
    /// Start of the bridge's run: stamp minus uptime.
    pub run_start_ns: u64,
    /// Published messages by absolute topic.
    pub published: BTreeMap<String, u64>,
    /// Published bytes, as a sum over the recorded topics.
    pub published_bytes: u64,
}
