//! Diagnostic of this process's memory. It must not grow, as every queue, cache and map has a bound.

use std::time::{Duration, Instant};

use super::format::format_duration;
use super::trends::{History, Hysteresis, growth_per_second};
use super::{Level, Status};
use crate::metrics::process_memory::ProcessMemory;

/// Time after the start for which growth is ignored, because queues and buffers still grow to their size.
const WARM_UP: Duration = Duration::from_secs(120);
/// Time over which growth is measured.
const WINDOW: Duration = Duration::from_secs(600);
/// Shortest time over which growth is shown.
const MIN_WINDOW: Duration = Duration::from_secs(60);
/// Growth above which there is a leak, MB/min.
const LEAK_GROWTH: f64 = 5.0;
/// Growth below which the leak is over, MB/min.
const RECOVERED_GROWTH: f64 = 2.5;

/// Watches the memory of this process.
#[derive(Debug)]
pub(super) struct MemoryDiagnostic {
    start: Instant,
    history: History<u64>,
    is_leaking: Hysteresis,
}

impl MemoryDiagnostic {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            history: History::new(WINDOW),
            is_leaking: Hysteresis::new(LEAK_GROWTH, RECOVERED_GROWTH),
        }
    }

    /// Assesses the memory against `bound`, its computed upper bound in bytes.
    pub(super) fn assess_memory(
        &mut self,
        now: Instant,
        memory: Option<ProcessMemory>,
        bound: u64,
    ) -> Status {
        let Some(memory) = memory else {
            let message = "memory usage is not available on this system".to_owned();
            return Status::new("memory", (Level::Stale, message));
        };
        let growth = self.measure_growth(now, memory.rss_bytes);
        let steady_growth = self.steady_growth(now, memory.rss_bytes).unwrap_or(0.0);
        let is_leaking = self.is_leaking.update_state(steady_growth);
        let growth = growth.map_or_else(|| "unknown".to_owned(), |growth| format!("{growth:.2}"));
        Status::new(
            "memory",
            describe_memory(memory, bound, &growth, is_leaking),
        )
        .with_value("resident (bytes)", memory.rss_bytes)
        .with_value("peak resident (bytes)", memory.rss_peak_bytes)
        .with_value("bound (bytes)", bound)
        .with_value("growth (MB/min)", growth)
    }

    /// Records the resident memory and returns its growth over the last ten minutes, MB/min. None during the warm-up
    /// and the minute after it.
    fn measure_growth(&mut self, now: Instant, rss_bytes: u64) -> Option<f64> {
        if now.duration_since(self.start) < WARM_UP {
            return None;
        }
        let (then, before) = self.history.record_sample(now, rss_bytes);
        let elapsed = now.duration_since(then);
        (elapsed >= MIN_WINDOW).then(|| mb_per_minute(before, rss_bytes, elapsed))
    }

    /// Returns the smaller growth of the two halves of the last ten minutes, MB/min: a queue that fills up grows in one
    /// half only, a leak in both. None until ten minutes have passed.
    fn steady_growth(&self, now: Instant, rss_bytes: u64) -> Option<f64> {
        let (start, at_start) = self.history.sample_before(now, WINDOW)?;
        let (middle, at_middle) = self.history.sample_before(now, WINDOW / 2)?;
        let first = mb_per_minute(at_start, at_middle, middle.duration_since(start));
        let second = mb_per_minute(at_middle, rss_bytes, now.duration_since(middle));
        Some(first.min(second))
    }
}

fn describe_memory(
    memory: ProcessMemory,
    bound: u64,
    growth: &str,
    is_leaking: bool,
) -> (Level, String) {
    let mib = memory.rss_bytes >> 20;
    if memory.rss_bytes > bound {
        // Not a leak yet, but something uses memory that the bound does not account for.
        let bound = bound >> 20;
        let message = format!("{mib} MiB exceeds the {bound} MiB bound");
        (Level::Error, message)
    } else if is_leaking {
        let window = format_duration(WINDOW);
        let message = format!("{mib} MiB, growing by {growth} MB/min for {window}");
        (Level::Warn, message)
    } else {
        (Level::Ok, format!("{mib} MiB"))
    }
}

fn mb_per_minute(before: u64, now: u64, elapsed: Duration) -> f64 {
    growth_per_second(before, now, elapsed) * 60.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: u64 = 4 << 30;

    /// Returns the status after `minutes` with `megabytes` used at each second, and whether there was a warning.
    fn run_minutes(minutes: u32, megabytes: impl Fn(u32) -> u32) -> (Status, bool) {
        let start = Instant::now();
        let mut diagnostic = MemoryDiagnostic::new(start);
        let mut warned = false;
        let mut last = None;
        for second in 0..=minutes * 60 {
            let now = start + Duration::from_secs(second.into());
            let memory = ProcessMemory {
                rss_bytes: u64::from(megabytes(second)) * 1_000_000,
                ..ProcessMemory::default()
            };
            let status = diagnostic.assess_memory(now, Some(memory), BOUND);
            warned |= status.level != Level::Ok;
            last = Some(status);
        }
        (last.expect("assessed"), warned)
    }

    fn shown_growth(status: &Status) -> &str {
        &status.values[3].1
    }

    #[test]
    fn flat_memory_is_ok() {
        let (status, warned) = run_minutes(30, |_| 105);
        assert!(!warned);
        assert_eq!(
            (&*status.message, shown_growth(&status)),
            ("100 MiB", "0.00")
        );
        assert_eq!(
            shown_growth(&run_minutes(2, |_| 105).0),
            "unknown",
            "too early"
        );
    }

    #[test]
    fn steady_growth_is_a_warning_after_ten_minutes() {
        let grows = |second: u32| 100 + second / 6;
        let (status, warned) = run_minutes(11, grows);
        assert!(!warned, "not yet");
        assert_eq!(shown_growth(&status), "10.00");
        let (status, _) = run_minutes(13, grows);
        assert_eq!(status.level, Level::Warn);
        assert_eq!(
            status.message,
            "219 MiB, growing by 10.00 MB/min for 10 min"
        );
    }

    #[test]
    fn a_leak_that_stopped_is_ok_again() {
        let (status, warned) = run_minutes(40, |second| 100 + second.min(1200) / 6);
        assert!(warned);
        assert_eq!(status.level, Level::Ok);
    }

    #[test]
    fn growth_at_the_start_or_of_a_filling_queue_is_no_leak() {
        assert!(!run_minutes(30, |second| second.min(110) * 10).1, "start");
        let fills = |second: u32| 100 + second.clamp(900, 910) - 900;
        assert!(!run_minutes(40, |second| fills(second) * 20).1, "queue");
        assert!(!run_minutes(40, |second| 2000 - second / 2).1, "shrinks");
    }

    #[test]
    fn memory_above_the_bound_is_an_error_at_once() {
        let start = Instant::now();
        let memory = ProcessMemory {
            rss_bytes: 101 << 20,
            ..ProcessMemory::default()
        };
        let status = MemoryDiagnostic::new(start).assess_memory(start, Some(memory), 100 << 20);
        assert_eq!(status.level, Level::Error);
        assert_eq!(status.message, "101 MiB exceeds the 100 MiB bound");
    }

    #[test]
    fn unavailable_memory_usage_is_stale() {
        let start = Instant::now();
        let status = MemoryDiagnostic::new(start).assess_memory(start, None, BOUND);
        assert_eq!(status.level, Level::Stale);
    }
}
