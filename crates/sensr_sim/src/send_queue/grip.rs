//! Faults that last, on one connection.

use std::sync::Arc;

use super::SendQueue;

/// What a connection suffers for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grip {
    /// Nothing is written after the message being written.
    Stall,
    /// No message is written; pings and their answers are.
    Silence,
    /// Messages are written in pieces.
    Fragments,
}

/// How many of each there are: they may overlap.
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

/// A grip, until dropped.
#[must_use = "it is over when this is dropped"]
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
