//! What may be dropped of the output stream when nobody keeps up: objects, pictures, frames.

use std::sync::Arc;

use super::source::Source;
use super::wire_tap::WireFrame;
use super::{Queued, memory};
use crate::message::ObjectSet;
use crate::sensr::wire::proto::ZoneConfig;
use crate::stamp::{Arrival, Stamp};
use crate::topic::Topic;

/// When a message of the output stream was sent and came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) arrival: Arrival,
    /// For headers, as `stamp_source` says.
    pub(super) stamp: Stamp,
    /// By the server's clock. 0 if it gave none that ROS can hold.
    pub(super) server: Stamp,
}

/// What of one message of the output stream is due.
#[derive(Debug)]
pub struct QueuedOutput {
    pub(super) source: Source,
    pub(super) times: Times,
    pub(super) wire: Option<WireFrame>,
    pub(super) objects: Option<DueObjects>,
    /// For pictures of them.
    pub(super) zones: Option<DueZones>,
}

/// Objects, and the topics that they are due on.
#[derive(Debug)]
pub(super) struct DueObjects {
    pub(super) set: ObjectSet,
    pub(super) topics: Vec<Topic>,
}

/// Zones, and whether a picture of them is due. Kept anyway, for those who come late.
#[derive(Debug)]
pub(super) struct DueZones {
    pub(super) zones: Arc<[ZoneConfig]>,
    pub(super) is_due: bool,
}

impl QueuedOutput {
    /// What comes of a frame that is no message.
    pub(super) fn nothing(source: Source, arrival: Arrival) -> Self {
        Self {
            source,
            times: Times {
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
    pub(super) fn is_empty(&self) -> bool {
        self.wire.is_none() && self.objects.is_none() && self.zones.is_none()
    }

    /// What a message of `length` bytes takes up while it waits: its points keep all of it alive, the rest is
    /// opened.
    pub(super) fn cost(&self, length: usize) -> usize {
        let objects = self.objects.iter().flat_map(|due| {
            let set = &due.set;
            set.objects.iter().chain(&set.static_objects)
        });
        length + size_of::<Self>() + objects.map(memory::of_object).sum::<usize>()
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
