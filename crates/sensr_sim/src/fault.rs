//! What can go wrong with a server, on demand, by script or at random.
//!
//! ```text
//! stdin ──────────┐
//! script, --fault ├─► director ─┬─► door: are connections accepted, and answered?
//! chaos ──────────┘             └─► send queues: strikes (once), grips (for a while), releases (the end)
//! ```
//!
//! A fault that costs the connection is the last thing written on it; then the connection ends in order. So
//! whoever reads to the end has received exactly what the report says was delivered.

mod chaos;
mod counts;
mod director;
mod doctor;
mod event;
mod injector;
mod kind;
mod parse;
mod script;
mod strike;
mod target;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use chaos::{Chaos, ChaosOptions};
pub use counts::FaultCounts;
pub use event::FaultEvent;
pub use injector::{Injector, NotCarriedOut};
pub use kind::FaultKind;
pub use parse::FaultError;
pub use script::{ScriptError, parse_script};

pub(super) use director::Director;
pub(super) use doctor::{emptied, non_finite, truncated};
pub(super) use event::Herald;
pub(super) use strike::{Blow, Strike, Token};

/// The streams that suffer.
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
    /// As the grammar has them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Output => "output",
            Self::Both => "both",
        }
    }
}

/// Something that goes wrong.
///
/// Its text is `FAULT [points|output|both] [for SECONDS]`:
///
/// ```
/// # use sensr_sim::Fault;
/// let fault: Fault = "stall points for 2.5".parse()?;
/// assert_eq!(fault.to_string(), "stall points for 2.5");
/// # Ok::<(), sensr_sim::FaultError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Where.
    pub links: Links,
    /// How long, seconds. `None`: as long as it usually takes.
    pub secs: Option<f64>,
}

/// A fault and when it begins.
///
/// Its text is that of the fault, with `at SECONDS` before it or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedFault {
    /// Counted from when the clock starts: with the first client of the point stream, of a bag with the first
    /// of each stream, or at once if the server is free-running.
    pub at: Duration,
    /// What goes wrong then.
    pub fault: Fault,
}

impl Fault {
    /// How long it lasts; zero if that is no question.
    pub(super) fn lasts(&self) -> Duration {
        let secs = self.secs.or(self.kind.usual_secs()).unwrap_or(0.0);
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
