//! Report on a run: what the bridges did while the monitor watched them.
//!
//! [`Collector`] takes the samples as they come and keeps bounded sums and series; [`Collector::report`] makes the
//! [`Report`] of them, and [`plot::write_plot`] the plot.

pub mod collector;
pub mod growth;
mod line_fit;
pub mod memory;
pub mod moments;
pub mod plot;
pub mod recording;
mod series;
mod text;
mod thinned;
pub mod traffic;

use std::time::Duration;

use serde::Serialize;

pub use collector::Collector;
use memory::MemoryReport;
use moments::Moment;
use recording::RecordingReport;
use traffic::{LinkReport, StageReport, TopicReport};

/// Report on all bridges that were seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Time at which the monitor began to watch, RFC 3339 in UTC.
    pub start: String,
    /// Time of the report, RFC 3339 in UTC.
    pub end: String,
    /// Time between them, seconds.
    pub duration_s: f64,
    /// Memory of one process up to which the remaining time is estimated, bytes.
    pub limit_bytes: u64,
    /// Reports on the bridges, by namespace.
    pub sites: Vec<SiteReport>,
}

/// Report on one bridge and its recorder. Counts are of the time in which they were watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteReport {
    /// Namespace, `/` for none.
    pub namespace: String,
    /// Version of the bridge.
    pub version: String,
    /// Time that the counts are of, seconds.
    pub observed_s: f64,
    /// Memory of the bridge. `None` without statistics.
    pub bridge_memory: Option<MemoryReport>,
    /// Peak of the bridge's memory since its start, as the kernel tells it, bytes.
    pub bridge_peak_bytes: u64,
    /// Computed upper bound of the bridge's memory, bytes.
    pub bridge_bound_bytes: u64,
    /// Memory of the stock recorder. `None` without a recording.
    pub recorder_memory: Option<MemoryReport>,
    /// Phases of the start of the bridge, in their order.
    pub startup: Vec<PhaseReport>,
    /// Sum of all topics.
    pub total: TopicReport,
    /// Topics that received something.
    pub topics: Vec<TopicReport>,
    /// Links.
    pub links: Vec<LinkReport>,
    /// Stages that ran.
    pub stages: Vec<StageReport>,
    /// Clock of the server at the end.
    pub clock: Option<ClockReport>,
    /// Recording. `None` if there was none.
    pub recording: Option<RecordingReport>,
    /// Restarts of the bridge.
    pub restarts: u64,
    /// Times without statistics.
    pub silences: Silences,
    /// Worst moment of each kind, the worst kind first.
    pub worst_moments: Vec<Moment>,
}

/// Phase of the start of the bridge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseReport {
    /// Name, as in `StartupPhase.msg`.
    pub phase: String,
    /// Time since the start of the process at which it was complete, seconds.
    pub elapsed_s: f64,
    /// Resident memory at that time, bytes.
    pub rss_bytes: u64,
    /// Change of the resident memory since the phase before, bytes.
    pub added_bytes: i64,
}

/// Clock of the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClockReport {
    /// Clock of the bridge's machine minus clock of the server, milliseconds. `None` if it is not known.
    pub offset_ms: Option<f64>,
    /// Variation of the offset within a minute, milliseconds.
    pub spread_ms: Option<f64>,
    /// Growth of the offset, parts per million.
    pub drift_ppm: Option<f64>,
    /// Jumps of either clock since the start of the bridge.
    pub jumps: u64,
    /// The server's clock stands still.
    pub is_frozen: bool,
}

/// Times without statistics of the bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Silences {
    /// Number.
    pub count: u64,
    /// Length of the longest, seconds.
    pub longest_s: f64,
    /// Sum of their lengths, seconds.
    pub total_s: f64,
    /// The bridge was silent at the end.
    pub is_silent_at_end: bool,
}

impl Silences {
    fn enter(&mut self, length: Duration) {
        let seconds = length.as_secs_f64();
        self.count += 1;
        self.longest_s = self.longest_s.max(seconds);
        self.total_s += seconds;
    }
}

impl SiteReport {
    /// Returns the worst moment of the run.
    #[must_use]
    pub fn worst_moment(&self) -> Option<&Moment> {
        self.worst_moments.first()
    }
}

impl Report {
    /// Formats the report for people, as lines that end with a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::format(self)
    }

    /// Formats the report as one JSON document that ends with a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Nothing in a report can fail to be written: no map has a key that is no text.
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        json + "\n"
    }
}
