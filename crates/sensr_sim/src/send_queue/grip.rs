//! Ongoing faults of one connection.

use std::sync::Arc;

use super::SendQueue;

/// Fault of a connection that lasts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grip {
    /// Nothing is written after the message being written.
    Stall,
    /// No messages are written, but pings and pongs are.
    Silence,
    /// Messages are written in fragments.
    Fragments,
}

/// Number of active faults of each type, which may overlap.
#[derive(Debug, Default)]
pub(super) struct Grips([u32; 3]);

impl Grips {
    pub(super) fn add(&mut self, grip: Grip) {
        self.0[grip as usize] += 1;
    }

    pub(super) fn remove(&mut self, grip: Grip) {
        self.0[grip as usize] -= 1;
    }

    pub(super) fn has(&self, grip: Grip) -> bool {
        self.0[grip as usize] > 0
    }
}

/// Guard of an ongoing fault, which ends when it is dropped.
#[must_use = "the fault ends when this is dropped"]
#[derive(Debug)]
pub(crate) struct Held {
    queue: Arc<SendQueue>,
    grip: Grip,
}

impl Held {
    pub(super) fn new(queue: Arc<SendQueue>, grip: Grip) -> Self {
        Self { queue, grip }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.queue.let_loose(self.grip);
    }
}
