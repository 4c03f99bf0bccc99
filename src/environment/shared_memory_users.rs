//! Nodes of other users in Fast DDS's shared memory.

use std::time::{Duration, Instant};

use super::shared_memory;
use crate::time::log_throttle::Throttle;
use crate::time::rate_limiter::IntervalGrid;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);
/// One log line in this time as long as they are there.
const LOG_PERIOD: Duration = Duration::from_secs(300);

/// Looks for them now and then.
#[derive(Debug)]
pub struct SharedMemoryUsers {
    looks: IntervalGrid,
    users: Vec<u32>,
    complaint: Throttle,
}

impl Default for SharedMemoryUsers {
    fn default() -> Self {
        Self {
            looks: IntervalGrid::default(),
            users: Vec::new(),
            complaint: Throttle::new(LOG_PERIOD),
        }
    }
}

impl SharedMemoryUsers {
    /// The other users. Looks when it is time.
    pub fn look(&mut self, now: Instant) -> Vec<u32> {
        if self.looks.is_due(now, PERIOD) {
            self.users = shared_memory::other_users();
            if !self.users.is_empty()
                && let Some(held_back) = self.complaint.pass(now)
            {
                log::warn!("{}{held_back}", shared_memory::warning(&self.users));
            }
        }
        self.users.clone()
    }
}
