//! Disk space, and the time until it is used up.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::RecorderConfig;

/// Time over which the rate of writing is measured.
const RATE_WINDOW: Duration = Duration::from_secs(60);
/// Shortest time over which a rate is known.
const MIN_RATE_WINDOW: Duration = Duration::from_secs(2);

/// Size and free space of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskSpace {
    /// Size.
    pub size_bytes: u64,
    /// Space that this user can write to.
    pub free_bytes: u64,
}

impl DiskSpace {
    /// Returns the space of the disk that holds a file or folder.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Self {
            size_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        })
    }
}

/// Returns the floor of free space in bytes for a disk of this size: the higher of both limits.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a percentage of a disk needs no exact bytes"
)]
pub fn floor(config: &RecorderConfig, size_bytes: u64) -> u64 {
    let share = size_bytes as f64 * config.min_free_percent / 100.0;
    config.min_free_bytes.max(share as u64)
}

/// Rate of writing over the last minute.
#[derive(Debug, Default)]
pub struct WriteRate {
    samples: VecDeque<(Instant, u64)>,
    /// Bytes of all samples.
    total: u64,
}

impl WriteRate {
    /// Adds bytes that were written since the last sample.
    pub fn add(&mut self, now: Instant, bytes: u64) {
        self.samples.push_back((now, bytes));
        self.total += bytes;
        while let Some((time, bytes)) = self.samples.front()
            && now.saturating_duration_since(*time) > RATE_WINDOW
        {
            self.total -= bytes;
            self.samples.pop_front();
        }
    }

    /// Returns bytes per second, 0 as long as the time is too short to tell.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact bytes")]
    pub fn bytes_per_second(&self, now: Instant) -> f64 {
        let Some((first, bytes)) = self.samples.front() else {
            return 0.0;
        };
        let span = now.saturating_duration_since(*first);
        if span < MIN_RATE_WINDOW {
            return 0.0;
        }
        // The bytes of the first sample were written before it.
        (self.total - bytes) as f64 / span.as_secs_f64()
    }
}

/// Own closed splits on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClosedSplits {
    /// Number.
    pub count: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// Returns the time until the free space reaches its floor at this rate. `None` if nothing is written, if the limits of
/// the recording are reached before, or if it takes longer than a hundred years.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate needs no exact bytes"
)]
pub fn time_left(
    config: &RecorderConfig,
    disk: DiskSpace,
    floor_bytes: u64,
    bytes_per_second: f64,
    closed: ClosedSplits,
) -> Option<Duration> {
    const CENTURY: f64 = 100.0 * 365.25 * 86_400.0;
    let room = disk.free_bytes.saturating_sub(floor_bytes);
    let is_bounded_by_bytes = config.keep_bytes > 0 && closed.bytes + room >= config.keep_bytes;
    let mean_bytes = closed.bytes / closed.count.max(1);
    // The open split and one more, which is closed before the oldest is deleted.
    let missing = (config.keep_splits + 2).saturating_sub(closed.count);
    let is_bounded_by_number =
        config.keep_splits > 0 && closed.count > 0 && room >= mean_bytes.saturating_mul(missing);
    let seconds = room as f64 / bytes_per_second;
    let ends = bytes_per_second > 0.0 && seconds < CENTURY;
    (ends && !is_bounded_by_bytes && !is_bounded_by_number)
        .then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::test_config;

    #[test]
    fn the_space_of_a_folder_is_known_and_of_nothing_is_an_error() {
        let space = DiskSpace::of(Path::new("/")).expect("a disk");
        assert!(space.size_bytes > 0 && space.free_bytes <= space.size_bytes);
        DiskSpace::of(Path::new("/nonexistent/folder")).expect_err("nothing there");
    }

    #[test]
    fn the_higher_of_both_floors_applies() {
        let mut config = test_config();
        config.min_free_bytes = 1000;
        config.min_free_percent = 5.0;
        assert_eq!(floor(&config, 10_000), 1000);
        assert_eq!(floor(&config, 100_000), 5000);
    }

    #[test]
    fn the_rate_is_a_mean_over_the_last_minute() {
        let mut rate = WriteRate::default();
        let start = Instant::now();
        let close = |one: f64, other: f64| (one - other).abs() < 1e-6;
        assert!(close(rate.bytes_per_second(start), 0.0));
        for second in 0..=90u32 {
            let bytes = if second <= 30 { 1000 } else { 100 };
            let now = start + Duration::from_secs(second.into());
            rate.add(now, bytes);
            if second == 1 {
                assert!(close(rate.bytes_per_second(now), 0.0), "too early");
            }
            if second == 30 {
                assert!(close(rate.bytes_per_second(now), 1000.0));
            }
            if second == 90 {
                assert!(close(rate.bytes_per_second(now), 100.0));
            }
        }
        assert_eq!(rate.samples.len(), 61);
        // Without further bytes it falls.
        assert!(close(
            rate.bytes_per_second(start + Duration::from_secs(150)),
            50.0
        ));
    }

    #[test]
    fn the_time_left_ends_at_the_floor() {
        let disk = DiskSpace {
            size_bytes: 1000,
            free_bytes: 300,
        };
        let config = test_config();
        let left = |floor, rate| time_left(&config, disk, floor, rate, ClosedSplits::default());
        assert_eq!(left(100, 10.0), Some(Duration::from_secs(20)));
        assert_eq!(left(400, 10.0), Some(Duration::ZERO));
        assert_eq!(left(100, 0.0), None);
        assert_eq!(left(100, 1e-12), None);
    }

    #[test]
    fn limits_that_are_reached_before_the_floor_keep_the_disk_from_filling() {
        let disk = DiskSpace {
            size_bytes: 10_000,
            free_bytes: 1000,
        };
        let left = |keep_splits, keep_bytes| {
            let mut config = test_config();
            config.keep_splits = keep_splits;
            config.keep_bytes = keep_bytes;
            let closed = ClosedSplits {
                count: 4,
                bytes: 400,
            };
            time_left(&config, disk, 0, 1.0, closed)
        };
        assert!(left(0, 0).is_some());
        assert_eq!(left(0, 1400), None);
        assert!(left(0, 1401).is_some());
        // Ten more splits of 100 bytes fit.
        assert_eq!(left(12, 0), None);
        assert!(left(13, 0).is_some());
    }
}
