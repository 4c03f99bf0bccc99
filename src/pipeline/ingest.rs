//! The readers' half of the pipeline: decodes frames, limits rates, enters every message in the ledger and queues it.
//! It never waits.

mod output;
mod points;
pub(in crate::pipeline) mod wire_tap;

pub use output::OutputIngest;
pub use points::PointsIngest;
