//! Health of the running stock recorder: reasons for starting it again.

use std::time::{Duration, Instant};

use crate::metrics::process_memory::ProcessMemory;
use crate::recorder::child::RecorderProcess;
use crate::recorder::features::RecorderFeatures;
use crate::recorder::files::BagSnapshot;
use crate::recorder::stall::StallDetector;

/// Bytes that the stock recorder may hold back: several chunks of the size that the engine sets.
const SLACK_BYTES: u64 = 512 * 1024;
/// The same for chunks of the size that the stock recorder chooses, up to 4 MiB.
const LARGE_SLACK_BYTES: u64 = 16 << 20;

/// Time limits for the stock recorder.
#[derive(Debug, Clone, Copy)]
pub(super) struct HealthTimes {
    /// Time until it has opened its bag, on a busy machine.
    pub(super) open: Duration,
    /// Time until something is written, while the bridge publishes.
    pub(super) first_write: Duration,
    /// Time after which an open split counts as being recorded if the bridge publishes next to nothing.
    pub(super) quiet: Duration,
    /// Time that it may be stopped by a signal.
    pub(super) stopped: Duration,
    /// Time between two looks at its memory.
    pub(super) memory: Duration,
}

impl Default for HealthTimes {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(60),
            first_write: Duration::from_secs(30),
            quiet: Duration::from_secs(5),
            stopped: Duration::from_secs(5),
            memory: Duration::from_secs(1),
        }
    }
}

/// State of health of the running process.
#[derive(Debug)]
pub(super) struct Health {
    times: HealthTimes,
    slack_bytes: u64,
    stall: StallDetector,
    started: Instant,
    /// Name of the open split, and the time at which it was seen first.
    split: Option<(String, Instant)>,
    has_grown: bool,
    stopped_since: Option<Instant>,
    memory_due: Instant,
}

impl Health {
    pub(super) fn new(times: HealthTimes, features: &RecorderFeatures) -> Self {
        let slack_bytes = if features.storage_config {
            SLACK_BYTES
        } else {
            LARGE_SLACK_BYTES
        };
        let now = Instant::now();
        Self {
            times,
            slack_bytes,
            stall: StallDetector::new(slack_bytes),
            started: now,
            split: None,
            has_grown: false,
            stopped_since: None,
            memory_due: now,
        }
    }

    /// Begins with a new process.
    pub(super) fn begin(&mut self, now: Instant) {
        self.started = now;
        self.split = None;
        self.has_grown = false;
        self.stopped_since = None;
        self.memory_due = now;
        self.stall.reset();
    }

    /// Takes the bytes that the bridge has published.
    pub(super) fn on_published(&mut self, bytes: u64, now: Instant) {
        self.stall.on_published(bytes, now);
    }

    /// Looks at the process. Returns its resident memory if that was due.
    pub(super) fn observe_process(
        &mut self,
        process: &RecorderProcess,
        now: Instant,
    ) -> Option<u64> {
        if process.is_stopped() {
            self.stopped_since.get_or_insert(now);
        } else {
            self.stopped_since = None;
        }
        if now < self.memory_due {
            return None;
        }
        self.memory_due = now + self.times.memory;
        ProcessMemory::of_process(process.pid()).map(|memory| memory.rss_bytes)
    }

    /// Takes a look at the bag. Returns true while messages reach the disk, as far as there are any.
    pub(super) fn observe_bag(&mut self, look: Option<&BagSnapshot>, now: Instant) -> bool {
        let Some(split) = look.and_then(|look| look.split.as_ref()) else {
            return false;
        };
        if self
            .split
            .as_ref()
            .is_none_or(|(name, _)| *name != split.name)
        {
            // The stock recorder opens the next split when it writes. Little data reach the disk only then, because the
            // open chunk of a split is written when it is closed.
            self.has_grown |= self.split.is_some() && self.stall.outstanding() <= self.slack_bytes;
            self.split = Some((split.name.clone(), now));
            self.stall.on_next_file();
        }
        self.has_grown |= self.stall.on_size(split.bytes);
        let since = self.split.as_ref().map_or(now, |(_, since)| *since);
        let is_quiet = self.stall.outstanding() <= self.slack_bytes
            && now.saturating_duration_since(since) >= self.times.quiet;
        self.has_grown || is_quiet
    }

    /// Reason, with the cure, for starting the stock recorder again. The files were `seen` some time before `now`.
    pub(super) fn problem(
        &self,
        look: Option<&BagSnapshot>,
        is_starting: bool,
        stall_timeout: Duration,
        (seen, now): (Instant, Instant),
    ) -> Option<String> {
        if let Some(problem) = look.and_then(|look| look.problem.as_ref()) {
            return Some(problem.clone());
        }
        if let Some(since) = self.stopped_since
            && now.saturating_duration_since(since) >= self.times.stopped
        {
            return Some(
                "the stock recorder is stopped by a signal; do not suspend it, call ~/pause instead"
                    .to_owned(),
            );
        }
        let Some((split, _)) = &self.split else {
            let age = seen.saturating_duration_since(self.started);
            return (age >= self.times.open).then(|| {
                format!(
                    "the stock recorder has not opened its bag within {} s; see its lines in the log, and check the \
                     disk and the load of the machine",
                    age.as_secs()
                )
            });
        };
        let limit = if is_starting {
            stall_timeout.max(self.times.first_write)
        } else {
            stall_timeout
        };
        let behind = self.stall.behind_for(seen)?;
        (behind >= limit).then(|| {
            format!(
                "the split {split} does not grow: nothing was written in {} s, in which the bridge published {} bytes; \
                 check the disk (full, read-only, failing?)",
                behind.as_secs(),
                self.stall.outstanding()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::files::OpenSplit;

    fn look(split: &str) -> BagSnapshot {
        BagSnapshot {
            folder: "/bags/a".into(),
            split: Some(OpenSplit {
                name: split.to_owned(),
                bytes: 1000,
                since: std::time::SystemTime::UNIX_EPOCH,
            }),
            problem: None,
        }
    }

    #[test]
    fn short_splits_with_little_data_are_a_recording_and_with_much_that_is_not_written_none() {
        let now = Instant::now();
        for (published, is_recording) in [(1000, true), (SLACK_BYTES + 1, false)] {
            let features = RecorderFeatures {
                storage_config: true,
                ..RecorderFeatures::default()
            };
            let mut health = Health::new(HealthTimes::default(), &features);
            health.begin(now);
            health.on_published(0, now);
            assert!(!health.observe_bag(Some(&look("a_0.mcap")), now));
            health.on_published(published, now);
            let next = health.observe_bag(Some(&look("a_1.mcap")), now);
            assert_eq!(next, is_recording);
        }
    }
}
