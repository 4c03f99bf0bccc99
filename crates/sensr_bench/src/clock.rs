//! Clock of all records: `CLOCK_MONOTONIC`, which the processes of a machine share.

use std::time::{SystemTime, UNIX_EPOCH};

use uapi::c;

/// Returns the present time in nanoseconds.
///
/// # Panics
///
/// If the system has no monotonic clock.
#[must_use]
pub fn now_ns() -> i64 {
    let mut time = c::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    uapi::clock_gettime(c::CLOCK_MONOTONIC, &mut time).expect("Linux has this clock");
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Returns the time of day in nanoseconds since 1970, the clock of the stamps of messages. 0 if it is set to a time
/// before, or centuries ahead.
#[must_use]
pub fn wall_now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::now_ns;

    #[test]
    fn clock_is_that_of_the_uptime_and_never_goes_back() {
        let first = now_ns();
        assert!(now_ns() >= first);
        let uptime = fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "compared in seconds")]
        let first = first as f64 / 1e9;
        // The time since boot includes that of suspension, the monotonic clock does not.
        assert!(first > 0.0 && first < uptime + 1.0, "{first} {uptime}");
    }
}
