use super::*;
use proptest::prelude::*;

const SECOND_NS: u64 = 1_000_000_000;
const GIB: u64 = 1 << 30;

/// Report of a recording that has nothing wrong with it.
fn healthy() -> RecordingReport {
    RecordingReport {
        stamp_ns: 1000 * SECOND_NS,
        version: "0.1.0",
        uptime: Duration::from_secs(900),
        state: RecordingState::Recording,
        state_since_ns: 103 * SECOND_NS,
        reason: String::new(),
        bag: Some("/bags/a_1".into()),
        split: Some("a_1_3.mcap".to_owned()),
        splits_opened: 4,
        split_since_ns: 900 * SECOND_NS,
        split_bytes: 1_000_000,
        closed_splits: 3,
        closed_bytes: 3_000_000,
        deleted_splits: 0,
        deleted_bytes: 0,
        bytes_per_second: 62_900_000.0,
        disk_free_bytes: 400 * GIB,
        disk_size_bytes: 1000 * GIB,
        min_free_bytes: 50 * GIB,
        time_left: Some(Duration::from_secs(86_400)),
        recorder_pid: Some(4711),
        recorder_rss_bytes: 96 << 20,
        recorder_rss_growth: 10_000.0,
        recorder_starts: 1,
        last_failure: String::new(),
        reported_lost: 0,
        missing: 0,
        last_split: "a_1_2.mcap".to_owned(),
        topics: vec![topic("points/raw", 0), topic("events/zone", 0)],
    }
}

fn topic(name: &str, missing: u64) -> TopicReport {
    TopicReport {
        topic: name.to_owned(),
        recorded: 100,
        missing,
        last_split_recorded: 50,
        last_split_missing: missing,
    }
}

/// Report in another state since some seconds.
fn in_state(state: RecordingState, reason: &str, seconds: u64) -> RecordingReport {
    let healthy = healthy();
    RecordingReport {
        state,
        reason: reason.to_owned(),
        state_since_ns: healthy.stamp_ns - seconds * SECOND_NS,
        ..healthy
    }
}

#[track_caller]
fn verdict(report: &RecordingReport, task: &str) -> (Level, String) {
    let mut found = assess(report)
        .into_iter()
        .filter(|status| status.task == task);
    let status = found.next().expect("status of the task");
    (status.level, status.message)
}

#[test]
fn a_healthy_recording_is_ok_in_every_respect() {
    let statuses = assess(&healthy());
    let found: Vec<_> = statuses
        .iter()
        .map(|status| (status.level, &*status.task, &*status.message))
        .collect();
    let expected = [
        ("recording", "recording to a_1_3.mcap, 62.90 MB/s"),
        ("disk", "400 GiB free"),
        ("stock recorder", "running, 96 MiB"),
        ("recorded messages", "nothing missing in a_1_2.mcap"),
    ];
    assert_eq!(found, expected.map(|(task, text)| (Level::Ok, task, text)));
}

#[test]
fn details_of_the_topics_are_shown() {
    let statuses = assess(&healthy());
    let (key, value) = &statuses[3].values[2];
    assert_eq!(key, "points/raw");
    assert_eq!(value, "recorded 100, missing 0");
}

#[test]
fn a_start_that_takes_too_long_is_an_error_within_20_seconds() {
    let after = |seconds| {
        let report = in_state(
            RecordingState::Starting,
            "nothing has been written yet",
            seconds,
        );
        verdict(&report, "recording")
    };
    assert_eq!(
        after(3),
        (Level::Ok, "nothing has been written yet".to_owned())
    );
    assert_eq!(after(12).0, Level::Warn);
    let (level, message) = after(20);
    assert_eq!(level, Level::Error);
    assert!(
        message.starts_with("not recording for 20 s: nothing has been written yet; check the load"),
        "{message}"
    );
}

#[test]
fn states_without_recording_are_reported_with_their_reason() {
    for (state, level) in [
        (RecordingState::Paused, Level::Warn),
        (RecordingState::DiskFull, Level::Error),
        (RecordingState::Retrying, Level::Error),
    ] {
        let report = in_state(state, "broken, next start in 8 s", 1);
        let expected = "not recording: broken, next start in 8 s".to_owned();
        assert_eq!(verdict(&report, "recording"), (level, expected));
    }
    let report = in_state(
        RecordingState::Stopping,
        "the stock recorder closes its bag",
        50,
    );
    assert_eq!(verdict(&report, "recording").0, Level::Ok);
}

#[test]
fn a_disk_that_fills_within_the_hour_is_a_warning_and_within_ten_minutes_an_error() {
    let after = |seconds: u64, closed_splits| {
        let report = RecordingReport {
            time_left: Some(Duration::from_secs(seconds)),
            closed_splits,
            ..healthy()
        };
        verdict(&report, "disk")
    };
    assert_eq!(after(3600, 3).0, Level::Ok);
    assert_eq!(
        after(1800, 3),
        (
            Level::Warn,
            "400 GiB free, enough for 30 min, then the oldest recordings are deleted; free space, or set keep_splits \
             or keep_bytes"
                .to_owned()
        )
    );
    let (level, message) = after(599, 0);
    assert_eq!(level, Level::Error);
    assert!(message.contains("then recording is paused"), "{message}");
}

#[test]
fn limits_that_keep_the_disk_from_filling_are_ok() {
    let report = RecordingReport {
        time_left: None,
        deleted_splits: 7,
        ..healthy()
    };
    assert_eq!(verdict(&report, "disk").0, Level::Ok);
}

