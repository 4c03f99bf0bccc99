//! What SENSR says that must not be lost.

use std::sync::Arc;

use prost::Message as _;

use super::Queued;
use super::output_queue::Times;
use crate::sensr::custom::Custom;
use crate::sensr::wire::proto::{
    LosingEvent, OnlineRecalibrationEvent, SystemHealth, ZoneConfig, ZoneEvent,
};
use crate::topic::Topic;

/// A message of its own each.
#[derive(Debug)]
pub(super) enum Notice {
    Zones(Arc<[ZoneConfig]>),
    ZoneEvent(ZoneEvent),
    LosingEvent(LosingEvent),
    RecalibrationEvent(OnlineRecalibrationEvent),
    Health {
        health: SystemHealth,
        is_event: bool,
    },
    ServerStatus(Box<Custom>),
}

impl Notice {
    pub(super) fn topic(&self) -> Topic {
        match self {
            Self::Zones(_) => Topic::Zones,
            Self::ZoneEvent(_) => Topic::ZoneEvents,
            Self::LosingEvent(_) => Topic::LosingEvents,
            Self::RecalibrationEvent(_) => Topic::RecalibrationEvents,
            Self::Health { .. } => Topic::Health,
            Self::ServerStatus(_) => Topic::ServerStatus,
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Zones(zones) => zones.iter().map(ZoneConfig::encoded_len).sum(),
            Self::ZoneEvent(event) => event.encoded_len(),
            Self::LosingEvent(event) => event.encoded_len(),
            Self::RecalibrationEvent(event) => event.encoded_len(),
            Self::Health { health, .. } => health.encoded_len(),
            Self::ServerStatus(custom) => {
                let fields = &custom.fields_of_regard;
                let profiling = custom.profiling.as_ref();
                fields
                    .iter()
                    .map(prost::Message::encoded_len)
                    .sum::<usize>()
                    + profiling.map_or(0, prost::Message::encoded_len)
            }
        }
    }
}

/// A notice in the queue.
#[derive(Debug)]
pub struct QueuedNotice {
    pub(super) times: Times,
    /// Among those of its topic.
    pub(super) sequence: u64,
    pub(super) notice: Notice,
}

impl QueuedNotice {
    /// What it takes up while it waits. Opened, a message is some times larger than on the wire.
    pub(super) fn cost(&self) -> usize {
        const GROWTH: usize = 8;
        size_of::<Self>() + GROWTH * self.notice.encoded_len()
    }
}

impl Queued for QueuedNotice {
    fn topics(&self) -> impl Iterator<Item = Topic> {
        std::iter::once(self.notice.topic())
    }
}
