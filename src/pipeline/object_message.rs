//! What may be dropped of the output stream when nobody keeps up: objects, pictures, frames.

use std::sync::Arc;

use super::Queued;
use crate::encode::messages::ObjectSet;
use crate::pipeline::ingest::wire_tap::WireFrame;
use crate::pipeline::source::Source;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::Topic;
use sensr_protocol::heap_size::HeapSize;
use sensr_protocol::wire::proto::ZoneConfig;

/// When a message of the output stream was sent and came.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct MessageTimes {
    pub(in crate::pipeline) arrival: Arrival,
    /// For headers, as `stamp_source` says.
    pub(in crate::pipeline) stamp: Stamp,
    /// By the server's clock. 0 if it gave none that ROS can hold.
    pub(in crate::pipeline) server: Stamp,
}

/// What of one message of the output stream is due.
#[derive(Debug)]
pub struct QueuedOutput {
    pub(in crate::pipeline) source: Source,
    pub(in crate::pipeline) times: MessageTimes,
    pub(in crate::pipeline) wire: Option<WireFrame>,
    pub(in crate::pipeline) objects: Option<DueObjects>,
    /// For pictures of them.
    pub(in crate::pipeline) zones: Option<DueZones>,
}

/// Objects, and the topics that they are due on.
#[derive(Debug)]
pub(in crate::pipeline) struct DueObjects {
    pub(in crate::pipeline) set: ObjectSet,
    pub(in crate::pipeline) topics: Vec<Topic>,
}

/// Zones, and whether a picture of them is due. Kept anyway, for those who come late.
#[derive(Debug)]
pub(in crate::pipeline) struct DueZones {
    pub(in crate::pipeline) zones: Arc<[ZoneConfig]>,
    pub(in crate::pipeline) is_due: bool,
}

impl QueuedOutput {
    /// What comes of a frame that is no message.
    pub(in crate::pipeline) fn nothing(source: Source, arrival: Arrival) -> Self {
        Self {
            source,
            times: MessageTimes {
                arrival,
                stamp: arrival.stamp,
                server: Stamp::default(),
            },
            wire: None,
            objects: None,
            zones: None,
        }
    }

    /// Whether nothing in it is due.
    pub(in crate::pipeline) fn is_empty(&self) -> bool {
        self.wire.is_none() && self.objects.is_none() && self.zones.is_none()
    }

    /// What a message of `length` bytes takes up while it waits: its points keep all of it alive, the rest is
    /// opened.
    pub(in crate::pipeline) fn cost(&self, length: usize) -> usize {
        let objects = self.objects.iter().flat_map(|due| {
            let set = &due.set;
            set.objects.iter().chain(&set.static_objects)
        });
        length + size_of::<Self>() + objects.map(HeapSize::total_size).sum::<usize>()
    }
}

impl Queued for QueuedOutput {
    fn topics(&self) -> impl Iterator<Item = Topic> {
        let wire = self.wire.iter().map(|_| Topic::Wire);
        let objects = self
            .objects
            .iter()
            .flat_map(|due| due.topics.iter().copied());
        let zones = self.zones.iter().filter(|due| due.is_due);
        wire.chain(objects).chain(zones.map(|_| Topic::ZoneMarkers))
    }
}