#[test]
fn a_recording_that_deletes_its_oldest_splits_for_space_is_a_warning() {
    for (free, time_left) in [
        (51 * GIB, Some(Duration::from_secs(20))),
        (49 * GIB, Some(Duration::ZERO)),
        (49 * GIB, None),
    ] {
        let report = RecordingReport {
            disk_free_bytes: free,
            time_left,
            deleted_splits: 7,
            ..healthy()
        };
        let (level, message) = verdict(&report, "disk");
        assert_eq!(level, Level::Warn);
        assert!(
            message.contains("the oldest recordings are deleted"),
            "{message}"
        );
    }
}

#[test]
fn a_disk_below_its_floor_with_nothing_to_delete_is_an_error() {
    let report = RecordingReport {
        disk_free_bytes: 100 << 20,
        deleted_splits: 7,
        closed_splits: 0,
        time_left: None,
        ..healthy()
    };
    let (level, message) = verdict(&report, "disk");
    assert_eq!(level, Level::Error);
    assert!(
        message.starts_with("100 MiB free, below the floor of 50 GiB; free space"),
        "{message}"
    );
}

#[test]
fn unknown_space_is_stale() {
    let report = RecordingReport {
        disk_free_bytes: 0,
        disk_size_bytes: 0,
        ..healthy()
    };
    assert_eq!(verdict(&report, "disk").0, Level::Stale);
}

#[test]
fn growth_beyond_the_usual_memory_is_a_warning() {
    let with = |mib: u64, growth| {
        let report = RecordingReport {
            recorder_rss_bytes: mib << 20,
            recorder_rss_growth: growth,
            ..healthy()
        };
        verdict(&report, "stock recorder")
    };
    assert_eq!(with(400, 50e6).0, Level::Ok, "caches fill");
    assert_eq!(with(900, 1e6).0, Level::Ok, "no growth");
    let (level, message) = with(900, 12.5e6);
    assert_eq!(level, Level::Warn);
    assert!(
        message.starts_with("900 MiB, growing by 12.50 MB/min; "),
        "{message}"
    );
}

#[test]
fn messages_that_the_stock_recorder_reports_as_lost_are_shown() {
    let report = RecordingReport {
        reported_lost: 12,
        ..healthy()
    };
    let (_, message) = verdict(&report, "stock recorder");
    assert_eq!(
        message,
        "running, 96 MiB, 12 messages lost by its own account"
    );
    let report = RecordingReport {
        recorder_pid: None,
        ..report
    };
    assert_eq!(verdict(&report, "stock recorder").1, "not running");
}

#[test]
fn missing_messages_are_reported_with_the_worst_topics() {
    let mut report = healthy();
    report.topics = [
        ("points/raw", 3),
        ("wire", 50),
        ("objects", 0),
        ("points/ground", 7),
    ]
    .map(|(name, missing)| topic(name, missing))
    .into();
    report.missing = 60;
    assert_eq!(
        verdict(&report, "recorded messages"),
        (
            Level::Warn,
            "missing in a_1_2.mcap: wire 50 of 100, points/ground 7 of 57, points/raw 3 of 53; use a faster disk, set \
             max_cache_bytes higher, or record fewer topics"
                .to_owned()
        )
    );
    report.topics.push(topic("markers/objects", 1));
    let (level, message) = verdict(&report, "recorded messages");
    assert_eq!(level, Level::Warn);
    assert!(message.contains("3 of 53, 1 other topics; "), "{message}");
}

#[test]
fn a_missing_reliable_message_is_an_error() {
    for topic_of_bridge in Topic::ALL {
        let mut report = healthy();
        report.topics = vec![topic(topic_of_bridge.name(), 1)];
        let expected = if topic_of_bridge.switch().is_none() {
            Level::Error
        } else {
            Level::Warn
        };
        assert_eq!(verdict(&report, "recorded messages").0, expected);
    }
}

#[test]
fn earlier_losses_stay_shown_but_are_no_alarm() {
    let mut report = healthy();
    report.missing = 5;
    report.topics[0].missing = 5;
    assert_eq!(
        verdict(&report, "recorded messages"),
        (
            Level::Ok,
            "nothing missing in a_1_2.mcap, 5 messages since the start".to_owned()
        )
    );
    report.last_split = String::new();
    assert_eq!(
        verdict(&report, "recorded messages").1,
        "no split has been closed yet"
    );
}

#[test]
fn sizes_have_a_unit_that_suits_them() {
    let sizes = [700_000, 1 << 20, 5000 << 20, 20 * GIB].map(format_bytes);
    assert_eq!(sizes, ["683 KiB", "1 MiB", "5000 MiB", "20 GiB"]);
}

proptest! {
    #[test]
    fn any_report_gives_one_line_per_task(
        [a, b, c, d] in any::<[u64; 4]>(),
        state in 0usize..6,
        rate in any::<f64>(),
    ) {
        let states = [
            RecordingState::Starting,
            RecordingState::Recording,
            RecordingState::Paused,
            RecordingState::DiskFull,
            RecordingState::Retrying,
            RecordingState::Stopping,
        ];
        let mut report = in_state(states[state], "reason", 0);
        (report.stamp_ns, report.state_since_ns) = (a, b);
        (report.disk_free_bytes, report.disk_size_bytes) = (c, d);
        (report.min_free_bytes, report.closed_splits) = (d, a);
        report.deleted_splits = b;
        report.time_left = (c % 2 > 0).then(|| Duration::from_nanos(d));
        (report.bytes_per_second, report.recorder_rss_growth) = (rate, rate);
        report.recorder_rss_bytes = c;
        report.topics = vec![TopicReport {
            topic: "wire".to_owned(),
            recorded: a,
            missing: b,
            last_split_recorded: c,
            last_split_missing: d,
        }];
        let statuses = assess(&report);
        prop_assert_eq!(statuses.len(), 4);
        for status in statuses {
            prop_assert!(!status.message.is_empty());
            prop_assert_eq!(status.message.lines().count(), 1);
        }
    }
}
