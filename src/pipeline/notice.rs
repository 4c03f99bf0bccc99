//! What SENSR says that must not be lost.

use std::sync::Arc;

use super::output_queue::Times;
use super::{Queued, memory};
use crate::sensr::custom::Custom;
use crate::sensr::health::SystemHealth;
use crate::sensr::wire::proto::{LosingEvent, OnlineRecalibrationEvent, ZoneConfig, ZoneEvent};
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

    /// What it takes up beside itself.
    fn memory(&self) -> usize {
        match self {
            Self::Zones(zones) => zones.iter().map(memory::of_zone).sum(),
            Self::ZoneEvent(_) | Self::LosingEvent(_) => 0,
            Self::RecalibrationEvent(event) => event.topic.len(),
            Self::Health { health, .. } => memory::of_health(health),
            Self::ServerStatus(custom) => memory::of_custom(custom),
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
    /// What it takes up while it waits.
    pub(super) fn cost(&self) -> usize {
        size_of::<Self>() + self.notice.memory()
    }
}

impl Queued for QueuedNotice {
    fn topics(&self) -> impl Iterator<Item = Topic> {
        std::iter::once(self.notice.topic())
    }
}
