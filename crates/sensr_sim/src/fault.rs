//! Faults of a server: on demand, by script or at random.
//!
//! ```text
//! stdin ──────────┐
//! script, --fault ├─► runner ─┬─► port state: treatment of new connections
//! chaos ──────────┘           └─► send queues: one-shot faults, ongoing faults, disconnects
//! ```
//!
//! A fault that ends the connection is the last thing written on it; then the connection is closed gracefully. So a
//! client that reads to the end has received exactly what the report counts as delivered.

mod chaos;
mod corrupt;
mod events;
mod kind;
mod one_shot;
mod parse;
mod runner;
mod target;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use chaos::{Chaos, ChaosOptions};
pub use events::FaultEvent;
pub use kind::{FaultCounts, FaultKind};
pub use parse::{FaultError, ScriptError, parse_script};
pub use runner::{InjectError, Injector};

pub(super) use corrupt::{truncate_message, with_non_finite_points, without_points};
pub(super) use events::FaultEvents;
pub(super) use one_shot::{FaultGuard, OneShotFault, PendingFault};
pub(super) use runner::FaultRunner;

/// Streams affected by a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// The point stream.
    Points,
    /// The output stream.
    Output,
    /// Both streams.
    Both,
}

impl Links {
    /// Returns the word of the grammar.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Output => "output",
            Self::Both => "both",
        }
    }
}

/// Fault of the server or of its connections.
///
/// The text form is `FAULT [points|output|both] [for SECONDS]`:
///
/// ```
/// # use sensr_sim::Fault;
/// let fault: Fault = "stall points for 2.5".parse()?;
/// assert_eq!(fault.to_string(), "stall points for 2.5");
/// # Ok::<(), sensr_sim::FaultError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Affected streams.
    pub links: Links,
    /// Duration, seconds; `None` for the default of the kind.
    pub secs: Option<f64>,
}

/// Fault with the time of its beginning.
///
/// The text form is that of the fault, optionally preceded by `at SECONDS`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedFault {
    /// Time since the clock started: with the first client of the point stream, with the first of each stream for a
    /// bag, or at once if the server is free-running.
    pub at: Duration,
    /// Fault that begins then.
    pub fault: Fault,
}

impl Fault {
    /// Returns the duration; zero if the kind has none.
    pub(super) fn duration(&self) -> Duration {
        let secs = self.secs.or(self.kind.default_secs()).unwrap_or(0.0);
        Duration::try_from_secs_f64(secs).unwrap_or_default()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.links.name())?;
        match self.secs {
            Some(secs) => write!(f, " for {secs}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TimedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} {}", self.at.as_secs_f64(), self.fault)
    }
}
