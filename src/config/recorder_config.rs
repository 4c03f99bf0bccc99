//! Checked parameters of `sensr_recorder`.

use std::path::PathBuf;
use std::time::Duration;

use crate::connection::backoff;

/// Checked parameters of `sensr_recorder`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecorderConfig {
    /// Folder for recordings, absolute.
    pub output_dir: PathBuf,
    /// Longest duration of a split. Zero: unlimited.
    pub split_duration: Duration,
    /// Largest size of a split in bytes. 0: unlimited.
    pub split_size: u64,
    /// Number of closed splits to keep. 0: all.
    pub keep_splits: u64,
    /// Total size in bytes of the recordings to keep. 0: unlimited.
    pub keep_bytes: u64,
    /// Floor of free disk space in bytes.
    pub min_free_bytes: u64,
    /// Floor of free disk space in percent of the disk. The higher of both floors applies.
    pub min_free_percent: f64,
    /// MCAP preset of the stock recorder. `None` for its default.
    pub storage_preset: Option<String>,
    /// Names of the topics to record, relative to the namespace or absolute, `*` for any part of a name. Empty: all
    /// topics of the bridge, `/diagnostics`, `/tf_static` and `/rosout`.
    pub topics: Vec<String>,
    /// Names of topics to leave out, written like `topics`.
    pub exclude: Vec<String>,
    /// Size in bytes of each of the two caches of the stock recorder.
    pub max_cache_bytes: u64,
    /// Delays between starts of the stock recorder.
    pub restart: backoff::BackoffLimits,
    /// Time without growth of the open split, while the bridge publishes, after which the stock recorder counts as
    /// stalled.
    pub stall_timeout: Duration,
}
