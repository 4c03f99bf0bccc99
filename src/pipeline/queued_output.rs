//! Item of the object queue: objects, zone markers, and the frame, which may all be dropped under load.

use std::sync::Arc;

use prost_types::Timestamp;

use super::ingest::wire_tap::TappedFrame;
use super::queues::Queued;
use super::stream_source::{MessageTimes, StreamSource};
use crate::published_topic;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::{AnyTopic, Topic};
use sensr_protocol::heap_size::HeapSize as _;
use sensr_protocol::objects::ObjectParts;
use sensr_protocol::wire::proto::ZoneConfig;

/// Due parts of one message of the output stream.
#[derive(Debug)]
pub struct QueuedOutput {
    pub(in crate::pipeline) source: StreamSource,
    pub(in crate::pipeline) times: MessageTimes,
    pub(in crate::pipeline) wire: Option<TappedFrame>,
    pub(in crate::pipeline) objects: Option<DueObjects>,
    /// Zones for the markers.
    pub(in crate::pipeline) zones: Option<DueZones>,
}

/// Objects, and the topics that they are due on. They are decoded by the publisher, if one of these has a subscriber.
#[derive(Debug)]
pub(in crate::pipeline) struct DueObjects {
    pub(in crate::pipeline) objects: ObjectParts,
    pub(in crate::pipeline) static_objects: ObjectParts,
    /// Arrival of the first of the clouds that the objects were detected in.
    pub(in crate::pipeline) first_cloud_arrival: Option<Timestamp>,
    pub(in crate::pipeline) topics: ObjectTopics,
}

/// A topic of a message with objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum ObjectTopic {
    Objects,
    Detections,
    Tracked,
    ObjectPoints,
    ObjectMarkers,
}

impl ObjectTopic {
    /// All of them, in the order of publishing: the smallest message first.
    pub(in crate::pipeline) const ALL: [Self; 5] = [
        Self::Objects,
        Self::Detections,
        Self::Tracked,
        Self::ObjectPoints,
        Self::ObjectMarkers,
    ];

    pub(in crate::pipeline) const fn topic(self) -> Topic {
        match self {
            Self::Objects => published_topic!(Objects, Objects),
            Self::Detections => published_topic!(Objects, Detections),
            Self::Tracked => published_topic!(Objects, Tracked),
            Self::ObjectPoints => published_topic!(Objects, ObjectPoints),
            Self::ObjectMarkers => published_topic!(Objects, ObjectMarkers),
        }
    }
}

/// Set of topics of a message with objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct ObjectTopics([bool; ObjectTopic::ALL.len()]);

impl ObjectTopics {
    pub(in crate::pipeline) fn insert(&mut self, topic: ObjectTopic) {
        self.0[topic as usize] = true;
    }

    pub(in crate::pipeline) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Topics of the set, in the order of publishing.
    pub(in crate::pipeline) fn iter(self) -> impl Iterator<Item = ObjectTopic> {
        let all = ObjectTopic::ALL.into_iter();
        all.filter(move |topic| self.0[*topic as usize])
    }
}

/// Zones, and whether their markers are due. Zones that are not due are kept for late subscribers.
#[derive(Debug)]
pub(in crate::pipeline) struct DueZones {
    pub(in crate::pipeline) zones: Arc<[ZoneConfig]>,
    pub(in crate::pipeline) is_due: bool,
}

impl QueuedOutput {
    /// Creates an item without any message.
    pub(in crate::pipeline) fn empty(source: StreamSource, arrival: Arrival) -> Self {
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

    /// Returns whether nothing in it is due.
    pub(in crate::pipeline) fn is_empty(&self) -> bool {
        self.wire.is_none() && self.objects.is_none() && self.zones.is_none()
    }

    /// Bytes that the item occupies while it waits: objects are views that keep the whole frame of `frame_bytes` alive,
    /// or copies.
    pub(in crate::pipeline) fn cost(&self, frame_bytes: usize) -> usize {
        let objects = self.objects.as_ref().map_or(0, |due| {
            due.objects.heap_size() + due.static_objects.heap_size()
        });
        frame_bytes + size_of::<Self>() + objects
    }
}

impl Queued for QueuedOutput {
    fn topics(&self) -> impl Iterator<Item = AnyTopic> {
        let wire = self.wire.iter().map(|_| Topic::Wire);
        let objects = self
            .objects
            .iter()
            .flat_map(|due| due.topics.iter().map(ObjectTopic::topic));
        let zones = self.zones.iter().filter(|due| due.is_due);
        let topics = wire.chain(objects).chain(zones.map(|_| Topic::ZoneMarkers));
        topics.map(AnyTopic::from)
    }
}
