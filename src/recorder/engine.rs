//! The recorder: keeps the stock recorder running, and the recording within its limits.

use std::path::Path;
use std::time::Instant;

use super::account::PublishedCounts;
use super::report::RecordingReport;
use crate::config::RecorderConfig;

/// Reason why the recorder cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The configuration, or the installed stock recorder, cannot do what is asked for. Starting again does not help.
    #[error("{0}")]
    Invalid(String),
    /// Any other failure. Starting again may help.
    #[error("{0}")]
    Failed(String),
}

/// Way in which the open split is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitMethod {
    /// The service `split_bagfile` of the stock recorder's node is to be called. If that fails,
    /// [`Recorder::begin_new_bag`] does it.
    Service {
        /// Absolute name of the node.
        node_name: String,
    },
    /// The recording goes on in a new bag; nothing is left to do.
    NewBag,
}

/// Supervisor of the stock recorder of one bridge.
///
/// No method blocks, except [`start`](Self::start).
#[derive(Debug)]
pub struct Recorder {}

impl Recorder {
    /// Starts recording. Asks the stock recorder once for its options, which takes seconds.
    pub fn start(_config: RecorderConfig, _namespace: &str) -> Result<Self, RecorderError> {
        todo!()
    }

    /// Applies another configuration. The recording goes on in a new bag if the command line changes.
    pub fn apply(&mut self, _config: RecorderConfig) {
        todo!()
    }

    /// Takes the counters of the bridge, once per second. `published_bytes` counts the recorded topics only.
    pub fn on_statistics(&mut self, _counts: PublishedCounts) {
        todo!()
    }

    /// Takes a message of `events/write_split`, of any recorder.
    pub fn on_write_split(&mut self, _closed: &Path, _opened: &Path) {
        todo!()
    }

    /// Closes the open split, or tells how. Fails, with the reason, if nothing is being recorded.
    pub fn split(&mut self) -> Result<SplitMethod, String> {
        todo!()
    }

    /// Goes on recording in a new bag.
    pub fn begin_new_bag(&mut self) {
        todo!()
    }

    /// Pauses the recording. Fails while stopping.
    pub fn pause(&mut self) -> Result<(), String> {
        todo!()
    }

    /// Resumes the recording. Fails while stopping.
    pub fn resume(&mut self) -> Result<(), String> {
        todo!()
    }

    /// Observes the stock recorder and does what is due, every 0.1 s.
    pub fn poll(&mut self, _now: Instant) {
        todo!()
    }

    /// Returns the state and figures at `now`.
    #[must_use]
    pub fn report(&self, _now: Instant) -> RecordingReport {
        todo!()
    }

    /// Begins to stop: ends the stock recorder in order, takes the last accounts.
    pub fn begin_stop(&mut self) {
        todo!()
    }

    /// True once everything is stopped and on the disk.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        todo!()
    }
}
