//! Sites in every state that an operator may meet, for tests.

use std::time::{Duration, Instant};

use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;
use crate::monitor::sample::{
    BridgeSample, ClockSample, DiagnosticSample, EventSample, LinkSample, QueueSample,
    RecordingSample, StageSample,
};
use crate::monitor::site::{Site, Source};
use crate::recorder::report::RecordingState;
use crate::topic::Topic;

/// 2026-11-28 14:00:00 UTC.
const START_NS: i64 = 1_795_874_400_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
const SECONDS: u64 = 60;

/// A site that has been running for a minute, and the instant of its newest samples.
pub(super) struct SampleSite {
    pub(super) site: Site,
    pub(super) bridge: BridgeSample,
    pub(super) now: Instant,
}

impl SampleSite {
    /// Creates a site in which everything is well.
    pub(super) fn healthy(namespace: &str) -> Self {
        let now = Instant::now();
        let mut site = Site::new(namespace);
        for second in 1..=SECONDS {
            site.on_statistics(bridge(second), now);
        }
        site.on_recording(recording(), now);
        site.on_diagnostics(
            Source::Bridge,
            vec![
                status("points link", Level::Ok, "connected"),
                component("node algo-1", Level::Ok, "OK"),
                component("node algo-1 sensor lidar_1", Level::Ok, "ALIVE"),
                component("node algo-1 sensor lidar_2", Level::Ok, "ALIVE"),
            ],
        );
        for second in 0..40 {
            site.on_event(EventSample {
                stamp_ns: START_NS + second * SECOND_NS,
                level: Level::Ok,
                text: format!("zone 3: object {} entered", 100 + second),
            });
        }
        Self {
            site,
            bridge: bridge(SECONDS),
            now,
        }
    }

    /// Adds statistics of one second later, after `change`.
    pub(super) fn change_bridge(mut self, change: impl FnOnce(&mut BridgeSample)) -> Self {
        self.bridge.stamp_ns += SECOND_NS;
        self.bridge.uptime += Duration::from_secs(1);
        self.bridge.links[0].frames += 20;
        self.bridge.links[0].bytes += 38_000_000;
        for (_, account) in &mut self.bridge.topics[..4] {
            account.received += 20;
            account.published += 20;
        }
        change(&mut self.bridge);
        self.site.on_statistics(self.bridge.clone(), self.now);
        self
    }

    pub(super) fn with_dead_link(self) -> Self {
        self.change_bridge(|sample| {
            sample.links[1].state = LinkState::Backoff;
            sample.links[1].state_since_ns = sample.stamp_ns - 11 * SECOND_NS;
            sample.links[1].last_error =
                "connection refused: SENSR does not run or its output port is not 5050".to_owned();
        })
    }

    pub(super) fn with_overloaded_queue(self) -> Self {
        self.change_bridge(|sample| {
            sample.links[0].queue.bytes = sample.links[0].queue.max_bytes - 100;
            sample.topics[0].1.dropped += 37;
            sample.topics[0].1.received += 37;
        })
    }

    pub(super) fn with_dead_sensor(mut self) -> Self {
        let statuses = vec![
            status("points link", Level::Ok, "connected"),
            status(
                "loss",
                Level::Warn,
                "37 messages of points/raw dropped from the full queue within 10 s",
            ),
            component("node algo-1", Level::Ok, "OK"),
            component("node 삼양-서버 sensor 라이다_2", Level::Error, "DEAD"),
        ];
        self.site.on_diagnostics(Source::Bridge, statuses);
        self
    }

    pub(super) fn with_full_disk(mut self) -> Self {
        let sample = RecordingSample {
            stamp_ns: recording().stamp_ns + SECOND_NS,
            state: RecordingState::DiskFull.number(),
            reason: "4.9 GB are free and 5 GB are to remain free; delete files".to_owned(),
            disk_free_bytes: 4_900_000_000,
            bytes_per_second: 0.0,
            time_left: None,
            missing: 12,
            ..recording()
        };
        self.site.on_recording(sample, self.now);
        self
    }

    /// Everything at once.
    pub(super) fn broken(namespace: &str) -> Self {
        Self::healthy(namespace)
            .with_dead_link()
            .with_overloaded_queue()
            .with_dead_sensor()
            .with_full_disk()
    }
}

fn status(task: &str, level: Level, message: &str) -> DiagnosticSample {
    DiagnosticSample {
        task: task.to_owned(),
        level,
        message: message.to_owned(),
        is_component: false,
    }
}

fn component(task: &str, level: Level, message: &str) -> DiagnosticSample {
    DiagnosticSample {
        is_component: true,
        ..status(task, level, message)
    }
}

fn bridge(second: u64) -> BridgeSample {
    let stamp_ns = START_NS + i64::try_from(second).expect("small") * SECOND_NS;
    let link = |name: &str, bytes: u64| LinkSample {
        name: name.to_owned(),
        url: "ws://192.0.2.10:5051/".to_owned(),
        state: LinkState::Connected,
        state_since_ns: START_NS,
        connects: 1,
        frames: second * 20,
        bytes: second * bytes + (second % 5) * bytes / 4,
        queue: QueueSample {
            messages: 1,
            bytes: 1_000_000,
            max_bytes: 64_000_000,
        },
        ..LinkSample::default()
    };
    let mut output = link("output", 240_000);
    output.reliable_queue.max_bytes = 16_000_000;
    let topics = Topic::ALL.into_iter().enumerate().map(|(index, topic)| {
        let received = second * 20 / (index as u64 + 1);
        let account = Account {
            received,
            published: received / 2,
            unsubscribed: received - received / 2,
            ..Account::default()
        };
        (topic.name().to_owned(), account)
    });
    let stages = ["decode", "wait", "convert", "publish", "total"];
    let stages = stages.iter().flat_map(|stage| {
        ["points", "output"].map(|link| StageSample {
            link: link.to_owned(),
            stage: (*stage).to_owned(),
            count: 20,
            min_ns: 100_000,
            mean_ns: 1_230_000,
            max_ns: 9_870_000,
        })
    });
    BridgeSample {
        stamp_ns,
        uptime: Duration::from_secs(second),
        version: "0.1.0".to_owned(),
        links: vec![link("points", 38_000_000), output],
        topics: topics.collect(),
        stages: stages.collect(),
        clock: ClockSample {
            is_known: true,
            offset_ns: 12_300_000,
            spread_ns: 410_000,
            drift_ppm: 1.24,
            ..ClockSample::default()
        },
        rss_bytes: 61_000_000 + second * 10_000,
        rss_peak_bytes: 64_000_000,
        memory_bound_bytes: 310_000_000,
        startup: Vec::new(),
    }
}

fn recording() -> RecordingSample {
    RecordingSample {
        stamp_ns: START_NS + 60 * SECOND_NS,
        uptime: Duration::from_secs(60),
        state: RecordingState::Recording.number(),
        split: "samyang_20261128_140000_0.mcap".to_owned(),
        splits_opened: 1,
        split_since_ns: START_NS + 5 * SECOND_NS,
        split_bytes: 2_100_000_000,
        closed_splits: 12,
        closed_bytes: 25_000_000_000,
        bytes_per_second: 38_200_000.0,
        disk_free_bytes: 120_000_000_000,
        disk_size_bytes: 500_000_000_000,
        min_free_bytes: 5_000_000_000,
        time_left: Some(Duration::from_secs(3010)),
        recorder_pid: 4711,
        recorder_rss_bytes: 81_000_000,
        recorder_starts: 1,
        ..RecordingSample::default()
    }
}
