//! What is wrong, in words: one status per thing that can be, as `/diagnostics` shows them.
//!
//! Nothing is counted here. [`Diagnostics`] looks at the figures about once a second and compares them with
//! what they were: an alarm needs more than one bad look, and goes only when all is well again for a while.

mod clock;
mod format;
mod link;
mod log;
mod loss;
mod memory;
mod monitor;
mod rate;
#[cfg(test)]
mod sample_input;
mod server;
mod server_components;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::connection::status::LinkFigures;
use crate::environment;
use crate::metrics::ledger::Account;
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::server_health::ServerHealthSnapshot;
use crate::pipeline::queue::Fill;
use crate::time::clock_offset::{ClockAnomalies, Estimate};
use crate::topic::Topic;

pub use log::LogFigures;

/// What is looked at, all of one instant.
#[derive(Debug, Clone)]
pub struct DiagnosticsInput {
    /// That instant.
    pub now: Instant,
    /// The point stream.
    pub points: LinkInput,
    /// The output stream.
    pub output: LinkInput,
    /// The loss ledger, in the order of [`Topic::ALL`].
    pub accounts: [Account; Topic::COUNT],
    /// The server's clock. None as long as nothing is known of it.
    pub clock: Option<Estimate>,
    /// What was odd about the clocks.
    pub anomalies: ClockAnomalies,
    /// The memory of this process. None if the system does not tell.
    pub memory: Option<ProcessMemory>,
    /// What that stays below, bytes.
    pub memory_bound: u64,
    /// What the server says of itself.
    pub server: ServerHealthSnapshot,
    /// The parameters, as they are for the site.
    pub config: Arc<Config>,
    /// Other nodes that publish on this one's topics.
    pub others: Vec<String>,
    /// Log lines that were not written.
    pub log: LogFigures,
    /// Other users of the machine whose nodes use shared memory, as this one does.
    pub shared_memory_users: Vec<u32>,
}

/// What is looked at of one stream.
#[derive(Debug, Clone)]
pub struct LinkInput {
    /// The link and what it brought.
    pub figures: LinkFigures,
    /// The queue of what may be dropped.
    pub queue: Fill,
    /// The queue of what may not: events, zones, health. None for a stream without such.
    pub reliable: Option<Fill>,
}

/// How bad it is. The numbers are those of `diagnostic_msgs/DiagnosticStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// As it should be.
    Ok = 0,
    /// Somebody should look at it some time.
    Warn = 1,
    /// Somebody should look at it now.
    Error = 2,
    /// Nobody knows: what is shown is old, or nothing.
    Stale = 3,
}

impl Level {
    /// As `diagnostic_msgs/DiagnosticStatus` has it.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// How one thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How bad.
    pub level: Level,
    /// The thing. May hold names that the server sent, as they are.
    pub task: String,
    /// In short.
    pub message: String,
    /// In figures.
    pub values: Vec<(Cow<'static, str>, String)>,
}

impl Status {
    fn new(task: impl Into<String>, (level, message): Finding) -> Self {
        Self {
            level,
            task: task.into(),
            message,
            values: Vec::new(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "counters and texts alike, without a sign in front of each"
    )]
    fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.values.push((key.into(), value.to_string()));
        self
    }
}

/// How bad, and why.
type Finding = (Level, String);

/// Looks at the figures again and again. Bounded: some tens of kilobytes, whatever comes.
#[derive(Debug)]
pub struct Diagnostics {
    points: link::LinkWatch,
    output: link::LinkWatch,
    rates: rate::RateWatch,
    loss: loss::LossWatch,
    clock: clock::ClockWatch,
    memory: memory::MemoryWatch,
    server: server::ServerWatch,
    log: log::LogWatch,
}

impl Diagnostics {
    /// At `start` all counters were zero and nothing was connected.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            points: link::LinkWatch::new("points link", start),
            output: link::LinkWatch::new("output link", start),
            rates: rate::RateWatch::new(start),
            loss: loss::LossWatch::new(start),
            clock: clock::ClockWatch::new(start),
            memory: memory::MemoryWatch::new(start),
            server: server::ServerWatch::new(start),
            log: log::LogWatch::new(start),
        }
    }

    /// How everything is. Meant to be called once a second.
    pub fn examine(&mut self, facts: &DiagnosticsInput) -> Vec<Status> {
        let mut statuses = vec![
            self.points.examine(facts.now, &facts.points),
            self.output.examine(facts.now, &facts.output),
        ];
        statuses.extend(self.rates.examine(facts));
        statuses.push(self.loss.examine(facts.now, &facts.accounts));
        statuses.push(self.clock.examine(facts));
        statuses.push(
            self.memory
                .examine(facts.now, facts.memory, facts.memory_bound),
        );
        statuses.push(self.log.examine(facts.now, &facts.log));
        statuses.push(uniqueness(&facts.others));
        statuses.push(shared_memory(&facts.shared_memory_users));
        let (server, is_current) = self.server.examine(facts);
        statuses.push(server);
        if let Some((_, health)) = &facts.server.health {
            statuses.extend(server_components::examine(health, is_current));
        }
        statuses
    }
}

/// Whether this bridge is the only one on its topics.
fn uniqueness(others: &[String]) -> Status {
    let judgement = if others.is_empty() {
        (
            Level::Ok,
            "nobody else publishes on these topics".to_owned(),
        )
    } else {
        let others = others.join(", ");
        let message = format!("another bridge publishes on the same topics: {others}");
        (Level::Warn, message)
    };
    Status::new("uniqueness", judgement)
}

/// Fast DDS's shared memory cannot be used between users.
fn shared_memory(other_users: &[u32]) -> Status {
    let judgement = if other_users.is_empty() {
        let message = "no other user's nodes use it".to_owned();
        (Level::Ok, message)
    } else {
        (
            Level::Warn,
            environment::shared_memory::describe_users(other_users),
        )
    };
    Status::new("shared memory", judgement)
}

#[cfg(test)]
mod tests;
