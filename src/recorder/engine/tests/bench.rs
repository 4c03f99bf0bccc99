//! A recorder with a shell script in the place of the stock recorder.

use std::fs;

use tempfile::TempDir;

use super::super::*;
use crate::connection::backoff::BackoffLimits;
use crate::recorder::child::test_support::{PATIENCE, Stub};
use crate::recorder::features::samples;
use crate::recorder::report::RecordingReport;
use crate::recorder::test_config;

/// Limits that are short enough for a test, and those that must not pass on a busy machine long.
pub(super) fn times() -> Times {
    let ms = Duration::from_millis;
    Times {
        state: StateTimes {
            close: PATIENCE,
            deaf_close: ms(300),
            good: PATIENCE,
        },
        files: FilesTimes {
            look: ms(20),
            scan: ms(100),
            completion: ms(200),
        },
        health: HealthTimes {
            open: PATIENCE,
            first_write: ms(100),
            quiet: ms(50),
            stopped: ms(50),
            memory: ms(10),
        },
        help: PATIENCE,
        silence: PATIENCE,
        finish: PATIENCE,
        stop: PATIENCE,
    }
}

/// Beginning of every script: answers `--help`, finds the bag folder, and opens its first split. A split grows to a copy of
/// the whole one, byte by byte with `next`, and at once with `rest`.
///
/// Without subshells: bash 5.2 loops for ever if a command substitution is interrupted under a trap.
pub(super) const BEGIN: &str = r#"
here=${0%/*}
case "$*" in *--help*) cat "$here/help"; exit 0;; esac
while [ $# -gt 0 ]; do case "$1" in -o|--output) bag=$2;; esac; shift; done
split="$bag/${bag##*/}_0.mcap"
mkdir "$bag" || exit 1
next() { dd if="$here/whole.mcap" of="$split" bs=1 count=1 skip=$n seek=$n conv=notrunc status=none; n=$((n + 1)); }
rest() { dd if="$here/whole.mcap" of="$split" bs=64k conv=notrunc status=none; }
trap 'rest; exit 0' INT
begin() { head -c 1 "$here/whole.mcap" > "$bag/new"; mv "$bag/new" "$split"; n=1; }
begin
"#;
/// A recorder that writes until it is interrupted.
pub(super) const WRITE: &str = "while :; do next; sleep 0.01; done";
/// A recorder that has stopped writing.
pub(super) const IDLE: &str = "while :; do sleep 0.01; done";

pub(super) struct Bench {
    pub(super) stub: Stub,
    pub(super) output: TempDir,
    pub(super) config: RecorderConfig,
    pub(super) recorder: Recorder,
}

impl Bench {
    pub(super) fn start(script: &str) -> Self {
        Self::start_configured(script, |_| {}, times())
    }

    pub(super) fn start_configured(
        script: &str,
        change: impl FnOnce(&mut RecorderConfig),
        times: Times,
    ) -> Self {
        let stub = Stub::new(&[BEGIN, script].concat());
        fs::write(stub.folder().join("help"), samples::JAZZY).unwrap();
        fs::write(stub.folder().join("whole.mcap"), whole_split()).unwrap();
        let output = tempfile::tempdir().unwrap();
        let mut config = RecorderConfig {
            output_dir: output.path().join("bags"),
            min_free_bytes: 0,
            min_free_percent: 0.0,
            restart: BackoffLimits {
                initial_delay: Duration::from_millis(10),
                max_delay: Duration::from_millis(100),
            },
            stall_timeout: Duration::from_millis(100),
            ..test_config()
        };
        change(&mut config);
        let settings_dir = stub.folder().join("settings");
        let recorder =
            Recorder::start_with(config.clone(), "/a", &stub.path(), settings_dir, times)
                .expect("started");
        Self {
            stub,
            output,
            config,
            recorder,
        }
    }

    /// Polls until the report fulfils a condition.
    pub(super) fn wait(
        &mut self,
        what: &str,
        condition: impl Fn(&RecordingReport) -> bool,
    ) -> RecordingReport {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Instant::now();
            self.recorder.poll(now);
            let report = self.recorder.report(now);
            if condition(&report) {
                return report;
            }
            assert!(now < deadline, "not seen: {what}; last: {report:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn wait_for_recording(&mut self) -> RecordingReport {
        self.wait("recording", |report| {
            report.state == RecordingState::Recording && report.split.is_some()
        })
    }

    pub(super) fn wait_for_failure(&mut self, text: &str) -> RecordingReport {
        let report = self.wait(text, |report| {
            report.state == RecordingState::Retrying && report.reason.contains(text)
        });
        assert_eq!(report.reason.lines().count(), 1);
        assert_eq!(report.last_failure, report.reason);
        report
    }

    /// The recording goes on in a bag with another number.
    pub(super) fn wait_for_bag(&mut self, ending: &str) -> RecordingReport {
        let bag = |report: &RecordingReport| report.bag.clone().unwrap_or_default();
        self.wait(ending, |report| {
            report.state == RecordingState::Recording
                && bag(report).to_string_lossy().ends_with(ending)
                && report.split.is_some()
        })
    }

    pub(super) fn stop(&mut self) -> RecordingReport {
        self.recorder.begin_stop();
        let deadline = Instant::now() + PATIENCE;
        while !self.recorder.is_stopped() {
            assert!(Instant::now() < deadline, "does not stop");
            self.recorder.poll(Instant::now());
            std::thread::sleep(Duration::from_millis(5));
        }
        let now = Instant::now();
        self.recorder.poll(now);
        self.recorder.report(now)
    }

    pub(super) fn publish(&mut self, bytes: u64) {
        self.recorder.on_statistics(PublishedCounts {
            published_bytes: bytes,
            ..PublishedCounts::default()
        });
    }
}

/// Sends a signal to the stock recorder.
pub(super) fn send(signal: &str, report: &RecordingReport) {
    let pid = report.recorder_pid.expect("running").to_string();
    let status = std::process::Command::new("kill")
        .args([signal, &pid])
        .status();
    assert!(status.expect("started").success());
}

/// A split with one message, large enough to grow for minutes.
pub(super) fn whole_split() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = mcap::WriteOptions::new()
        .compression(None)
        .create(&mut file)
        .unwrap();
    let schema = writer
        .add_schema("std_msgs/msg/Empty", "ros2msg", b"")
        .unwrap();
    let channel = writer
        .add_channel(
            schema,
            "/a/objects",
            "cdr",
            &std::collections::BTreeMap::new(),
        )
        .unwrap();
    let header = mcap::records::MessageHeader {
        channel_id: channel,
        sequence: 0,
        log_time: 1,
        publish_time: 1,
    };
    writer
        .write_to_known_channel(&header, &vec![7; 65536])
        .unwrap();
    writer.finish().unwrap();
    drop(writer);
    file.into_inner()
}

pub(super) fn mark_of(bag: &Path) -> String {
    fs::read_to_string(bag.join("recording.json")).expect("marked")
}
