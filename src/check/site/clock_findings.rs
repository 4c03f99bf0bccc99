//! Finding about the server's clock.

use std::time::Duration;

use super::output_observer::OutputObserver;
use crate::check::finding::Finding;
use crate::config::{ResolvedConfig, StampSource};
use crate::diagnostics::format_duration;

const SUBJECT: &str = "server clock";
/// Offset from which the clocks differ too much, as in `/diagnostics`.
const MAX_OFFSET: Duration = Duration::from_secs(1);
const SYNCHRONIZE: &str =
    "sudo timedatectl set-ntp true   (on the SENSR machine and here, with the same time server)";

/// Checks the offset of the server's clock. It includes the delay of the network.
pub(super) fn check_clock(config: &ResolvedConfig, frames: &OutputObserver) -> Finding {
    if frames.clock.anomalies().is_frozen {
        return Finding::warn(SUBJECT, "the server's clock is frozen", SYNCHRONIZE);
    }
    let Some(estimate) = frames.clock.estimate() else {
        return Finding::warn(
            SUBJECT,
            "unknown: too few messages with a time that can be true",
            SYNCHRONIZE,
        );
    };
    let offset = Duration::from_nanos(estimate.offset_ns.unsigned_abs());
    let side = if estimate.offset_ns < 0 {
        "ahead of"
    } else {
        "behind"
    };
    let message = format!(
        "the server's clock is {} {side} this machine's",
        format_duration(offset)
    );
    if offset < MAX_OFFSET {
        return Finding::pass(SUBJECT, message);
    }
    let consequence = match config.stamp_source {
        StampSource::Receive => "stamps use this machine's clock and are not affected",
        StampSource::Server => "stamps use the server's clock",
    };
    Finding::warn(SUBJECT, format!("{message}; {consequence}"), SYNCHRONIZE)
}
