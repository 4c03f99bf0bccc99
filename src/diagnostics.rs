//! Diagnostics as `/diagnostics` publishes them: one status per link, topic rate, clock, server component and so on.
//!
//! Nothing is counted here. [`Diagnostics`] compares the counters of the bridge with their earlier values about once a
//! second. Alarms are debounced: most need several bad samples, and end only after a recovery that lasts.

mod clock;
mod format;
mod link;
mod log;
mod loss;
mod memory;
mod rate;
#[cfg(test)]
mod sample_input;
mod server;
mod server_components;
mod trends;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use crate::config::ResolvedConfig;
use crate::connection::status::LinkFigures;
use crate::environment::shared_memory::UnreachableNodes;
use crate::metrics::Fill;
use crate::metrics::ledger::Accounts;
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::server_health::ServerHealthSnapshot;
use crate::time::clock_offset::{ClockAnomalies, Estimate};
use crate::topic::SensorTopics;

pub(crate) use format::format_duration;
pub use log::LogFigures;
pub(crate) use server::assess_master;
pub(crate) use server_components::assess_components;

/// Input of one assessment, all read at the same instant.
#[derive(Debug, Clone)]
pub struct DiagnosticsInput {
    /// Instant at which the input was read.
    pub now: Instant,
    /// Point stream.
    pub points: LinkInput,
    /// Output stream.
    pub output: LinkInput,
    /// Loss ledger.
    pub accounts: Accounts,
    /// Sensors with a topic of their own.
    pub sensor_topics: Arc<SensorTopics>,
    /// Estimate of the server's clock. None until there is one.
    pub clock: Option<Estimate>,
    /// Anomalies of the clocks.
    pub anomalies: ClockAnomalies,
    /// Memory of this process. None if the system does not report it.
    pub memory: Option<ProcessMemory>,
    /// Computed upper bound of the resident memory, bytes.
    pub memory_bound: u64,
    /// Latest health that the server reported.
    pub server: ServerHealthSnapshot,
    /// Parameters, with those of the site applied.
    pub config: Arc<ResolvedConfig>,
    /// Other nodes that publish on this node's topics.
    pub others: Vec<String>,
    /// Counters of the log.
    pub log: LogFigures,
    /// Nodes that shared memory does not connect with this one.
    pub unreachable: UnreachableNodes,
}

/// Input about one stream.
#[derive(Debug, Clone)]
pub struct LinkInput {
    /// State and counters of the link.
    pub figures: LinkFigures,
    /// Queue of messages that may be dropped.
    pub queue: Fill,
    /// Queue of reliable messages: events, zones, health, status. None for a stream without them.
    pub reliable: Option<Fill>,
}

/// Severity, numbered as in `diagnostic_msgs/DiagnosticStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// OK.
    Ok = 0,
    /// Needs attention soon.
    Warn = 1,
    /// Needs attention now.
    Error = 2,
    /// Unknown: the values are outdated or missing.
    Stale = 3,
}

impl Level {
    /// Number of the level in `diagnostic_msgs/DiagnosticStatus`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Status of one diagnostic task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Severity.
    pub level: Level,
    /// Name of the task. May contain names that the server sent, unchanged.
    pub task: String,
    /// Summary.
    pub message: String,
    /// Details, as keys and values.
    pub values: Vec<(Cow<'static, str>, String)>,
}

impl Status {
    /// Creates a status without details.
    pub(crate) fn new(task: impl Into<String>, (level, message): (Level, String)) -> Self {
        Self {
            level,
            task: task.into(),
            message,
            values: Vec::new(),
        }
    }

    /// Adds a detail.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes counters and texts alike, without a `&` before each"
    )]
    pub(crate) fn with_value(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl ToString,
    ) -> Self {
        self.values.push((key.into(), value.to_string()));
        self
    }
}

/// All diagnostic tasks and their history. Bounded: some tens of kilobytes whatever the input.
#[derive(Debug)]
pub struct Diagnostics {
    points: link::LinkDiagnostic,
    output: link::LinkDiagnostic,
    rates: rate::RateDiagnostic,
    loss: loss::LossDiagnostic,
    clock: clock::ClockDiagnostic,
    memory: memory::MemoryDiagnostic,
    server: server::ServerDiagnostic,
    log: log::LogDiagnostic,
}

impl Diagnostics {
    /// Creates the tasks. At `start` all counters were zero and nothing was connected.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            points: link::LinkDiagnostic::new("points link", start),
            output: link::LinkDiagnostic::new("output link", start),
            rates: rate::RateDiagnostic::new(start),
            loss: loss::LossDiagnostic::new(start),
            clock: clock::ClockDiagnostic::new(start),
            memory: memory::MemoryDiagnostic::new(start),
            server: server::ServerDiagnostic::new(start),
            log: log::LogDiagnostic::new(start),
        }
    }

    /// Returns the status of every task. Meant to be called once a second.
    pub fn assess_all(&mut self, input: &DiagnosticsInput) -> Vec<Status> {
        let mut statuses = vec![
            self.points.assess_link(input.now, &input.points),
            self.output.assess_link(input.now, &input.output),
        ];
        statuses.extend(self.rates.assess_rates(input));
        statuses.push(
            self.loss
                .assess_ledger(input.now, &input.accounts, &input.sensor_topics),
        );
        statuses.push(self.clock.assess_clock(input));
        statuses.push(
            self.memory
                .assess_memory(input.now, input.memory, input.memory_bound),
        );
        statuses.push(self.log.assess_log(input.now, &input.log));
        statuses.push(assess_duplicate_bridge(&input.others));
        statuses.push(assess_shared_memory(&input.unreachable));
        let (server, is_current) = self.server.assess_server(input);
        statuses.push(server);
        if let Some((_, health)) = &input.server.health {
            statuses.extend(assess_components(health, is_current));
        }
        statuses
    }
}

/// Warns if another node publishes on this bridge's topics.
fn assess_duplicate_bridge(others: &[String]) -> Status {
    let (level, message) = if others.is_empty() {
        (
            Level::Ok,
            "no other node publishes on these topics".to_owned(),
        )
    } else {
        let others = others.join(", ");
        let message = format!("another bridge publishes on the same topics: {others}");
        (Level::Warn, message)
    };
    Status::new("duplicate bridge", (level, message))
}

/// Warns of nodes that list the topics but receive nothing, because shared memory does not connect them.
fn assess_shared_memory(unreachable: &UnreachableNodes) -> Status {
    let assessment = match unreachable.describe() {
        None => (
            Level::Ok,
            "no nodes that it does not connect are known".to_owned(),
        ),
        Some(warning) => (Level::Warn, warning),
    };
    Status::new("shared memory", assessment)
}

#[cfg(test)]
mod tests;
