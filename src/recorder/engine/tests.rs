mod bench;

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::recorder::child::test_support::PATIENCE;
use crate::recorder::features::samples;
use bench::{BEGIN, Bench, IDLE, WRITE, mark_of, send, times, whole_split};

#[test]
fn recording_is_marked_reported_and_completed_at_the_end() {
    let mut bench = Bench::start(WRITE);
    let report = bench.wait_for_recording();
    let bag = report.bag.clone().expect("open");
    assert_eq!(report.reason, "");
    assert_eq!(report.recorder_starts, 1);
    assert_eq!(report.splits_opened, 1);
    assert_eq!(bag.parent(), Some(bench.config.output_dir.as_path()));
    assert!(bag.file_name().unwrap().to_string_lossy().starts_with("a_"));
    assert!(mark_of(&bag).contains("open"));
    let grown = bench.wait("growth", |seen| seen.split_bytes > report.split_bytes);
    assert!(grown.disk_size_bytes > 0);
    bench.wait("memory", |report| report.recorder_rss_bytes > 0);

    let end = bench.stop();
    assert_eq!(end.state, RecordingState::Stopping);
    assert_eq!((end.recorder_pid, end.bag), (None, None));
    assert_eq!((end.closed_splits, end.recorder_starts), (1, 1));
    assert!(mark_of(&bag).contains("closed"));
    assert_eq!(end.last_split, report.split.unwrap());
    let topic = &end.topics[0];
    assert_eq!((topic.topic.as_str(), topic.recorded), ("objects", 1));
    assert!(bag.join("metadata.yaml").exists());
    assert!(bench.recorder.pause().is_err() && bench.recorder.resume().is_err());
}

#[test]
fn recorder_that_exits_goes_on_in_a_numbered_bag() {
    let mut bench = Bench::start("echo '[ERROR] [1.0] [r]: no plugin' >&2; exit 7");
    bench.wait_for_failure("ended with exit code 7 (its last error: no plugin)");
    bench.stub.replace(&[BEGIN, WRITE].concat());
    let report = bench.wait_for_recording();
    assert!(report.recorder_starts >= 2);
    let name = report.bag.unwrap().file_name().unwrap().to_owned();
    assert_eq!(name.to_string_lossy().matches('_').count(), 3, "{name:?}");
    assert!(report.last_failure.contains("exit code 7"));
    bench.stop();
}

#[test]
fn killed_recorder_is_started_again() {
    let mut bench = Bench::start(WRITE);
    let report = bench.wait_for_recording();
    send("-KILL", &report);
    bench.wait_for_failure("was killed by signal 9");
    let again = bench.wait_for_bag("_2");
    assert_ne!(again.recorder_pid, report.recorder_pid);
    bench.stop();
}

#[test]
fn suspended_recorder_is_started_again() {
    let mut bench = Bench::start(WRITE);
    let report = bench.wait_for_recording();
    send("-STOP", &report);
    bench.wait_for_failure("is stopped by a signal");
    bench.wait_for_bag("_2");
    bench.stop();
}

#[test]
fn recorder_that_stops_writing_is_started_again_if_the_bridge_publishes() {
    let mut bench = Bench::start(IDLE);
    bench.publish(0);
    bench.wait_for_recording();
    bench.publish(600_000);
    bench.wait_for_failure("does not grow");
    bench.stub.replace(&[BEGIN, WRITE].concat());
    bench.wait_for_bag("_2");
    bench.stop();
}

#[test]
fn recorder_that_never_writes_is_started_again_if_the_bridge_publishes() {
    let mut limits = times();
    limits.health.quiet = 2 * PATIENCE;
    let mut bench = Bench::start_configured(IDLE, |_| {}, limits);
    bench.publish(0);
    let report = bench.wait("open split", |report| report.split.is_some());
    assert_eq!(report.state, RecordingState::Starting);
    bench.publish(600_000);
    bench.wait_for_failure("does not grow");
    bench.stub.replace(&[BEGIN, WRITE].concat());
    bench.wait_for_bag("_2");
    bench.stop();
}

#[test]
fn recorder_without_anything_to_record_is_left_alone() {
    let mut bench = Bench::start(IDLE);
    bench.publish(1_000_000);
    let report = bench.wait_for_recording();
    let later = report.uptime + 5 * bench.config.stall_timeout;
    let later = bench.wait("time", |report| report.uptime > later);
    assert_eq!(later.state, RecordingState::Recording);
    assert_eq!(later.recorder_pid, report.recorder_pid);
    bench.stop();
}

#[test]
fn recorder_that_never_opens_its_bag_is_started_again() {
    let mut limits = times();
    limits.health.open = Duration::from_millis(100);
    let stub_begin = r#"rm -r "$bag""#;
    let mut bench = Bench::start_configured(&[stub_begin, "\n", IDLE].concat(), |_| {}, limits);
    bench.wait("failure", |report| report.state == RecordingState::Retrying);
    bench.wait("another start", |report| report.recorder_starts >= 2);
    bench.stop();
}

