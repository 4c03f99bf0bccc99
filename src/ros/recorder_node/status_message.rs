//! The `recording` message.

use std::path::PathBuf;

use r2r::sensr_bridge::msg::{RecordingStatus, TopicRecording};
use r2r::std_msgs::msg::Header;

use crate::recorder::report::{RecordingReport, TopicReport};
use crate::ros::ros_types::{to_c_text, to_duration, to_time};
use crate::time::stamp::Stamp;

/// Converts a report.
pub(super) fn status_message(report: &RecordingReport) -> RecordingStatus {
    RecordingStatus {
        header: Header {
            stamp: to_time(stamp(report.stamp_ns)),
            frame_id: String::new(),
        },
        version: report.version.to_owned(),
        uptime: to_duration(report.uptime),
        state: report.state.number(),
        state_since: to_time(stamp(report.state_since_ns)),
        reason: to_c_text(report.reason.clone()),
        bag: to_c_text(path_text(report.bag.as_ref())),
        split: to_c_text(report.split.clone().unwrap_or_default()),
        splits_opened: report.splits_opened,
        split_since: to_time(stamp(report.split_since_ns)),
        split_bytes: report.split_bytes,
        closed_splits: report.closed_splits,
        closed_bytes: report.closed_bytes,
        deleted_splits: report.deleted_splits,
        deleted_bytes: report.deleted_bytes,
        bytes_per_second: report.bytes_per_second,
        disk_free_bytes: report.disk_free_bytes,
        disk_size_bytes: report.disk_size_bytes,
        min_free_bytes: report.min_free_bytes,
        time_left: to_duration(report.time_left.unwrap_or_default()),
        recorder_pid: report
            .recorder_pid
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or_default(),
        recorder_rss_bytes: report.recorder_rss_bytes,
        recorder_rss_growth: report.recorder_rss_growth,
        recorder_starts: report.recorder_starts,
        last_failure: to_c_text(report.last_failure.clone()),
        reported_lost: report.reported_lost,
        missing: report.missing,
        last_split: to_c_text(report.last_split.clone()),
        topics: report.topics.iter().map(topic_message).collect(),
    }
}

fn topic_message(topic: &TopicReport) -> TopicRecording {
    TopicRecording {
        topic: to_c_text(topic.topic.clone()),
        recorded: topic.recorded,
        missing: topic.missing,
        last_split_recorded: topic.last_split_recorded,
        last_split_missing: topic.last_split_missing,
    }
}

fn stamp(ns: u64) -> Stamp {
    Stamp::from_ns(i64::try_from(ns).unwrap_or(i64::MAX))
}

fn path_text(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| path.display().to_string())
}
