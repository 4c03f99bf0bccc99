//! Nodes of other users in Fast DDS's shared memory.

use std::time::{Duration, Instant};

use super::shared_memory;
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);
/// One log line in this time as long as they are there.
const LOG_PERIOD: Duration = Duration::from_secs(300);

/// Looks for them now and then.
#[derive(Debug)]
pub struct SharedMemoryUsers {
    looks: RateLimiter,
    users: Vec<u32>,
    complaint: LogThrottle,
}

impl Default for SharedMemoryUsers {
    fn default() -> Self {
        Self {
            looks: RateLimiter::default(),
            users: Vec::new(),
            complaint: LogThrottle::new(LOG_PERIOD),
        }
    }
}

impl SharedMemoryUsers {
    /// The other users. Looks when it is time.
    pub fn poll(&mut self, now: Instant) -> Vec<u32> {
        if self.looks.is_due(now, PERIOD) {
            self.users = shared_memory::other_users();
            if !self.users.is_empty()
                && let Some(suppressed) = self.complaint.try_acquire(now)
            {
                log::warn!("{}{suppressed}", shared_memory::warning(&self.users));
            }
        }
        self.users.clone()
    }
}
