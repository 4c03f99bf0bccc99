//! What SENSR says that must not be lost.

use std::sync::Arc;

use super::Queued;
use crate::pipeline::object_message::MessageTimes;
use crate::pipeline::source::Source;
use crate::topic::Topic;
use sensr_protocol::custom::Custom;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::heap_size::HeapSize;
use sensr_protocol::wire::proto::{LosingEvent, OnlineRecalibrationEvent, ZoneConfig, ZoneEvent};

/// A message of its own each.
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
    /// None: nothing is known of it.
    ServerStatus(Option<Box<Custom>>),
}

impl ReliableMessage {
    /// All topics that there are notices for.
    pub(in crate::pipeline) const TOPICS: [Topic; 6] = [
        Topic::Zones,
        Topic::ZoneEvents,
        Topic::LosingEvents,
        Topic::RecalibrationEvents,
        Topic::Health,
        Topic::ServerStatus,
    ];

    /// Returns what tells subscribers of a topic that nothing is known of the server, so that nothing of what was said
    /// before holds any more. None for events: they remain true.
    pub(in crate::pipeline) fn nothing_known(topic: Topic) -> Option<Self> {
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
            Self::Zones(_) => Topic::Zones,
            Self::ZoneEvent(_) => Topic::ZoneEvents,
            Self::LosingEvent(_) => Topic::LosingEvents,
            Self::RecalibrationEvent(_) => Topic::RecalibrationEvents,
            Self::Health { .. } => Topic::Health,
            Self::ServerStatus(_) => Topic::ServerStatus,
        }
    }

    /// What it takes up beside itself.
    fn memory(&self) -> usize {
        match self {
            Self::Zones(zones) => zones.iter().map(HeapSize::total_size).sum(),
            Self::ZoneEvent(_) | Self::LosingEvent(_) => 0,
            Self::RecalibrationEvent(event) => event.topic.len(),
            Self::Health { health, .. } => health.heap_size(),
            Self::ServerStatus(custom) => custom.as_deref().map_or(0, HeapSize::total_size),
        }
    }
}

/// A notice in the queue.
#[derive(Debug)]
pub struct QueuedReliable {
    pub(in crate::pipeline) source: Source,
    pub(in crate::pipeline) times: MessageTimes,
    /// Among those of its topic.
    pub(in crate::pipeline) sequence: u64,
    pub(in crate::pipeline) message: ReliableMessage,
}

impl QueuedReliable {
    /// What it takes up while it waits.
    pub(in crate::pipeline) fn cost(&self) -> usize {
        size_of::<Self>() + self.message.memory()
    }
}

impl Queued for QueuedReliable {
    fn topics(&self) -> impl Iterator<Item = Topic> {
        std::iter::once(self.message.topic())
    }
}
