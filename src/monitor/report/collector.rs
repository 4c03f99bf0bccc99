//! Collection of samples for the report, in bounded memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use procfs::{Current as _, Meminfo};

use super::memory::MemoryTracker;
use super::moments::{MomentKind, WorstMoments};
use super::recording::RecordingTotals;
use super::series::SeriesPoint;
use super::thinned::Thinned;
use super::traffic::{Change, Traffic, queue_fill};
use super::{ClockReport, PhaseReport, Report, Silences, SiteReport};
use crate::diagnostics::format_duration;
use crate::monitor::sample::{BridgeSample, RecordingSample};
use crate::monitor::site::SILENT_AFTER;
use crate::time::stamp::Stamp;

/// Tolerance for the arrival of statistics when a start of the bridge is told from them.
const ARRIVAL_TOLERANCE: Duration = Duration::from_secs(1);

/// Sums and series of all bridges since the start of the monitor. Its memory is bounded for runs of any length.
#[derive(Debug)]
pub struct Collector {
    start: Instant,
    start_stamp: Stamp,
    limit_bytes: u64,
    sites: BTreeMap<String, SiteTotals>,
}

/// Sums and series of one bridge and its recorder.
#[derive(Debug, Default)]
pub(super) struct SiteTotals {
    before: Option<(BridgeSample, Instant)>,
    period: Option<Duration>,
    traffic: Traffic,
    bridge_memory: MemoryTracker,
    recorder_memory: MemoryTracker,
    recording: RecordingTotals,
    restarts: u64,
    silences: Silences,
    moments: WorstMoments,
    series: Thinned<SeriesPoint>,
}

impl Collector {
    /// Begins at `now`. `limit_bytes` is the memory of one process up to which the remaining time is estimated; without
    /// it, the memory of this machine.
    #[must_use]
    pub fn new(limit_bytes: Option<u64>, now: Instant) -> Self {
        let memory = || Meminfo::current().map_or(u64::MAX, |memory| memory.mem_total);
        Self {
            start: now,
            start_stamp: Stamp::now(),
            limit_bytes: limit_bytes.unwrap_or_else(memory),
            sites: BTreeMap::new(),
        }
    }

    /// Takes the statistics of a bridge, which arrived at `now`. `namespace` is absolute, `/` for none. Silences and
    /// restarts are found from the samples.
    pub fn on_statistics(&mut self, namespace: &str, sample: &BridgeSample, now: Instant) {
        let watched = now.saturating_duration_since(self.start);
        self.site(namespace).on_statistics(sample, now, watched);
    }

    /// Takes the state of a recording, which arrived at `now`.
    pub fn on_recording(&mut self, namespace: &str, sample: &RecordingSample, now: Instant) {
        let watched = now.saturating_duration_since(self.start);
        self.site(namespace).on_recording(sample, watched);
    }

    /// Returns the report up to `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report {
        let duration = now.saturating_duration_since(self.start);
        let duration_ns = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let end_ns = self.start_stamp.as_ns().saturating_add(duration_ns);
        let sites = self.sites.iter();
        Report {
            start: self.start_stamp.utc(),
            end: Stamp::from_ns(end_ns).utc(),
            duration_s: duration.as_secs_f64(),
            limit_bytes: self.limit_bytes,
            sites: sites
                .map(|(namespace, totals)| totals.report(namespace, self.limit_bytes, now))
                .collect(),
        }
    }

    /// Returns the figures over time of each bridge.
    pub(super) fn series(&self) -> impl Iterator<Item = (&str, &[SeriesPoint])> {
        let sites = self.sites.iter();
        sites.map(|(namespace, totals)| (namespace.as_str(), totals.series.items()))
    }

    /// Returns the time from the start to `now`.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    fn site(&mut self, namespace: &str) -> &mut SiteTotals {
        self.sites.entry(namespace.to_owned()).or_default()
    }
}

