//! Diagnostics of the recording: statuses for `/diagnostics`, from one report.
//!
//! Nothing is remembered between two reports. Figures that need a history, such as the growth of the memory, are in the
//! report.

use std::time::Duration;

use super::report::{RecordingReport, RecordingState, TopicReport};
use crate::diagnostics::{Level, Status, format_duration};
use crate::topic::Topic;

/// Time that a start usually takes, on a busy machine.
const USUAL_START: Duration = Duration::from_secs(10);
/// Time after which a start counts as failed.
const FAILED_START: Duration = Duration::from_secs(20);
/// Time left on the disk below which somebody should act soon.
const LITTLE_TIME_LEFT: Duration = Duration::from_secs(3600);
/// Time left on the disk below which somebody must act now.
const NO_TIME_LEFT: Duration = Duration::from_secs(600);
/// Growth of the stock recorder's memory above which there is a leak, MB/min.
const LEAK_GROWTH: f64 = 5.0;
/// Memory of the stock recorder up to which growth is no leak, bytes: its caches, twice 100 MiB by default, and the
/// shared memory of the middleware fill with the first burst.
const USUAL_MEMORY_BYTES: u64 = 512 << 20;
/// Number of topics with missing messages that a summary names.
const NAMED_TOPICS: usize = 3;

/// Returns the status of every task of the recorder.
#[must_use]
pub fn assess(report: &RecordingReport) -> Vec<Status> {
    vec![
        assess_recording(report),
        assess_disk(report),
        assess_stock_recorder(report),
        assess_recorded_messages(report),
    ]
}

/// Assesses whether messages reach the disk.
fn assess_recording(report: &RecordingReport) -> Status {
    let bag = report.bag.as_ref();
    let bag = bag.map_or_else(String::new, |bag| bag.display().to_string());
    let split = report.split.clone().unwrap_or_default();
    Status::new("recording", describe_state(report))
        .with_value("state", report.state.name())
        .with_value("in this state for", format_duration(time_in_state(report)))
        .with_value("bag", bag)
        .with_value("split", split)
        .with_value("split (bytes)", report.split_bytes)
        .with_value("splits opened", report.splits_opened)
        .with_value("starts of the stock recorder", report.recorder_starts)
        .with_value("last failure", &report.last_failure)
}

fn describe_state(report: &RecordingReport) -> (Level, String) {
    let reason = &report.reason;
    let elapsed = time_in_state(report);
    match report.state {
        RecordingState::Recording => {
            let split = report.split.as_deref().unwrap_or("the first split");
            let rate = format_rate(report.bytes_per_second);
            (Level::Ok, format!("recording to {split}, {rate}"))
        }
        RecordingState::Starting => describe_start(reason, elapsed),
        RecordingState::Paused => (Level::Warn, format!("not recording: {reason}")),
        RecordingState::DiskFull | RecordingState::Retrying => {
            (Level::Error, format!("not recording: {reason}"))
        }
        RecordingState::Stopping => (Level::Ok, reason.clone()),
    }
}

fn describe_start(reason: &str, elapsed: Duration) -> (Level, String) {
    if elapsed < USUAL_START {
        return (Level::Ok, reason.to_owned());
    }
    let level = if elapsed < FAILED_START {
        Level::Warn
    } else {
        Level::Error
    };
    let elapsed = format_duration(elapsed);
    let message = format!(
        "not recording for {elapsed}: {reason}; check the load of the machine, and the recorder's lines in the log"
    );
    (level, message)
}

fn time_in_state(report: &RecordingReport) -> Duration {
    Duration::from_nanos(report.stamp_ns.saturating_sub(report.state_since_ns))
}

/// Assesses the space on the disk, and how long it lasts.
fn assess_disk(report: &RecordingReport) -> Status {
    let time_left = report
        .time_left
        .map_or_else(|| "unlimited".to_owned(), format_duration);
    Status::new("disk", describe_disk(report))
        .with_value("free (bytes)", report.disk_free_bytes)
        .with_value("size (bytes)", report.disk_size_bytes)
        .with_value("floor of free space (bytes)", report.min_free_bytes)
        .with_value(
            "written (bytes/s)",
            format!("{:.0}", report.bytes_per_second),
        )
        .with_value("time left", time_left)
        .with_value("closed splits", report.closed_splits)
        .with_value("closed splits (bytes)", report.closed_bytes)
        .with_value("deleted splits", report.deleted_splits)
        .with_value("deleted splits (bytes)", report.deleted_bytes)
}

