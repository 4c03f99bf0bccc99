//! Ongoing faults of one connection.

use std::sync::Arc;

use super::SendQueue;

/// Fault of a connection that lasts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OngoingFault {
    /// Nothing is written after the message being written.
    Stall,
    /// No messages are written, but pings and pongs are.
    Silence,
    /// Messages are written in fragments.
    Fragments,
}

impl OngoingFault {
    const COUNT: usize = [Self::Stall, Self::Silence, Self::Fragments].len();
}

/// Number of active faults of each type, which may overlap.
#[derive(Debug, Default)]
pub(super) struct OngoingFaultCounts([u32; OngoingFault::COUNT]);

impl OngoingFaultCounts {
    pub(super) fn add(&mut self, fault: OngoingFault) {
        self.0[fault as usize] += 1;
    }

    pub(super) fn remove(&mut self, fault: OngoingFault) {
        self.0[fault as usize] -= 1;
    }

    pub(super) fn has(&self, fault: OngoingFault) -> bool {
        self.0[fault as usize] > 0
    }
}

/// Guard of an ongoing fault, which ends when it is dropped.
#[must_use = "the fault ends when this is dropped"]
#[derive(Debug)]
pub(crate) struct OngoingFaultGuard {
    queue: Arc<SendQueue>,
    fault: OngoingFault,
}

impl OngoingFaultGuard {
    pub(super) fn new(queue: Arc<SendQueue>, fault: OngoingFault) -> Self {
        Self { queue, fault }
    }
}

impl Drop for OngoingFaultGuard {
    fn drop(&mut self) {
        self.queue.end_fault(self.fault);
    }
}
