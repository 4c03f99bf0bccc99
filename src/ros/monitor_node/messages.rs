//! Conversions of ROS messages to the samples of the monitor.

use r2r::diagnostic_msgs::msg::DiagnosticStatus;
use r2r::sensr_bridge::msg::{
    BridgeStatistics, LinkStatistics, LosingEvent, RecalibrationEvent, RecordingStatus,
    StageStatistics, TopicStatistics, ZoneEvent,
};
use r2r::std_msgs::msg::Header;

use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;
use crate::monitor::sample::{
    BridgeSample, ClockSample, DiagnosticSample, EventSample, LinkSample, PhaseSample, QueueSample,
    RecordingSample, StageSample,
};
use crate::ros::ros_types::{from_time, to_std};

/// Converts the statistics of a bridge.
pub(super) fn bridge_sample(message: BridgeStatistics) -> BridgeSample {
    BridgeSample {
        stamp_ns: stamp_ns(&message.header),
        uptime: to_std(&message.uptime),
        version: message.version,
        links: message.links.into_iter().map(link_sample).collect(),
        topics: message.topics.into_iter().map(account).collect(),
        stages: message.stages.into_iter().map(stage_sample).collect(),
        clock: ClockSample {
            is_known: message.clock.known,
            offset_ns: message.clock.offset_ns,
            spread_ns: message.clock.spread_ns,
            drift_ppm: message.clock.drift_ppm,
            jumps: message.clock.jumps,
            is_frozen: message.clock.frozen,
        },
        rss_bytes: message.rss_bytes,
        rss_peak_bytes: message.rss_peak_bytes,
        memory_bound_bytes: message.memory_bound_bytes,
        startup: message
            .startup
            .into_iter()
            .map(|phase| PhaseSample {
                name: phase.name,
                elapsed: to_std(&phase.elapsed),
                rss_bytes: phase.rss_bytes,
            })
            .collect(),
    }
}

fn link_sample(link: LinkStatistics) -> LinkSample {
    LinkSample {
        state: link_state(link.state),
        state_since_ns: from_time(&link.state_since).as_ns(),
        connects: link.connects,
        disconnects: link.disconnects,
        failed_attempts: link.failed_attempts,
        last_error: link.last_error,
        frames: link.frames,
        bytes: link.bytes,
        discarded_frames: link.text_frames
            + link.undecodable_frames
            + link.oversized_frames
            + link.truncated_frames,
        undecodable_parts: link.undecodable_parts,
        stalls: link.stalls,
        is_silent: link.silent,
        server_overflows: link.server_overflows,
        queue: QueueSample {
            messages: link.queued_frames,
            bytes: link.queued_bytes,
            max_bytes: link.queue_max_bytes,
        },
        reliable_queue: QueueSample {
            messages: link.queued_reliable,
            bytes: link.queued_reliable_bytes,
            max_bytes: link.reliable_queue_max_bytes,
        },
        name: link.name,
        url: link.url,
    }
}

/// Converts the state of a link. An unknown one of a newer bridge counts as connecting.
fn link_state(number: u8) -> LinkState {
    match number {
        state if state == LinkStatistics::STATE_CONNECTED as u8 => LinkState::Connected,
        state if state == LinkStatistics::STATE_BACKOFF as u8 => LinkState::Backoff,
        state if state == LinkStatistics::STATE_STOPPED as u8 => LinkState::Stopped,
        state if state == LinkStatistics::STATE_PAUSED as u8 => LinkState::Paused,
        _ => LinkState::Connecting,
    }
}

fn account(topic: TopicStatistics) -> (String, Account) {
    let account = Account {
        received: topic.received,
        published: topic.published,
        thinned: topic.thinned,
        unsubscribed: topic.unsubscribed,
        dropped: topic.dropped,
        malformed: topic.malformed,
        queued: topic.queued,
        published_bytes: topic.published_bytes,
        largest_bytes: topic.largest_bytes,
        empty: topic.empty,
        intensity_mismatch: topic.intensity_mismatch,
    };
    (topic.topic, account)
}

fn stage_sample(stage: StageStatistics) -> StageSample {
    StageSample {
        link: stage.link,
        stage: stage.stage,
        count: stage.count,
        min_ns: stage.min_ns,
        mean_ns: stage.mean_ns,
        max_ns: stage.max_ns,
    }
}

/// Converts the state of a recording.
pub(super) fn recording_sample(message: RecordingStatus) -> RecordingSample {
    let time_left = to_std(&message.time_left);
    RecordingSample {
        stamp_ns: stamp_ns(&message.header),
        uptime: to_std(&message.uptime),
        state: message.state,
        reason: message.reason,
        bag: message.bag,
        split: message.split,
        splits_opened: message.splits_opened,
        split_since_ns: from_time(&message.split_since).as_ns(),
        split_bytes: message.split_bytes,
        closed_splits: message.closed_splits,
        closed_bytes: message.closed_bytes,
        bytes_per_second: message.bytes_per_second,
        disk_free_bytes: message.disk_free_bytes,
        disk_size_bytes: message.disk_size_bytes,
        min_free_bytes: message.min_free_bytes,
        time_left: (!time_left.is_zero()).then_some(time_left),
        recorder_pid: message.recorder_pid,
        recorder_rss_bytes: message.recorder_rss_bytes,
        recorder_starts: message.recorder_starts,
        last_failure: message.last_failure,
        reported_lost: message.reported_lost,
        missing: message.missing,
        topics: message
            .topics
            .into_iter()
            .map(|topic| (topic.topic, topic.recorded, topic.missing))
            .collect(),
    }
}

/// Splits the name of a status, `NODE: TASK`, into the full name of its node and the rest. `None` for a status of another
/// convention.
pub(super) fn split_status_name(name: &str) -> Option<(&str, &str)> {
    name.split_once(": ")
        .filter(|(node, _)| node.starts_with('/'))
}

