use super::*;
use crate::connection::status::LinkState;
use crate::monitor::sample::LinkSample;
use crate::monitor::test_samples::bridge_sample;
use crate::recorder::report::RecordingState;

/// Collector with a clock of its own, in seconds since its start.
struct Run {
    start: Instant,
    collector: Collector,
}

impl Run {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            collector: Collector::new(Some(1 << 34), start),
        }
    }

    fn take(&mut self, second: u64, sample: &BridgeSample) {
        let now = self.start + Duration::from_secs(second);
        self.collector.on_statistics("/samyang", sample, now);
    }

    fn take_recording(&mut self, second: u64, sample: &RecordingSample) {
        let now = self.start + Duration::from_secs(second);
        self.collector.on_recording("/samyang", sample, now);
    }

    fn site(&self, second: u64) -> SiteReport {
        let report = self
            .collector
            .report(self.start + Duration::from_secs(second));
        let [site] = <[SiteReport; 1]>::try_from(report.sites).expect("one site");
        site
    }
}

fn kinds(site: &SiteReport) -> Vec<MomentKind> {
    site.worst_moments
        .iter()
        .map(|moment| moment.kind)
        .collect()
}

#[test]
fn counts_are_those_since_the_monitor_began_to_watch() {
    let mut run = Run::new();
    for second in 0..=10 {
        // The bridge has been running for an hour.
        run.take(second, &bridge_sample(0, 3600 + second));
    }
    let site = run.site(10);
    assert_eq!((site.observed_s, site.restarts), (10.0, 0));
    let total = &site.total;
    assert_eq!((total.received, total.published), (200, 100));
    assert_eq!((total.thinned, total.dropped), (80, 20));
    assert_eq!(site.topics.len(), 1);
    assert_eq!(site.topics[0].topic, "points/raw");
    let link = &site.links[0];
    assert_eq!((link.frames, link.bytes, link.connects), (10, 10_000, 0));
    assert_eq!((link.connected_s, link.observed_s), (10.0, 10.0));
    assert_eq!((link.max_queue_bytes, link.max_queue_fill), (250, 0.25));
    let stage = &site.stages[0];
    assert_eq!((stage.count, stage.mean_ms, stage.max_ms), (55, 2.0, 9.0));
    assert_eq!(site.bridge_memory.expect("samples").samples, 11);
}

#[test]
fn a_bridge_that_was_started_later_is_counted_from_its_start() {
    let mut run = Run::new();
    run.take(20, &bridge_sample(0, 2));
    run.take(21, &bridge_sample(0, 3));
    let site = run.site(21);
    assert_eq!((site.observed_s, site.total.received), (3.0, 60));
}

#[test]
fn a_restart_adds_the_counts_of_both_processes() {
    let mut run = Run::new();
    run.take(10, &bridge_sample(0, 10));
    run.take(11, &bridge_sample(0, 11));
    run.take(14, &bridge_sample(13_000_000_000, 1));
    run.take(15, &bridge_sample(13_000_000_000, 2));
    let site = run.site(15);
    assert_eq!(site.restarts, 1);
    assert_eq!(site.total.received, 20 * (11 + 2));
    assert_eq!(kinds(&site)[0], MomentKind::Restart);
}

#[test]
fn silences_are_counted_with_their_length_also_at_the_end() {
    let mut run = Run::new();
    for second in [1, 2, 3, 13, 14] {
        run.take(second, &bridge_sample(0, second));
    }
    let silences = run.site(14).silences;
    assert_eq!((silences.count, silences.longest_s), (1, 10.0));
    assert!(!silences.is_silent_at_end);
    let silences = run.site(54).silences;
    let figures = (silences.count, silences.longest_s, silences.total_s);
    assert_eq!(figures, (2, 40.0, 50.0));
    assert!(silences.is_silent_at_end);
}

#[test]
fn a_link_that_is_down_is_a_moment_with_its_error_and_length() {
    let mut run = Run::new();
    for second in 1..=30 {
        let mut sample = bridge_sample(0, second);
        let stamp_ns = sample.stamp_ns;
        let link = &mut sample.links[1];
        link.state_since_ns = 0;
        if second > 10 {
            *link = LinkSample {
                name: "output".to_owned(),
                state: LinkState::Backoff,
                state_since_ns: stamp_ns,
                disconnects: 1,
                failed_attempts: second - 10,
                last_error: "connection refused".to_owned(),
                ..LinkSample::default()
            };
        }
        run.take(second, &sample);
    }
    let site = run.site(30);
    let link = &site.links[1];
    assert_eq!((link.disconnects, link.failed_attempts), (1, 20));
    assert_eq!((link.connected_s, link.observed_s), (11.0, 30.0));
    let worst = site.worst_moment().expect("one");
    assert_eq!(worst.kind, MomentKind::LinkDown);
    assert!(
        worst
            .text
            .contains("output link was down for 19 s: connection refused"),
        "{}",
        worst.text
    );
}

#[test]
fn the_recording_is_summed_over_its_restarts() {
    let mut run = Run::new();
    let sample = |uptime, splits_opened, missing| RecordingSample {
        uptime: Duration::from_secs(uptime),
        state: RecordingState::Recording.number(),
        splits_opened,
        missing,
        recorder_pid: 7,
        recorder_rss_bytes: 80_000_000,
        bytes_per_second: 1e6,
        ..RecordingSample::default()
    };
    run.take_recording(100, &sample(50, 3, 0));
    run.take_recording(101, &sample(51, 4, 2));
    // Another process of sensr_recorder.
    run.take_recording(105, &sample(1, 1, 1));
    let recording = run.site(105).recording.expect("one");
    assert_eq!((recording.splits, recording.missing), (5, 3));
    assert_eq!(recording.restarts, 1);
    assert_eq!(recording.state, "recording");
    let site = run.site(105);
    assert_eq!(site.recorder_memory.expect("samples").max_bytes, 80_000_000);
    assert!(
        site.worst_moments
            .iter()
            .any(|moment| moment.kind == MomentKind::Missing)
    );
}

#[test]
fn memory_is_bounded_for_runs_of_weeks() {
    let mut run = Run::new();
    for second in 1..20_000 {
        run.take(second, &bridge_sample(0, second));
    }
    let (_, series) = run.collector.series().next().expect("a site");
    assert!(series.len() <= super::super::thinned::MAX_ITEMS);
    let received: u64 = series.iter().map(|point| point.change.received).sum();
    assert_eq!(received, 20 * 19_999);
}
