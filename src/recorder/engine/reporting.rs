//! State and figures, as reported and logged.

use std::time::Instant;

use super::Recorder;
use crate::recorder::files::FilesSnapshot;
use crate::recorder::report::{RecordingReport, RecordingState};
use crate::time::stamp::Stamp;

impl Recorder {
    /// Current state with its reason.
    fn current_state(&self) -> (RecordingState, String) {
        let (state, reason) = self.machine.state();
        if self.is_silent && state != RecordingState::Stopping {
            return (RecordingState::Retrying, self.silence_reason());
        }
        (state, reason.to_owned())
    }

    /// Notes a change of the state, and logs it.
    pub(super) fn note_state(&mut self) {
        let current = self.current_state();
        if current.0 != self.state.0 {
            self.state_since = Stamp::now();
            log_state(&current);
        }
        self.state = current;
    }

    /// Returns the state and figures at `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> RecordingReport {
        let look = self.look.clone().unwrap_or_else(|| FilesSnapshot::new(now));
        let bag = self.prepared.as_ref().map(|prepared| prepared.bag.clone());
        let split = look
            .bag
            .filter(|seen| Some(&seen.folder) == bag.as_ref())
            .and_then(|seen| seen.split);
        let disk = look.disk;
        let running = self.process.as_ref();
        let lost = running.map_or(0, |running| running.process.reported_lost());
        RecordingReport {
            stamp_ns: ns(Stamp::now()),
            version: env!("CARGO_PKG_VERSION"),
            uptime: now.saturating_duration_since(self.started),
            state: self.state.0,
            state_since_ns: ns(self.state_since),
            reason: self.state.1.clone(),
            bag: bag.filter(|_| running.is_some()),
            split_since_ns: split
                .as_ref()
                .map_or(0, |split| ns(Stamp::from(split.since))),
            split_bytes: split.as_ref().map_or(0, |split| split.bytes),
            split: split.map(|split| split.name),
            splits_opened: look.splits_opened,
            closed_splits: look.closed_splits,
            closed_bytes: look.closed_bytes,
            deleted_splits: look.deleted_splits,
            deleted_bytes: look.deleted_bytes,
            bytes_per_second: look.bytes_per_second,
            disk_free_bytes: disk.map_or(0, |disk| disk.free_bytes),
            disk_size_bytes: disk.map_or(0, |disk| disk.size_bytes),
            min_free_bytes: look.floor_bytes,
            time_left: look.time_left,
            recorder_pid: running.map(|running| running.process.pid()),
            recorder_rss_bytes: running.map_or(0, |running| running.memory.latest()),
            recorder_rss_growth: running.map_or(0.0, |running| running.memory.growth()),
            recorder_starts: self.starts,
            last_failure: self.last_failure.clone(),
            reported_lost: self.lost_before + lost,
            missing: look.missing,
            last_split: look.last_split,
            topics: look.topics,
        }
    }
}

/// Logs a change of the state.
fn log_state((state, reason): &(RecordingState, String)) {
    match state {
        // Failures and the start of the process have lines of their own.
        RecordingState::Starting | RecordingState::Retrying => {}
        RecordingState::Recording => log::info!("recording: messages reach the disk"),
        RecordingState::DiskFull => log::error!("recording is paused: {reason}"),
        RecordingState::Paused => log::info!("recording is {reason}"),
        RecordingState::Stopping => log::info!("{reason}"),
    }
}

fn ns(stamp: Stamp) -> u64 {
    u64::try_from(stamp.as_ns()).unwrap_or(0)
}
