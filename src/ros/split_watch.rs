//! Subscriptions that tell of new splits of a recording.

use std::time::Instant;

use r2r::rosbag2_interfaces::msg::WriteSplitEvent;
use r2r::sensr_bridge::msg::RecordingStatus;
use r2r::{Node, QosProfile};

use super::RuntimeError;
use super::ros_types::to_std;
use super::subscription::Subscription;
use crate::pipeline::split_detector::{SplitDetector, SplitStatus};

/// Topic on which the stock recorder tells of a new split. It is relative to the namespace of the recorder, and most
/// have none.
const EVENTS: &str = "events/write_split";
/// Topic of the recording status of `sensr_recorder`.
const STATUS: &str = "recording";

/// Watch for new splits. The thread that spins the node has to call [`poll`](Self::poll).
pub(super) struct SplitWatch {
    events: Vec<Subscription<WriteSplitEvent>>,
    status: Subscription<RecordingStatus>,
    detector: SplitDetector,
}

/// Result of a poll.
#[derive(Debug, Clone, Copy)]
pub(super) struct SplitPoll {
    /// Messages that had arrived.
    pub(super) served: usize,
    /// A new split was opened.
    pub(super) is_new_split: bool,
}

impl SplitWatch {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let namespace = node
            .namespace()
            .map_err(RuntimeError::ros("read the node's namespace"))?;
        let qos = QosProfile::default();
        let mut events = vec![Subscription::create(
            node,
            &format!("/{EVENTS}"),
            qos.clone(),
        )?];
        if namespace != "/" {
            events.push(Subscription::create(node, EVENTS, qos.clone())?);
        }
        let latched = qos.reliable().transient_local().keep_last(1);
        Ok(Self {
            events,
            status: Subscription::create(node, STATUS, latched)?,
            detector: SplitDetector::default(),
        })
    }

    /// Takes all messages that have arrived.
    pub(super) fn poll(&mut self, now: Instant) -> SplitPoll {
        let Self {
            events,
            status,
            detector,
        } = self;
        let mut poll = SplitPoll {
            served: 0,
            is_new_split: false,
        };
        while let Some(status) = status.next() {
            poll.served += 1;
            poll.is_new_split |= detector.observe_status(
                now,
                SplitStatus {
                    splits_opened: status.splits_opened,
                    uptime: to_std(&status.uptime),
                    split: &status.split,
                },
            );
        }
        for events in events {
            while let Some(event) = events.next() {
                poll.served += 1;
                poll.is_new_split |= detector.observe_event(now, &event.opened_file);
            }
        }
        poll
    }
}
