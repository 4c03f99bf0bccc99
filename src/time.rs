//! Time: stamps, the rate limiter, the throttle of log lines, and the offset of the server's clock.

pub mod clock_offset;
pub mod log_throttle;
pub mod rate_limiter;
pub mod stamp;