#[test]
fn removed_folder_is_recorded_again() {
    let mut bench = Bench::start(WRITE);
    let report = bench.wait_for_recording();
    // The script may be creating the split again meanwhile.
    let bag = report.bag.unwrap();
    fs::rename(&bag, bench.output.path().join("taken")).unwrap();
    bench.wait_for_failure("was removed");
    bench.wait_for_bag("_2");
    bench.stop();
}

#[test]
fn deleted_or_truncated_split_is_recorded_again() {
    for change in ["rm", "truncate -s 0"] {
        let mut bench = Bench::start(IDLE);
        let report = bench.wait_for_recording();
        let split = report.bag.unwrap().join(report.split.unwrap());
        let command = format!("{change} {}", split.display());
        let status = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        assert!(status.unwrap().success());
        bench.wait_for_failure("the open split");
        bench.wait_for_bag("_2");
        bench.stop();
    }
}

#[test]
fn unusable_output_folder_is_tried_until_it_can_be_written() {
    let blocked = |config: &mut RecorderConfig| {
        fs::write(&config.output_dir, "a file is in the way").unwrap();
    };
    let mut bench = Bench::start_configured(WRITE, blocked, times());
    let report = bench.wait_for_failure("set output_dir");
    assert_eq!((report.recorder_starts, report.bag), (0, None));
    fs::remove_file(&bench.config.output_dir).unwrap();
    bench.wait_for_recording();
    bench.stop();
}

#[test]
fn full_disk_pauses_the_recording_until_there_is_room() {
    let too_much = |config: &mut RecorderConfig| config.min_free_bytes = u64::MAX / 4;
    let mut bench = Bench::start_configured(WRITE, too_much, times());
    let report = bench.wait("full disk", |report| {
        report.state == RecordingState::DiskFull
    });
    assert!(report.reason.contains("min_free"), "{}", report.reason);
    assert_eq!(report.recorder_starts, 0);
    let roomy = bench.config.clone();
    let roomy = RecorderConfig {
        min_free_bytes: 0,
        ..roomy
    };
    bench.recorder.apply(roomy.clone());
    let report = bench.wait_for_recording();
    assert_eq!(report.recorder_starts, 1);
    bench.recorder.apply(bench.config.clone());
    bench.wait("closed bag", |report| {
        report.state == RecordingState::DiskFull && report.recorder_pid.is_none()
    });
    bench.recorder.apply(roomy);
    bench.wait_for_bag("_2");
    bench.stop();
}

#[test]
fn pause_closes_the_bag_and_resume_begins_another() {
    let mut bench = Bench::start(WRITE);
    let first = bench.wait_for_recording();
    bench.recorder.pause().expect("paused");
    bench.wait("pause", |report| {
        report.state == RecordingState::Paused
            && report.recorder_pid.is_none()
            && report.closed_splits == 1
    });
    let bag = first.bag.unwrap();
    bench.wait("completed bag", |_| mark_of(&bag).contains("closed"));
    assert!(bench.recorder.split().is_err());
    bench.recorder.resume().expect("resumed");
    let second = bench.wait_for_bag("_2");
    assert_eq!(
        (second.recorder_starts, second.last_failure),
        (2, String::new())
    );
    bench.stop();
}

#[test]
fn split_is_asked_for_where_the_stock_recorder_has_the_service() {
    let mut jazzy = Bench::start(WRITE);
    let bag = jazzy.wait_for_recording().bag;
    let method = jazzy.recorder.split().expect("recording");
    let node_name = "/a_rosbag2_recorder".to_owned();
    assert_eq!(method, SplitMethod::Service { node_name });
    assert_eq!(jazzy.wait_for_recording().bag, bag);
    jazzy.stop();

    let mut humble = Bench::start(WRITE);
    humble.wait_for_recording();
    humble.recorder.features = RecorderFeatures::parse(samples::HUMBLE);
    assert_eq!(humble.recorder.split(), Ok(SplitMethod::NewBag));
    humble.wait_for_bag("_2");
    humble.stop();
}

#[test]
fn folder_is_looked_at_when_the_stock_recorder_tells_of_a_split() {
    let mut limits = times();
    limits.files.look = 2 * PATIENCE;
    let mut bench = Bench::start_configured(WRITE, |_| {}, limits);
    let report = bench.wait("start", |report| report.bag.is_some());
    let bag = report.bag.unwrap();
    let name = bag.file_name().unwrap().to_string_lossy().into_owned();
    let split = bag.join(format!("{name}_0.mcap"));
    bench.wait("file", |_| split.exists());
    bench.recorder.on_write_split(Path::new(""), &split);
    bench.wait("split", |report| report.split.is_some());
    bench.stop();
}

#[test]
fn next_split_is_seen_and_the_closed_one_accounted() {
    let next = r#"
sleep 0.1; rest; split="${split%_0.mcap}_1.mcap"; begin"#;
    let mut bench = Bench::start(&[next, "\n", WRITE].concat());
    let report = bench.wait("second split", |report| {
        report.splits_opened == 2 && report.closed_splits == 1 && !report.last_split.is_empty()
    });
    assert!(report.last_split.ends_with("_0.mcap"));
    assert!(report.split.unwrap().ends_with("_1.mcap"));
    let end = bench.stop();
    assert_eq!((end.closed_splits, end.splits_opened), (2, 2));
    assert!(end.last_split.ends_with("_1.mcap"));
}

