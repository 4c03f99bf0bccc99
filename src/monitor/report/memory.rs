//! Memory of one process over the run.

use std::time::Duration;

use serde::Serialize;

use super::growth::{Growth, Verdict};
use super::thinned::{Merge, Thinned};

/// Memory of one process, and the time until it reaches the limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryReport {
    /// Smallest resident memory, bytes.
    pub min_bytes: u64,
    /// Mean of the resident memory, bytes.
    pub mean_bytes: f64,
    /// Largest resident memory, bytes.
    pub max_bytes: u64,
    /// Resident memory at the end, bytes.
    pub last_bytes: u64,
    /// Number of samples.
    pub samples: u64,
    /// Growth over the longest time without a restart.
    pub growth: Growth,
    /// Time until the limit is reached. `None` if the memory is flat or cannot grow.
    pub time_to_limit: Option<TimeToLimit>,
}

/// Time until a process reaches the limit for its memory, with the range that the growth leaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimeToLimit {
    /// At the measured growth, seconds. `None` if the growth is not determined.
    pub expected_s: Option<f64>,
    /// At the upper end of the growth's interval, seconds.
    pub earliest_s: f64,
    /// At the lower end of the growth's interval, seconds. `None` if it may never be reached.
    pub latest_s: Option<f64>,
}

/// Mean of some samples of the course.
#[derive(Debug, Clone, Copy)]
struct CoursePoint {
    seconds: f64,
    bytes: f64,
    samples: f64,
}

impl Merge for CoursePoint {
    fn merge(&mut self, next: Self) {
        let samples = self.samples + next.samples;
        let share = next.samples / samples;
        self.seconds += (next.seconds - self.seconds) * share;
        self.bytes += (next.bytes - self.bytes) * share;
        self.samples = samples;
    }
}

/// Sums over all samples of a process, and its course since the last restart.
#[derive(Debug, Default)]
pub(super) struct MemoryTracker {
    samples: u64,
    sum: f64,
    min: u64,
    max: u64,
    last: u64,
    course: Thinned<CoursePoint>,
    /// Longest course that a restart has ended.
    longest: Vec<(f64, f64)>,
}

impl MemoryTracker {
    /// Takes a sample, `uptime` after the start of what reports it. `is_restart` says that it is of another process than
    /// the one before.
    #[expect(clippy::cast_precision_loss, reason = "memory sizes are exact in f64")]
    pub(super) fn add(&mut self, uptime: Duration, bytes: u64, is_restart: bool) {
        if is_restart {
            let ended = points(&std::mem::take(&mut self.course));
            if span(&ended) > span(&self.longest) {
                self.longest = ended;
            }
        }
        self.min = if self.samples == 0 {
            bytes
        } else {
            self.min.min(bytes)
        };
        self.max = self.max.max(bytes);
        self.last = bytes;
        self.samples += 1;
        self.sum += bytes as f64;
        self.course.push(CoursePoint {
            seconds: uptime.as_secs_f64(),
            bytes: bytes as f64,
            samples: 1.0,
        });
    }

    /// Returns the report. `None` without samples.
    #[expect(clippy::cast_precision_loss, reason = "memory sizes are exact in f64")]
    pub(super) fn report(&self, limit_bytes: u64) -> Option<MemoryReport> {
        let current = points(&self.course);
        let course = if span(&current) >= span(&self.longest) {
            &current
        } else {
            &self.longest
        };
        let growth = Growth::measure(course);
        let room = limit_bytes as f64 - self.last as f64;
        (self.samples > 0).then(|| MemoryReport {
            min_bytes: self.min,
            mean_bytes: self.sum / self.samples as f64,
            max_bytes: self.max,
            last_bytes: self.last,
            samples: self.samples,
            time_to_limit: time_to_limit(&growth, room.max(0.0)),
            growth,
        })
    }
}

fn time_to_limit(growth: &Growth, room: f64) -> Option<TimeToLimit> {
    if growth.verdict == Verdict::Flat {
        return None;
    }
    let seconds = |mb_per_min: f64| (mb_per_min > 0.0).then(|| room / (mb_per_min * 1e6) * 60.0);
    let is_growing = growth.verdict == Verdict::Growing;
    Some(TimeToLimit {
        expected_s: growth.mb_per_min.filter(|_| is_growing).and_then(seconds),
        earliest_s: growth.high_mb_per_min.and_then(seconds)?,
        latest_s: growth.low_mb_per_min.and_then(seconds),
    })
}

fn points(course: &Thinned<CoursePoint>) -> Vec<(f64, f64)> {
    let items = course.items().iter();
    items.map(|point| (point.seconds, point.bytes)).collect()
}

fn span(course: &[(f64, f64)]) -> f64 {
    match (course.first(), course.last()) {
        (Some((first, _)), Some((last, _))) => last - first,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 10_000_000_000;

    fn add(tracker: &mut MemoryTracker, seconds: std::ops::Range<u64>, bytes: impl Fn(u64) -> u64) {
        for second in seconds {
            tracker.add(Duration::from_secs(second), bytes(second), false);
        }
    }

    #[test]
    fn figures_are_exact_for_weeks() {
        let mut tracker = MemoryTracker::default();
        assert_eq!(tracker.report(LIMIT), None);
        add(&mut tracker, 0..2_000_000, |second| {
            100_000_000 + second % 11
        });
        let report = tracker.report(LIMIT).expect("samples");
        let figures = (report.min_bytes, report.max_bytes, report.samples);
        assert_eq!(figures, (100_000_000, 100_000_010, 2_000_000));
        assert!((report.mean_bytes - 100_000_005.0).abs() < 0.1);
        assert_eq!(report.growth.verdict, Verdict::Flat);
        assert_eq!(report.time_to_limit, None);
    }

    #[test]
    fn time_to_the_limit_follows_from_the_growth_and_has_a_range() {
        let mut tracker = MemoryTracker::default();
        // 300 MB/min, from 1 GB to 4 GB.
        add(&mut tracker, 0..601, |second| {
            1_000_000_000 + second * 5_000_000
        });
        let report = tracker.report(LIMIT).expect("samples");
        assert_eq!(report.growth.verdict, Verdict::Growing);
        let time = report.time_to_limit.expect("growing");
        let expected = time.expected_s.expect("growing");
        assert!((expected - 1200.0).abs() < 1.0, "{time:?}");
        assert!(time.earliest_s <= expected && expected <= time.latest_s.expect("growing"));
        let beyond = tracker.report(1_000_000_000).expect("samples");
        assert_eq!(beyond.time_to_limit.expect("growing").expected_s, Some(0.0));
    }

    #[test]
    fn growth_is_that_of_the_longest_time_without_a_restart() {
        let mut tracker = MemoryTracker::default();
        add(&mut tracker, 0..300, |second| {
            100_000_000 + second * 1_000_000
        });
        tracker.add(Duration::from_secs(1), 50_000_000, true);
        add(&mut tracker, 2..100, |_| 50_000_000);
        let report = tracker.report(LIMIT).expect("samples");
        assert!((report.growth.mb_per_min.expect("enough") - 60.0).abs() < 1.0);
        add(&mut tracker, 100..1000, |_| 50_000_000);
        let report = tracker.report(LIMIT).expect("samples");
        assert_eq!(report.growth.verdict, Verdict::Flat);
        assert_eq!(
            (report.min_bytes, report.max_bytes),
            (50_000_000, 399_000_000)
        );
    }
}
