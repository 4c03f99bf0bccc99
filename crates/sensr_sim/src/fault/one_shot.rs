//! One-shot faults on one connection and the guards that tell when a fault is over.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

/// One-shot fault that waits for its turn on a connection.
#[derive(Debug)]
pub(crate) struct PendingFault {
    pub fault: OneShotFault,
    /// Dropped when the fault is done.
    _guard: FaultGuard,
}

impl PendingFault {
    pub(super) fn new(fault: OneShotFault, guard: FaultGuard) -> Self {
        Self {
            fault,
            _guard: guard,
        }
    }
}

/// One-shot fault, applied after the message that is being written.
#[derive(Debug, Clone)]
pub(crate) enum OneShotFault {
    /// Writes half of the next message and ends the connection.
    Cut,
    /// Writes bytes that are no WebSocket frame and ends the connection.
    Nonsense,
    /// Writes the header of a message that is too large, some of its bytes, and ends the connection.
    Oversized,
    /// Writes a whole binary message.
    Inject(Bytes),
    /// Writes a text message.
    Text,
    /// Writes many pings.
    Pings,
    /// Writes a truncated copy of the next message before it.
    Truncated,
    /// Writes the next message in small pieces over this duration.
    Drip(Duration),
    /// Removes the points of the next point message.
    Empty,
    /// Replaces coordinates of the next point message by NaN and infinities.
    NonFinite,
}

/// Guard held while a fault is active on a connection.
#[derive(Debug, Clone)]
pub(crate) struct FaultGuard {
    _open: mpsc::Sender<()>,
}

/// Receiver that waits until every [`FaultGuard`] is dropped.
#[derive(Debug)]
pub(super) struct FaultGuards(mpsc::Receiver<()>);

/// Returns a guard to be cloned and the receiver that waits for all clones.
pub(super) fn guard_pair() -> (FaultGuard, FaultGuards) {
    let (open, guards) = mpsc::channel(1);
    (FaultGuard { _open: open }, FaultGuards(guards))
}

impl FaultGuards {
    pub(super) async fn wait_released(mut self) {
        // Nothing is ever sent.
        while self.0.recv().await.is_some() {}
    }
}
