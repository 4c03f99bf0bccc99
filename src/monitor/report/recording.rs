//! Recording over the run.

use std::time::Duration;

use serde::Serialize;

use crate::monitor::sample::RecordingSample;
use crate::recorder::report::RecordingState;

/// Recording of one bridge during the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RecordingReport {
    /// State at the end.
    pub state: String,
    /// Reason of the state. Empty while recording.
    pub reason: String,
    /// Folder of the bag that was open last.
    pub bag: String,
    /// Time for which messages reached the disk, seconds.
    pub recording_s: f64,
    /// Time observed, seconds.
    pub observed_s: f64,
    /// Splits opened.
    pub splits: u64,
    /// Bytes written.
    pub written_bytes: f64,
    /// Messages published and in no split.
    pub missing: u64,
    /// Messages that the stock recorder reported as lost.
    pub reported_lost: u64,
    /// Restarts of the stock recorder by `sensr_recorder`.
    pub stock_recorder_restarts: u64,
    /// Restarts of `sensr_recorder` itself.
    pub restarts: u64,
    /// Reason of the last restart of the stock recorder.
    pub last_failure: String,
    /// Free space of the disk at the end, bytes.
    pub disk_free_bytes: u64,
    /// Time until its floor is reached, as told at the end, seconds. `None` if it is not going to be.
    pub disk_time_left_s: Option<f64>,
}

/// Sums over the run.
#[derive(Debug, Default)]
pub(super) struct RecordingTotals {
    last: Option<RecordingSample>,
    report: RecordingReport,
}

impl RecordingTotals {
    /// Adds a state of the recording. `is_watched_from_start` says that nothing of its process was missed. Returns whether
    /// the stock recorder is another process than before, and the messages that are missing since then.
    pub(super) fn add(
        &mut self,
        sample: &RecordingSample,
        is_watched_from_start: bool,
    ) -> (bool, u64) {
        let before = self.last.take();
        let is_restart = before
            .as_ref()
            .is_some_and(|before| sample.uptime < before.uptime);
        let is_new_process = before
            .as_ref()
            .is_some_and(|before| is_restart || before.recorder_pid != sample.recorder_pid);
        let none = RecordingSample::default();
        let old = match &before {
            Some(before) if !is_restart => before,
            None if !is_watched_from_start => sample,
            _ => &none,
        };
        let report = &mut self.report;
        let elapsed = sample.uptime.saturating_sub(old.uptime);
        report.observed_s += elapsed.as_secs_f64();
        if sample.state == RecordingState::Recording.number() {
            report.recording_s += elapsed.as_secs_f64();
        }
        let missing = sample.missing.saturating_sub(old.missing);
        report.missing += missing;
        report.splits += sample.splits_opened.saturating_sub(old.splits_opened);
        report.reported_lost += sample.reported_lost.saturating_sub(old.reported_lost);
        let starts = sample
            .recorder_starts
            .saturating_sub(old.recorder_starts.max(1));
        report.stock_recorder_restarts += u64::from(starts);
        report.restarts += u64::from(is_restart);
        report.written_bytes += written(old, sample, elapsed);
        RecordingState::name_of(sample.state).clone_into(&mut report.state);
        report.reason.clone_from(&sample.reason);
        report.bag.clone_from(&sample.bag);
        report.last_failure.clone_from(&sample.last_failure);
        report.disk_free_bytes = sample.disk_free_bytes;
        report.disk_time_left_s = sample.time_left.map(|left| left.as_secs_f64());
        self.last = Some(sample.clone());
        (is_new_process, missing)
    }

    /// Returns the report. `None` if nothing was recorded.
    pub(super) fn report(&self) -> Option<RecordingReport> {
        self.last.as_ref().map(|_| self.report.clone())
    }
}

/// Bytes written between two states. While the same split is open they are exact; after a new one they follow from the
/// rate, because closed splits may have been deleted.
#[expect(clippy::cast_precision_loss, reason = "only for display")]
fn written(old: &RecordingSample, new: &RecordingSample, elapsed: Duration) -> f64 {
    if old.split == new.split && old.splits_opened == new.splits_opened {
        return new.split_bytes.saturating_sub(old.split_bytes) as f64;
    }
    new.bytes_per_second.max(0.0) * elapsed.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, missing: u64, pid: i32) -> RecordingSample {
        RecordingSample {
            uptime: Duration::from_secs(second),
            state: RecordingState::Recording.number(),
            split: "a_0.mcap".to_owned(),
            splits_opened: 1,
            split_bytes: second * 1000,
            bytes_per_second: 1000.0,
            missing,
            recorder_pid: pid,
            recorder_starts: 1,
            ..RecordingSample::default()
        }
    }

    #[test]
    fn only_what_happened_while_it_was_watched_is_counted() {
        let mut totals = RecordingTotals::default();
        assert_eq!(totals.report(), None);
        assert_eq!(totals.add(&sample(100, 7, 10), false), (false, 0));
        assert_eq!(totals.add(&sample(110, 9, 10), false), (false, 2));
        let report = totals.report().expect("recorded");
        assert_eq!((report.missing, report.splits), (2, 0));
        assert!((report.written_bytes - 10_000.0).abs() < 0.1);
        assert!((report.recording_s - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_recorder_watched_from_its_start_and_its_restarts_are_counted_whole() {
        let mut totals = RecordingTotals::default();
        totals.add(&sample(2, 1, 10), true);
        let restarted = RecordingSample {
            recorder_starts: 2,
            splits_opened: 2,
            split: "b_0.mcap".to_owned(),
            ..sample(5, 1, 11)
        };
        assert_eq!(totals.add(&restarted, true), (true, 0));
        assert_eq!(totals.add(&sample(1, 4, 12), true), (true, 4));
        let report = totals.report().expect("recorded");
        assert_eq!((report.missing, report.splits), (5, 3));
        assert_eq!((report.stock_recorder_restarts, report.restarts), (1, 1));
        // By the rate: 2 s, 3 s and 1 s.
        assert!((report.written_bytes - 6000.0).abs() < 0.1, "{report:?}");
    }
}