/// Converts a status; `task` is its name without that of the node.
pub(super) fn diagnostic_sample(status: &DiagnosticStatus, task: &str) -> DiagnosticSample {
    let levels = [Level::Ok, Level::Warn, Level::Error, Level::Stale];
    let level = levels
        .into_iter()
        .find(|level| level.number() == status.level);
    DiagnosticSample {
        task: task.to_owned(),
        level: level.unwrap_or(Level::Stale),
        message: status.message.clone(),
        // As `server_components` of the diagnostics names them.
        is_component: task.starts_with("node "),
    }
}

/// Converts an event of a zone.
pub(super) fn zone_event(event: &ZoneEvent) -> EventSample {
    let (zone, object) = (event.zone_id, event.object_id);
    let [x, y] = [event.object_velocity.x, event.object_velocity.y];
    let text = match event.type_ {
        kind if kind == ZoneEvent::TYPE_ENTRY as i32 => format!("object {object} entered"),
        kind if kind == ZoneEvent::TYPE_EXIT as i32 => format!("object {object} left"),
        kind if kind == ZoneEvent::TYPE_LOITERING as i32 => format!("object {object} loiters"),
        kind if kind == ZoneEvent::TYPE_EXCEEDS_SPEED as i32 => {
            format!("object {object} is too fast, {:.1} m/s", x.hypot(y))
        }
        kind => format!("object {object}, event of unknown type {kind}"),
    };
    event_sample(&event.header, format!("zone {zone}: {text}"))
}

/// Converts the loss of an object.
pub(super) fn losing_event(event: &LosingEvent) -> EventSample {
    let position = &event.position;
    let text = format!(
        "object {} was lost at {:.1}, {:.1} m",
        event.object_id, position.x, position.y
    );
    event_sample(&event.header, text)
}

/// Converts the recalibration of a sensor.
pub(super) fn recalibration_event(event: &RecalibrationEvent) -> EventSample {
    let text = format!("sensor {} was recalibrated", event.topic);
    event_sample(&event.header, text)
}

fn event_sample(header: &Header, text: String) -> EventSample {
    EventSample {
        stamp_ns: stamp_ns(header),
        level: Level::Ok,
        text,
    }
}

fn stamp_ns(header: &Header) -> i64 {
    from_time(&header.stamp).as_ns()
}

#[cfg(test)]
mod tests {
    use super::*;
    use r2r::builtin_interfaces::msg::{Duration, Time};
    use r2r::sensr_bridge::msg::StartupPhase;

    #[test]
    fn statistics_keep_their_figures() {
        let mut message = BridgeStatistics {
            uptime: Duration { sec: 3, nanosec: 5 },
            links: vec![LinkStatistics {
                name: "output".to_owned(),
                state: LinkStatistics::STATE_BACKOFF as u8,
                text_frames: 1,
                undecodable_frames: 20,
                oversized_frames: 300,
                truncated_frames: 4000,
                queued_reliable: 7,
                ..LinkStatistics::default()
            }],
            topics: vec![TopicStatistics {
                topic: "objects".to_owned(),
                received: 3,
                thinned: 1,
                dropped: 2,
                ..TopicStatistics::default()
            }],
            startup: vec![StartupPhase {
                name: "node".to_owned(),
                elapsed: Duration { sec: 1, nanosec: 0 },
                rss_bytes: 9,
            }],
            ..BridgeStatistics::default()
        };
        message.header.stamp = Time { sec: 2, nanosec: 1 };
        let sample = bridge_sample(message);
        assert_eq!(sample.stamp_ns, 2_000_000_001);
        let link = &sample.links[0];
        assert_eq!(
            (link.state, link.discarded_frames),
            (LinkState::Backoff, 4321)
        );
        assert_eq!(link.reliable_queue.messages, 7);
        let (topic, account) = &sample.topics[0];
        assert_eq!((&**topic, account.balances()), ("objects", true));
        assert_eq!(sample.startup[0].elapsed.as_secs(), 1);
    }

    #[test]
    fn no_time_left_means_that_the_disk_does_not_fill() {
        let mut message = RecordingStatus::default();
        assert_eq!(recording_sample(message.clone()).time_left, None);
        message.time_left = Duration {
            sec: 60,
            nanosec: 0,
        };
        let left = recording_sample(message).time_left;
        assert_eq!(left, Some(std::time::Duration::from_secs(60)));
    }

    #[test]
    fn names_of_statuses_are_split_after_the_node() {
        let split = split_status_name("/north/sensr_bridge: node A: B sensor C");
        assert_eq!(split, Some(("/north/sensr_bridge", "node A: B sensor C")));
        assert_eq!(split_status_name("some driver: temperature"), None);
        let status = DiagnosticStatus {
            level: Level::Error.number(),
            ..DiagnosticStatus::default()
        };
        let sample = diagnostic_sample(&status, "node A sensor C");
        assert!(sample.is_component && sample.level == Level::Error);
        assert!(!diagnostic_sample(&status, "points link").is_component);
    }

    #[test]
    fn events_are_told_in_words() {
        let mut event = ZoneEvent {
            zone_id: 3,
            object_id: 17,
            type_: ZoneEvent::TYPE_ENTRY as i32,
            ..ZoneEvent::default()
        };
        assert_eq!(zone_event(&event).text, "zone 3: object 17 entered");
        event.type_ = ZoneEvent::TYPE_EXCEEDS_SPEED as i32;
        (event.object_velocity.x, event.object_velocity.y) = (3.0, 4.0);
        assert_eq!(
            zone_event(&event).text,
            "zone 3: object 17 is too fast, 5.0 m/s"
        );
    }
}
