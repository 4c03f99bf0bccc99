//! Ingest of received frames, on the threads that read: decodes them, applies rate limits, enters every message in the
//! ledger, and queues what is due. It never waits.

mod failure_recorder;
mod object_stage;
mod output_ingest;
mod points_ingest;
mod reliable_stage;
mod server_time_stage;
pub(in crate::pipeline) mod wire_tap;

pub use output_ingest::OutputIngest;
pub use points_ingest::PointsIngest;

use std::time::Instant;

use crate::time::log_throttle::LogThrottle;

/// Logs a warning, unless the throttle suppresses it.
fn warn_throttled(throttle: &mut LogThrottle, line: impl FnOnce() -> String) {
    if let Some(suppressed) = throttle.try_acquire(Instant::now()) {
        log::warn!("{}{suppressed}", line());
    }
}
