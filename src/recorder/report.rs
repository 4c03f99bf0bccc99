//! State of the recording, field by field as in `msg/RecordingStatus.msg`.

use std::path::PathBuf;
use std::time::Duration;

/// State of the recording. The numbers are those of `RecordingStatus.msg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordingState {
    /// The stock recorder has been started and has not written anything yet.
    Starting = 0,
    /// Messages reach the disk.
    Recording = 1,
    /// Paused by `~/pause`, until `~/resume`.
    Paused = 2,
    /// Paused because free disk space is below its floor; continues by itself.
    DiskFull = 3,
    /// The stock recorder ended, or was ended because it did not write; it is started again after a delay.
    Retrying = 4,
    /// Shutting down: the stock recorder writes its index.
    Stopping = 5,
}

impl RecordingState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Recording,
        Self::Paused,
        Self::DiskFull,
        Self::Retrying,
        Self::Stopping,
    ];

    /// Returns the number of the state in `RecordingStatus.msg`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the name of the state, for diagnostics and log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Recording => "recording",
            Self::Paused => "paused",
            Self::DiskFull => "disk full",
            Self::Retrying => "retrying",
            Self::Stopping => "stopping",
        }
    }

    /// Returns the name of a state by its number in `RecordingStatus.msg`.
    #[must_use]
    pub fn name_of(number: u8) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|state| state.number() == number)
            .map_or("unknown", Self::name)
    }
}

/// Report on the recording of one bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingReport {
    /// Time at which the figures were taken, nanoseconds since the Unix epoch on the clock of this machine.
    pub stamp_ns: u64,
    /// Version of this package.
    pub version: &'static str,
    /// Time since the start of the recorder.
    pub uptime: Duration,

    /// State of the recording.
    pub state: RecordingState,
    /// Time at which the state began, nanoseconds since the Unix epoch.
    pub state_since_ns: u64,
    /// Reason of the state, with the cure. Empty while recording.
    pub reason: String,

    /// Folder of the open bag.
    pub bag: Option<PathBuf>,
    /// File name of the open split.
    pub split: Option<String>,
    /// Number of splits that have been opened since the start.
    pub splits_opened: u64,
    /// Time at which the open split was opened, nanoseconds since the Unix epoch. 0 if there is none.
    pub split_since_ns: u64,
    /// Size of the open split. 0 if there is none.
    pub split_bytes: u64,

    /// Number of closed splits of this bridge's recordings on the disk.
    pub closed_splits: u64,
    /// Size of the closed splits.
    pub closed_bytes: u64,
    /// Number of closed splits deleted since the start to keep the limits.
    pub deleted_splits: u64,
    /// Size of the deleted splits.
    pub deleted_bytes: u64,

    /// Bytes written per second, as a mean over the last minute.
    pub bytes_per_second: f64,
    /// Free space of the disk. 0 if it is not known.
    pub disk_free_bytes: u64,
    /// Size of the disk. 0 if it is not known.
    pub disk_size_bytes: u64,
    /// Floor of free space.
    pub min_free_bytes: u64,
    /// Time until the floor is reached at the present rate. `None` if nothing is being written, or if the limits of the
    /// recording keep the disk from filling.
    pub time_left: Option<Duration>,

    /// Process id of the stock recorder.
    pub recorder_pid: Option<u32>,
    /// Resident memory of the stock recorder, bytes. 0 if there is none.
    pub recorder_rss_bytes: u64,
    /// Growth of its resident memory over the last ten minutes, bytes per minute.
    pub recorder_rss_growth: f64,
    /// Number of times that the stock recorder was started.
    pub recorder_starts: u32,
    /// Reason why the stock recorder was last started again. Empty if it was not.
    pub last_failure: String,
    /// Number of messages that the stock recorder itself reported as lost.
    pub reported_lost: u64,

    /// Sum over the topics of the missing messages.
    pub missing: u64,
    /// File name of the last closed split whose account was taken. Empty if there is none.
    pub last_split: String,
    /// Accounts of the topics, by name.
    pub topics: Vec<TopicReport>,
}

/// Account of the recording of one topic, as in `TopicRecording.msg`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicReport {
    /// Name of the topic relative to the namespace of the bridge.
    pub topic: String,
    /// Number of messages in the closed splits of this run.
    pub recorded: u64,
    /// Number of messages that the bridge published and that are in no split.
    pub missing: u64,
    /// Number of messages in the last closed split.
    pub last_split_recorded: u64,
    /// Number of messages missing in the last closed split.
    pub last_split_missing: u64,
}
