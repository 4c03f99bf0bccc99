//! Item of the reliable queue: an event, the zones, a health, or a status. None is dropped for the sake of clouds.

use std::sync::Arc;

use super::queues::Queued;
use super::stream_source::{MessageTimes, StreamSource};
use crate::topic::{AnyTopic, Topic};
use sensr_protocol::custom::Custom;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::heap_size::HeapSize;
use sensr_protocol::wire::proto::{LosingEvent, OnlineRecalibrationEvent, ZoneConfig, ZoneEvent};

/// A message that must not be lost.
#[derive(Debug)]
pub(in crate::pipeline) enum ReliableMessage {
    Zones(Arc<[ZoneConfig]>),
    ZoneEvent(ZoneEvent),
    LosingEvent(LosingEvent),
    RecalibrationEvent(OnlineRecalibrationEvent),
    Health {
        health: SystemHealth,
        is_event: bool,
    },
    /// `None`: the status of the server is not known.
    ServerStatus(Option<Box<Custom>>),
}

impl ReliableMessage {
    /// Topics of the messages.
    pub(in crate::pipeline) const TOPICS: [Topic; 6] = [
        Topic::Zones,
        Topic::ZoneEvents,
        Topic::LosingEvents,
        Topic::RecalibrationEvents,
        Topic::Health,
        Topic::ServerStatus,
    ];

    /// Returns the message that tells subscribers of a latched topic that nothing is known of the server, so that
    /// earlier messages no longer hold. `None` for events: they remain true.
    pub(in crate::pipeline) fn unknown(topic: Topic) -> Option<Self> {
        match topic {
            Topic::Zones => Some(Self::Zones(Arc::new([]))),
            Topic::Health => Some(Self::Health {
                health: SystemHealth::default(),
                is_event: false,
            }),
            Topic::ServerStatus => Some(Self::ServerStatus(None)),
            _ => None,
        }
    }

    pub(in crate::pipeline) fn topic(&self) -> Topic {
        match self {
            Self::Zones(_) => crate::published_topic!(Reliable, Zones),
            Self::ZoneEvent(_) => crate::published_topic!(Reliable, ZoneEvents),
            Self::LosingEvent(_) => crate::published_topic!(Reliable, LosingEvents),
            Self::RecalibrationEvent(_) => crate::published_topic!(Reliable, RecalibrationEvents),
            Self::Health { .. } => crate::published_topic!(Reliable, Health),
            Self::ServerStatus(_) => crate::published_topic!(Reliable, ServerStatus),
        }
    }

    /// Bytes that the message occupies on the heap.
    fn heap_size(&self) -> usize {
        match self {
            Self::Zones(zones) => zones.iter().map(HeapSize::total_size).sum(),
            Self::ZoneEvent(_) | Self::LosingEvent(_) => 0,
            Self::RecalibrationEvent(event) => event.topic.len(),
            Self::Health { health, .. } => health.heap_size(),
            Self::ServerStatus(custom) => custom.as_deref().map_or(0, HeapSize::total_size),
        }
    }
}

/// A reliable message in the queue.
#[derive(Debug)]
pub struct QueuedReliable {
    pub(in crate::pipeline) source: StreamSource,
    pub(in crate::pipeline) times: MessageTimes,
    /// Number of the message on its topic, from 0.
    pub(in crate::pipeline) sequence: u64,
    pub(in crate::pipeline) message: ReliableMessage,
}

impl QueuedReliable {
    /// Bytes that the item occupies while it waits.
    pub(in crate::pipeline) fn cost(&self) -> usize {
        size_of::<Self>() + self.message.heap_size()
    }
}

impl Queued for QueuedReliable {
    fn topics(&self) -> impl Iterator<Item = AnyTopic> {
        std::iter::once(self.message.topic().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::QosClass;

    #[test]
    fn every_latched_topic_can_be_replaced_by_unknown_and_no_event_can() {
        for topic in ReliableMessage::TOPICS {
            let replacement = ReliableMessage::unknown(topic);
            let is_latched = topic.qos_class() == QosClass::Latched;
            assert_eq!(replacement.is_some(), is_latched, "{topic:?}");
            assert!(replacement.is_none_or(|message| message.topic() == topic));
        }
    }
}