impl SiteTotals {
    /// `watched` is the time since the start of the monitor.
    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    fn on_statistics(&mut self, sample: &BridgeSample, now: Instant, watched: Duration) {
        let before = self.before.take();
        let gap = before
            .as_ref()
            .map(|(_, arrival)| now.saturating_duration_since(*arrival));
        let is_restart = before.as_ref().zip(gap).is_some_and(|((before, _), gap)| {
            sample.uptime < before.uptime || sample.uptime + ARRIVAL_TOLERANCE < gap
        });
        if let Some(gap) = gap.filter(|gap| *gap > self.silence_limit()) {
            self.silences.enter(gap);
            let text = format!("no statistics arrived for {}", format_duration(gap));
            let stamp_ns = before_stamp(before.as_ref());
            self.moments
                .enter(MomentKind::Silence, gap.as_secs_f64(), stamp_ns, text);
        }
        if is_restart {
            self.restarts += 1;
            self.moments.forget_links();
            let text = "the bridge was started again".to_owned();
            let order = self.restarts as f64;
            self.moments
                .enter(MomentKind::Restart, order, sample.stamp_ns, text);
        }
        let same_process = before
            .as_ref()
            .filter(|_| !is_restart)
            .map(|(before, _)| before);
        if let Some(before) = same_process {
            self.period = sample.uptime.checked_sub(before.uptime);
        }
        let is_watched_from_start = is_restart || sample.uptime <= watched;
        let change = if same_process.is_some() || is_watched_from_start {
            self.traffic.add(same_process, sample)
        } else {
            self.traffic.observe(sample);
            Change {
                queue_fill: queue_fill(sample),
                ..Change::default()
            }
        };
        if change.lost > 0 {
            let text = format!("{} messages were lost, dropped or malformed", change.lost);
            self.moments
                .enter(MomentKind::Loss, change.lost as f64, sample.stamp_ns, text);
        }
        self.moments.observe(sample, change.queue_fill);
        self.bridge_memory
            .add(sample.uptime, sample.rss_bytes, is_restart);
        let start = same_process.map_or(Duration::ZERO, |before| before.uptime);
        self.series.push(SeriesPoint {
            end_s: watched.as_secs_f64(),
            bridge_bytes: Some(sample.rss_bytes as f64),
            recorder_bytes: None,
            counted_s: sample.uptime.saturating_sub(start).as_secs_f64(),
            change,
        });
        self.before = Some((sample.clone(), now));
    }

    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    fn on_recording(&mut self, sample: &RecordingSample, watched: Duration) {
        let is_watched_from_start = sample.uptime <= watched;
        let (is_new_process, missing) = self.recording.add(sample, is_watched_from_start);
        if missing > 0 {
            let text = format!("{missing} messages are missing in the recording");
            self.moments
                .enter(MomentKind::Missing, missing as f64, sample.stamp_ns, text);
        }
        if sample.recorder_rss_bytes == 0 {
            return;
        }
        self.recorder_memory
            .add(sample.uptime, sample.recorder_rss_bytes, is_new_process);
        self.series.push(SeriesPoint {
            end_s: watched.as_secs_f64(),
            recorder_bytes: Some(sample.recorder_rss_bytes as f64),
            ..SeriesPoint::default()
        });
    }

    fn silence_limit(&self) -> Duration {
        let period = self.period.unwrap_or_default();
        SILENT_AFTER.max(3 * period)
    }

    fn report(&self, namespace: &str, limit_bytes: u64, now: Instant) -> SiteReport {
        let sample = self.before.as_ref().map(|(sample, _)| sample);
        let mut silences = self.silences;
        if let Some((_, arrival)) = &self.before {
            let age = now.saturating_duration_since(*arrival);
            if age > self.silence_limit() {
                silences.enter(age);
                silences.is_silent_at_end = true;
            }
        }
        let (total, topics) = self.traffic.topics();
        SiteReport {
            namespace: namespace.to_owned(),
            version: sample.map_or_else(String::new, |sample| sample.version.clone()),
            observed_s: self.traffic.observed().as_secs_f64(),
            bridge_memory: self.bridge_memory.report(limit_bytes),
            bridge_peak_bytes: sample.map_or(0, |sample| sample.rss_peak_bytes),
            bridge_bound_bytes: sample.map_or(0, |sample| sample.memory_bound_bytes),
            recorder_memory: self.recorder_memory.report(limit_bytes),
            startup: sample.map_or_else(Vec::new, startup),
            total,
            topics,
            links: self.traffic.links(),
            stages: self.traffic.stages(),
            clock: sample.map(clock),
            recording: self.recording.report(),
            restarts: self.restarts,
            silences,
            worst_moments: self.moments.list(),
        }
    }
}

fn before_stamp(before: Option<&(BridgeSample, Instant)>) -> i64 {
    before.map_or(0, |(before, _)| before.stamp_ns)
}

fn startup(sample: &BridgeSample) -> Vec<PhaseReport> {
    let mut before = 0;
    let phases = sample.startup.iter();
    phases
        .map(|phase| {
            let change = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            let added_bytes = change(phase.rss_bytes) - change(before);
            before = phase.rss_bytes;
            PhaseReport {
                phase: phase.name.clone(),
                elapsed_s: phase.elapsed.as_secs_f64(),
                rss_bytes: phase.rss_bytes,
                added_bytes,
            }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "only for display")]
fn clock(sample: &BridgeSample) -> ClockReport {
    let clock = sample.clock;
    ClockReport {
        offset_ms: clock.is_known.then_some(clock.offset_ns as f64 / 1e6),
        spread_ms: clock.is_known.then_some(clock.spread_ns as f64 / 1e6),
        drift_ppm: clock.is_known.then_some(clock.drift_ppm),
        jumps: clock.jumps,
        is_frozen: clock.is_frozen,
    }
}

#[cfg(test)]
mod tests;
