//! Whether this process grows. It should not: every queue, cache and map has a bound.

use std::time::{Duration, Instant};

use super::monitor::{History, Latch, per_second};
use super::{Finding, Level, Status, format};
use crate::metrics::process_memory::ProcessMemory;

/// Until queues and buffers have their size, growth is no sign of anything.
const WARM_UP: Duration = Duration::from_secs(120);
/// Growth is told from so long a time …
const WINDOW: Duration = Duration::from_secs(600);
/// … but shown after so long.
const SHOWN_AFTER: Duration = Duration::from_secs(60);
/// More than this is a leak, MB/min.
const LIMIT: f64 = 5.0;
/// Less than this is none, MB/min.
const FALL: f64 = 2.5;

/// Watches the memory of this process.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    start: Instant,
    history: History<u64>,
    is_leaking: Latch,
}

impl MemoryWatch {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            history: History::new(WINDOW),
            is_leaking: Latch::new(LIMIT, FALL),
        }
    }

    /// `bound` is what the memory stays below, bytes.
    pub(super) fn examine(
        &mut self,
        now: Instant,
        memory: Option<ProcessMemory>,
        bound: u64,
    ) -> Status {
        let Some(memory) = memory else {
            let unknown = "the system does not tell".to_owned();
            return Status::new("memory", (Level::Stale, unknown));
        };
        let growth = self.growth(now, memory.rss_bytes);
        let steady_growth = self.steady_growth(now, memory.rss_bytes).unwrap_or(0.0);
        let is_leaking = self.is_leaking.note(steady_growth);
        let growth = growth.map_or_else(|| "unknown".to_owned(), |growth| format!("{growth:.2}"));
        Status::new("memory", judge(memory, bound, &growth, is_leaking))
            .with("resident (bytes)", memory.rss_bytes)
            .with("most so far (bytes)", memory.rss_peak_bytes)
            .with("bound (bytes)", bound)
            .with("growth (MB/min)", growth)
    }

    /// Within the last ten minutes, MB/min.
    fn growth(&mut self, now: Instant, rss_bytes: u64) -> Option<f64> {
        if now.duration_since(self.start) < WARM_UP {
            return None;
        }
        let (then, before) = self.history.note(now, rss_bytes);
        let elapsed = now.duration_since(then);
        (elapsed >= SHOWN_AFTER).then(|| mb_per_minute(before, rss_bytes, elapsed))
    }

    /// What it grew by in both halves of the last ten minutes, MB/min. A queue that fills up makes it grow once,
    /// a leak all the time. None if ten minutes have not passed.
    fn steady_growth(&self, now: Instant, rss_bytes: u64) -> Option<f64> {
        let (start, at_start) = self.history.back(now, WINDOW)?;
        let (middle, at_middle) = self.history.back(now, WINDOW / 2)?;
        let first = mb_per_minute(at_start, at_middle, middle.duration_since(start));
        let second = mb_per_minute(at_middle, rss_bytes, now.duration_since(middle));
        Some(first.min(second))
    }
}

fn judge(memory: ProcessMemory, bound: u64, growth: &str, is_leaking: bool) -> Finding {
    let mib = memory.rss_bytes >> 20;
    if memory.rss_bytes > bound {
        // Not a leak yet, but something is kept that nobody knew of when the bound was reckoned.
        let bound = bound >> 20;
        let message = format!("{mib} MiB, over the {bound} MiB that it is to stay below");
        (Level::Error, message)
    } else if is_leaking {
        let window = format::span(WINDOW);
        let message = format!("{mib} MiB, growing by {growth} MB/min for {window}");
        (Level::Warn, message)
    } else {
        (Level::Ok, format!("{mib} MiB"))
    }
}

fn mb_per_minute(before: u64, now: u64, elapsed: Duration) -> f64 {
    per_second(before, now, elapsed) * 60.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: u64 = 4 << 30;

    /// The last status after `minutes`, and whether there was a warning, with `megabytes` used at a second.
    fn run(minutes: u32, megabytes: impl Fn(u32) -> u32) -> (Status, bool) {
        let start = Instant::now();
        let mut watch = MemoryWatch::new(start);
        let mut warned = false;
        let mut last = None;
        for second in 0..=minutes * 60 {
            let now = start + Duration::from_secs(second.into());
            let memory = ProcessMemory {
                rss_bytes: u64::from(megabytes(second)) * 1_000_000,
                ..ProcessMemory::default()
            };
            let status = watch.examine(now, Some(memory), BOUND);
            warned |= status.level != Level::Ok;
            last = Some(status);
        }
        (last.expect("looked"), warned)
    }

    fn growth(status: &Status) -> &str {
        &status.values[3].1
    }

    #[test]
    fn flat_memory_is_well() {
        let (status, warned) = run(30, |_| 105);
        assert!(!warned);
        assert_eq!((&*status.message, growth(&status)), ("100 MiB", "0.00"));
        assert_eq!(growth(&run(2, |_| 105).0), "unknown", "too early");
    }

    #[test]
    fn steady_growth_is_a_warning_after_ten_minutes_of_it() {
        let grows = |second: u32| 100 + second / 6;
        let (status, warned) = run(11, grows);
        assert!(!warned, "not yet");
        assert_eq!(growth(&status), "10.00");
        let (status, _) = run(13, grows);
        assert_eq!(status.level, Level::Warn);
        assert_eq!(
            status.message,
            "219 MiB, growing by 10.00 MB/min for 10 min"
        );
    }

    #[test]
    fn a_leak_that_stopped_is_well_again() {
        let (status, warned) = run(40, |second| 100 + second.min(1200) / 6);
        assert!(warned);
        assert_eq!(status.level, Level::Ok);
    }

    #[test]
    fn neither_start_nor_a_queue_that_fills_once_is_a_leak() {
        assert!(!run(30, |second| second.min(110) * 10).1, "start");
        let fills = |second: u32| 100 + second.clamp(900, 910) - 900;
        assert!(!run(40, |second| fills(second) * 20).1, "queue");
        assert!(!run(40, |second| 2000 - second / 2).1, "shrinks");
    }

    #[test]
    fn more_than_the_bound_is_an_error_at_once() {
        let start = Instant::now();
        let memory = ProcessMemory {
            rss_bytes: 101 << 20,
            ..ProcessMemory::default()
        };
        let status = MemoryWatch::new(start).examine(start, Some(memory), 100 << 20);
        assert_eq!(status.level, Level::Error);
        assert_eq!(
            status.message,
            "101 MiB, over the 100 MiB that it is to stay below"
        );
    }

    #[test]
    fn a_system_that_does_not_tell() {
        let start = Instant::now();
        let status = MemoryWatch::new(start).examine(start, None, BOUND);
        assert_eq!(status.level, Level::Stale);
    }
}