#[test]
fn deaf_recorder_is_killed_at_the_end_and_its_split_repaired() {
    let mut limits = times();
    limits.state.close = Duration::from_millis(100);
    let script = r#"trap '' INT; tail -c +2 "$here/whole.mcap" | head -c -40 >> "$split"; while :; do sleep 0.01; done"#;
    let mut bench = Bench::start_configured(script, |_| {}, limits);
    let report = bench.wait_for_recording();
    let bag = report.bag.unwrap();
    let end = bench.stop();
    assert_eq!(end.last_split, report.split.unwrap());
    assert_eq!(end.topics[0].recorded, 1, "repaired");
    assert!(mark_of(&bag).contains("closed") && bag.join("metadata.yaml").exists());
}

#[test]
fn other_options_go_on_in_a_new_bag_and_other_limits_do_not() {
    let mut bench = Bench::start(WRITE);
    let first = bench.wait_for_recording();
    let mut config = bench.config.clone();
    config.keep_splits = 7;
    bench.recorder.apply(config.clone());
    config.exclude = vec!["points".to_owned()];
    assert_eq!(bench.wait_for_recording().recorder_pid, first.recorder_pid);
    bench.recorder.apply(config);
    let second = bench.wait_for_bag("_2");
    assert_ne!(second.recorder_pid, first.recorder_pid);
    assert_eq!(second.last_failure, "");
    let end = bench.stop();
    let topic = end.topics.iter().find(|topic| topic.topic == "objects");
    assert_eq!(topic.map(|topic| topic.recorded), Some(2), "of both bags");
}

#[test]
fn newest_splits_are_kept_and_foreign_files_left_alone() {
    let mut bench = Bench::start_configured(WRITE, |config| config.keep_splits = 1, times());
    let foreign = bench.config.output_dir.join("foreign");
    bench.wait_for_recording();
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("foreign_0.mcap"), "x").unwrap();
    for ending in ["_2", "_3", "_4"] {
        bench.recorder.begin_new_bag();
        bench.wait_for_bag(ending);
    }
    let report = bench.wait("deletions", |report| {
        report.deleted_splits == 2 && report.closed_splits == 1
    });
    assert!(report.deleted_bytes > 0);
    let mut bags: Vec<PathBuf> = fs::read_dir(&bench.config.output_dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    bags.sort();
    let ends = |path: &PathBuf, ending: &str| path.to_string_lossy().ends_with(ending);
    assert_eq!(bags.len(), 3, "{bags:?}");
    assert!(bags.iter().any(|bag| ends(bag, "_3")) && bags.iter().any(|bag| ends(bag, "_4")));
    assert!(foreign.join("foreign_0.mcap").exists());
    bench.stop();
}

#[test]
fn bag_cut_in_an_earlier_run_is_completed_in_the_background() {
    let mut first = Bench::start(WRITE);
    let report = first.wait_for_recording();
    let bag = report.bag.clone().unwrap();
    let whole = whole_split();
    first.stop();
    let split = bag.join(report.split.unwrap());
    fs::write(&split, &whole[..whole.len() - 40]).unwrap();
    fs::remove_file(bag.join("metadata.yaml")).unwrap();
    let mark = mark_of(&bag).replace("closed", "open");
    fs::write(bag.join("recording.json"), mark).unwrap();

    let output = first.config.output_dir.clone();
    let mut second = Bench::start_configured(WRITE, |config| config.output_dir = output, times());
    second.wait("completion", |_| mark_of(&bag).contains("closed"));
    assert!(bag.join("metadata.yaml").exists());
    assert!(!crate::recorder::repair::is_cut(&split).unwrap());
    second.stop();
}

#[test]
fn disk_that_does_not_respond_is_reported_and_forgiven() {
    let mut bench = Bench::start(WRITE);
    bench.wait_for_recording();
    let now = Instant::now();
    bench.recorder.last_answer = now;
    bench.recorder.observe_silence(now + PATIENCE);
    bench.recorder.note_state();
    let report = bench.recorder.report(now);
    assert_eq!(report.state, RecordingState::Retrying);
    assert!(
        report.reason.contains("does not respond"),
        "{}",
        report.reason
    );
    let again = bench.wait_for_recording();
    assert_eq!(again.recorder_starts, 1);
    bench.stop();
}

#[test]
fn invalid_installation_is_refused_at_the_start() {
    let empty = tempfile::tempdir().unwrap();
    let bench = Bench::start(WRITE);
    let path = empty.path().as_os_str();
    let settings = empty.path().to_owned();
    let result = Recorder::start_with(bench.config.clone(), "/a", path, settings, times());
    let Err(RecorderError::Invalid(reason)) = result else {
        panic!("must be refused");
    };
    assert!(reason.contains("ros2"), "{reason}");
}