fn describe_disk(report: &RecordingReport) -> (Level, String) {
    if report.disk_size_bytes == 0 {
        let message = "free space is not known; check the disk and the folder output_dir";
        return (Level::Stale, message.to_owned());
    }
    let free = format_bytes(report.disk_free_bytes);
    let is_below = report.disk_free_bytes < report.min_free_bytes;
    let is_deleting = report.deleted_splits > 0 && report.closed_splits > 0;
    let time_left = report.time_left.filter(|left| *left < LITTLE_TIME_LEFT);
    if is_below && !is_deleting {
        let floor = format_bytes(report.min_free_bytes);
        let message = format!(
            "{free} free, below the floor of {floor}; free space, or set min_free_bytes and min_free_percent lower"
        );
        return (Level::Error, message);
    }
    if is_deleting && (is_below || time_left.is_some()) {
        // A recording can go on like this for months.
        let message = format!(
            "{free} free: the oldest recordings are deleted to keep the floor; save what is needed, or add space"
        );
        return (Level::Warn, message);
    }
    let Some(time_left) = time_left else {
        return (Level::Ok, format!("{free} free"));
    };
    let level = if time_left < NO_TIME_LEFT {
        Level::Error
    } else {
        Level::Warn
    };
    let time_left = format_duration(time_left);
    let consequence = if report.closed_splits > 0 {
        "the oldest recordings are deleted"
    } else {
        "recording is paused"
    };
    let message = format!(
        "{free} free, enough for {time_left}, then {consequence}; free space, or set keep_splits or keep_bytes"
    );
    (level, message)
}

/// Assesses the process of the stock recorder.
fn assess_stock_recorder(report: &RecordingReport) -> Status {
    let growth = report.recorder_rss_growth / 1e6;
    let pid = report.recorder_pid;
    let pid = pid.map_or_else(|| "none".to_owned(), |pid| pid.to_string());
    Status::new("stock recorder", describe_process(report, growth))
        .with_value("process", pid)
        .with_value("resident (bytes)", report.recorder_rss_bytes)
        .with_value("growth (MB/min)", format!("{growth:.2}"))
        .with_value("starts", report.recorder_starts)
        .with_value("reported lost messages", report.reported_lost)
}

fn describe_process(report: &RecordingReport, growth: f64) -> (Level, String) {
    if report.recorder_pid.is_none() {
        // The status of the recording tells whether it should run.
        return (Level::Ok, "not running".to_owned());
    }
    let memory = format_bytes(report.recorder_rss_bytes);
    if growth >= LEAK_GROWTH && report.recorder_rss_bytes > USUAL_MEMORY_BYTES {
        let message = format!(
            "{memory}, growing by {growth:.2} MB/min; if the memory of the machine runs short, begin a new bag by ~/pause \
             and ~/resume"
        );
        return (Level::Warn, message);
    }
    let lost = match report.reported_lost {
        0 => String::new(),
        lost => format!(", {lost} messages lost by its own account"),
    };
    (Level::Ok, format!("running, {memory}{lost}"))
}

/// Assesses the accounts of the closed splits.
fn assess_recorded_messages(report: &RecordingReport) -> Status {
    let status = Status::new("recorded messages", describe_messages(report))
        .with_value("last split", &report.last_split)
        .with_value("missing", report.missing);
    let topics = report.topics.iter();
    topics.fold(status, |status, topic| {
        let account = format!("recorded {}, missing {}", topic.recorded, topic.missing);
        status.with_value(topic.topic.clone(), account)
    })
}

fn describe_messages(report: &RecordingReport) -> (Level, String) {
    if report.last_split.is_empty() {
        return (Level::Ok, "no split has been closed yet".to_owned());
    }
    let split = &report.last_split;
    let mut lossy: Vec<&TopicReport> = report
        .topics
        .iter()
        .filter(|topic| topic.last_split_missing > 0)
        .collect();
    if lossy.is_empty() {
        let earlier = match report.missing {
            0 => String::new(),
            missing => format!(", {missing} messages since the start"),
        };
        return (Level::Ok, format!("nothing missing in {split}{earlier}"));
    }
    let is_reliable = lossy.iter().any(|topic| carries_reliable_messages(topic));
    let level = if is_reliable {
        Level::Error
    } else {
        Level::Warn
    };
    lossy.sort_by_key(|topic| std::cmp::Reverse(topic.last_split_missing));
    let mut named: Vec<String> = lossy
        .iter()
        .take(NAMED_TOPICS)
        .map(|topic| {
            let missing = topic.last_split_missing;
            let published = missing.saturating_add(topic.last_split_recorded);
            format!("{} {missing} of {published}", topic.topic)
        })
        .collect();
    if let Some(others @ 1..) = lossy.len().checked_sub(NAMED_TOPICS) {
        named.push(format!("{others} other topics"));
    }
    let named = named.join(", ");
    let message = format!(
        "missing in {split}: {named}; use a faster disk, set max_cache_bytes higher, or record fewer topics"
    );
    (level, message)
}

/// Returns whether the messages of the topic (events, zones, health, status) are sent only once.
fn carries_reliable_messages(report: &TopicReport) -> bool {
    let mut topics = Topic::ALL.into_iter();
    topics.any(|topic| topic.name() == report.topic && topic.switch().is_none())
}

/// Formats a size with a unit, rounded down.
fn format_bytes(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

/// Formats a rate in MB/s.
fn format_rate(bytes_per_second: f64) -> String {
    format!("{:.2} MB/s", bytes_per_second / 1e6)
}

#[cfg(test)]
mod tests;
