//! What the bridge did and lost. Counting happens where things happen; reading takes consistent copies.

pub mod ledger;
pub mod process;
pub mod stage;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sensr::link::Link;

/// Locks a mutex that guards counters. Each update is complete before its lock is released by a panic
/// or otherwise, so a poisoned one still tells the truth.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All counters of one stream, shared by the reader, the publisher and whoever reports.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// The loss ledger, per topic.
    pub ledger: ledger::Ledger,
    /// The link and the frames it brought.
    pub link: Link,
    /// Where the time went.
    pub stages: stage::Stages,
}
