//! One wait of the main loop for requests and messages, checked for its duration.

use std::time::{Duration, Instant};

use r2r::Node;

use super::RuntimeError;
use crate::supervisor::wait_monitor::{WaitHealth, WaitMonitor};

/// Longest wait in one turn of a main loop.
pub(super) const SPIN_TIMEOUT: Duration = Duration::from_millis(100);
/// Pause after a wait that ended early. A wait that fails returns at once: without a pause it would load a core.
const SUSPICIOUS_WAIT_PAUSE: Duration = Duration::from_millis(5);

/// Waits for requests and messages.
#[derive(Default)]
pub(super) struct Spinner {
    monitor: WaitMonitor,
}

impl Spinner {
    /// Waits for at most `limit` until something arrives, and has it served. `serve` returns the number of requests and
    /// messages. Fails if waiting has failed for good.
    pub(super) fn spin(
        &mut self,
        node: &mut Node,
        limit: Duration,
        serve: impl FnOnce(&mut Node) -> usize,
    ) -> Result<(), RuntimeError> {
        let begun = Instant::now();
        node.spin_once(limit);
        let waited = begun.elapsed();
        let served = serve(node);
        match self.monitor.record(waited, limit, served) {
            WaitHealth::Healthy => Ok(()),
            WaitHealth::Suspicious => {
                std::thread::sleep(SUSPICIOUS_WAIT_PAUSE);
                Ok(())
            }
            WaitHealth::Failed => Err(RuntimeError::Wait),
        }
    }
}
