//! Ingest of received frames, on the threads that read: decodes them, applies rate limits, enters every message in the
//! ledger, and queues what is due. It never waits.

pub(in crate::pipeline) mod failure_recorder;
mod object_stage;
mod output_ingest;
mod points_ingest;
mod reliable_stage;
mod sensor_split;
mod server_time_stage;
pub(in crate::pipeline) mod wire_tap;

pub use output_ingest::OutputIngest;
pub use points_ingest::PointsIngest;

use std::time::Instant;

use crate::config::ResolvedConfig;
use crate::metrics::ledger::IngestDecision;
use crate::time::log_throttle::LogThrottle;
use crate::topic::Topic;

/// Decides on a message of a topic. `is_due` consults the rate limit, and only if the topic is switched on.
fn decide(topic: Topic, config: &ResolvedConfig, is_due: impl FnOnce() -> bool) -> IngestDecision {
    if !config.publishes(topic) {
        IngestDecision::Unsubscribed
    } else if is_due() {
        IngestDecision::Queued
    } else {
        IngestDecision::Thinned
    }
}

/// Logs a warning, unless the throttle suppresses it.
fn warn_throttled(throttle: &mut LogThrottle, line: impl FnOnce() -> String) {
    if let Some(suppressed) = throttle.try_acquire(Instant::now()) {
        log::warn!("{}{suppressed}", line());
    }
}
