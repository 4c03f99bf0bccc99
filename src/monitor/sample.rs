//! Messages of a bridge and its recorder, as the monitor keeps them.

use std::time::Duration;

use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;

/// Statistics of a bridge, from `statistics`. Counts are since the start of the bridge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BridgeSample {
    /// Time of the figures, nanoseconds since the Unix epoch, on the clock of the bridge's machine.
    pub stamp_ns: i64,
    /// Time since the start of the bridge.
    pub uptime: Duration,
    /// Version of the bridge.
    pub version: String,
    /// Links, as `points` and `output`.
    pub links: Vec<LinkSample>,
    /// Accounts of the topics, by the name relative to the namespace.
    pub topics: Vec<(String, Account)>,
    /// Stage times since the previous statistics.
    pub stages: Vec<StageSample>,
    /// Clock of the server.
    pub clock: ClockSample,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Peak of the resident memory, bytes.
    pub rss_peak_bytes: u64,
    /// Computed upper bound of the resident memory, bytes.
    pub memory_bound_bytes: u64,
    /// Completed phases of the start, in their order.
    pub startup: Vec<PhaseSample>,
}

impl BridgeSample {
    /// Returns the time at which the bridge was started, nanoseconds since the Unix epoch. It differs by little between
    /// samples of the same run, and by more after a restart.
    #[must_use]
    pub fn run_start_ns(&self) -> i64 {
        let uptime = i64::try_from(self.uptime.as_nanos()).unwrap_or(i64::MAX);
        self.stamp_ns.saturating_sub(uptime)
    }

    /// Returns whether two starts, as of [`run_start_ns`](Self::run_start_ns), are of the same run.
    #[must_use]
    pub fn is_same_run(run_start_ns: i64, other_ns: i64) -> bool {
        /// Tolerance for the time of the start computed from different samples, nanoseconds.
        const TOLERANCE_NS: u64 = 1_000_000_000;
        run_start_ns.abs_diff(other_ns) < TOLERANCE_NS
    }
}

/// One link.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkSample {
    /// `points` or `output`.
    pub name: String,
    /// URL of the server.
    pub url: String,
    /// State.
    pub state: LinkState,
    /// Time of the last change of state, nanoseconds since the Unix epoch.
    pub state_since_ns: i64,
    /// Links established, and established links that ended.
    pub connects: u64,
    /// Established links that ended.
    pub disconnects: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Reason why the last link or attempt ended.
    pub last_error: String,
    /// Frames received completely.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
    /// Sum of the discarded frames: text, undecodable, oversized, truncated.
    pub discarded_frames: u64,
    /// Parts of messages that did not decode.
    pub undecodable_parts: u64,
    /// Links closed because nothing arrived.
    pub stalls: u64,
    /// No data although the server answers pings.
    pub is_silent: bool,
    /// Links that SENSR closed because its send buffer for the bridge was full.
    pub server_overflows: u64,
    /// Queue between receiving and publishing thread.
    pub queue: QueueSample,
    /// Queue of the reliable messages. Always empty for `points`.
    pub reliable_queue: QueueSample,
}

/// One queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueSample {
    /// Messages in it.
    pub messages: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Its bound in bytes.
    pub max_bytes: u64,
}

/// Times of one stage since the previous statistics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageSample {
    /// `points` or `output`.
    pub link: String,
    /// `decode`, `wait`, `convert`, `publish`, `total`.
    pub stage: String,
    /// Number of runs. Without any, the times are 0.
    pub count: u64,
    /// Shortest run, nanoseconds.
    pub min_ns: u64,
    /// Mean of the runs, nanoseconds.
    pub mean_ns: u64,
    /// Longest run, nanoseconds.
    pub max_ns: u64,
}

/// Clock of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClockSample {
    /// An estimate exists.
    pub is_known: bool,
    /// Clock of the bridge's machine minus clock of the server, nanoseconds.
    pub offset_ns: i64,
    /// Variation of the offset within a minute, nanoseconds.
    pub spread_ns: i64,
    /// Growth of the offset, parts per million.
    pub drift_ppm: f64,
    /// Jumps of either clock.
    pub jumps: u64,
    /// The server's clock stands still.
    pub is_frozen: bool,
}

/// A completed phase of the start of the bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhaseSample {
    /// Name, as in `StartupPhase.msg`.
    pub name: String,
    /// Time since the start of the process.
    pub elapsed: Duration,
    /// Resident memory at that time, bytes.
    pub rss_bytes: u64,
}

/// State of the recording, from `recording`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordingSample {
    /// Time of the figures, nanoseconds since the Unix epoch.
    pub stamp_ns: i64,
    /// Time since the start of `sensr_recorder`.
    pub uptime: Duration,
    /// `RecordingStatus.STATE_*`; see [`RecordingState`](crate::recorder::report::RecordingState).
    pub state: u8,
    /// Reason of the state, with the cure.
    pub reason: String,
    /// Folder of the open bag.
    pub bag: String,
    /// Name of the open split.
    pub split: String,
    /// Splits opened since the start.
    pub splits_opened: u64,
    /// Time at which the open split was opened, nanoseconds since the Unix epoch.
    pub split_since_ns: i64,
    /// Size of the open split, bytes.
    pub split_bytes: u64,
    /// Closed splits on the disk.
    pub closed_splits: u64,
    /// Their size, bytes.
    pub closed_bytes: u64,
    /// Bytes written per second.
    pub bytes_per_second: f64,
    /// Free space of the disk, bytes.
    pub disk_free_bytes: u64,
    /// Size of the disk, bytes.
    pub disk_size_bytes: u64,
    /// Floor of free space, bytes.
    pub min_free_bytes: u64,
    /// Time until the floor is reached. `None` if it is not going to be.
    pub time_left: Option<Duration>,
    /// Process id of the stock recorder. 0 if there is none.
    pub recorder_pid: i32,
    /// Resident memory of the stock recorder, bytes.
    pub recorder_rss_bytes: u64,
    /// Starts of the stock recorder.
    pub recorder_starts: u32,
    /// Reason why it was last started again.
    pub last_failure: String,
    /// Messages that the stock recorder reported as lost.
    pub reported_lost: u64,
    /// Messages published and in no split.
    pub missing: u64,
    /// Accounts of the topics: name, recorded, missing.
    pub topics: Vec<(String, u64, u64)>,
}

/// One status from `/diagnostics`, without the name of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosticSample {
    /// Name of the task, such as `point link` or `node A, sensor lidar_1`.
    pub task: String,
    /// Severity.
    pub level: Level,
    /// Summary.
    pub message: String,
    /// It is the state of one of SENSR's nodes, edges or sensors.
    pub is_component: bool,
}

/// An event of SENSR, or a change that the monitor noticed itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSample {
    /// Time of the message, nanoseconds since the Unix epoch.
    pub stamp_ns: i64,
    /// Severity for its color. Events of SENSR are [`Level::Ok`].
    pub level: Level,
    /// Text, such as `zone 3: object 17 entered`.
    pub text: String,
}
