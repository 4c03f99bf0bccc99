//! Stage of the output stream that selects the due objects and zone markers, and keeps SENSR's static objects.

use std::sync::Arc;

use prost_types::Timestamp;

use super::decide;
use super::failure_recorder::count_parts;
use crate::config::ResolvedConfig;
use crate::metrics::Metrics;
use crate::metrics::ledger::IngestDecision;
use crate::pipeline::queued_output::{DueObjects, DueZones, ObjectTopic, ObjectTopics};
use crate::published_topic;
use crate::time::rate_limiter::RateLimiter;
use crate::time::stamp::Arrival;
use crate::topic::Topic;
use sensr_protocol::objects::ObjectParts;
use sensr_protocol::wire::proto::ZoneConfig;

/// Upper bound of SENSR's list of static objects.
const MAX_STATIC_OBJECTS: usize = 10_000;

/// Selects the parts of a message that may be dropped under load.
#[derive(Debug)]
pub(super) struct ObjectStage {
    metrics: Arc<Metrics>,
    object_limiter: RateLimiter,
    zone_limiter: RateLimiter,
    /// Static objects that arrived without other objects, and wait for the next message that is published.
    static_objects: ObjectParts,
}

impl ObjectStage {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            object_limiter: RateLimiter::default(),
            zone_limiter: RateLimiter::default(),
            static_objects: ObjectParts::default(),
        }
    }

    /// Keeps SENSR's list of static objects. It is valid whether or not its message has other objects, but is published
    /// together with some.
    pub(super) fn keep_static_objects(&mut self, static_objects: ObjectParts) {
        if static_objects.is_empty() {
            return;
        }
        // SENSR always sends the complete list.
        self.static_objects = static_objects;
        let excess = self.static_objects.truncate(MAX_STATIC_OBJECTS);
        count_parts(&self.metrics.output.link, excess as u64);
    }

    /// Ends a message. Static objects that still wait do not keep its frame alive.
    pub(super) fn release_frame(&mut self) {
        self.static_objects.detach();
    }

    /// Discards the static objects of the former server.
    pub(super) fn discard_static_objects(&mut self) {
        let discarded = std::mem::take(&mut self.static_objects).len();
        if discarded > 0 {
            log::info!(
                "dropped {discarded} static objects of the former server: no message with objects followed them"
            );
        }
    }

    /// Enters the objects of a message in the ledger. Returns them with the topics that they are due on, and the static
    /// objects with them. `None` if they are due on none.
    pub(super) fn select_objects(
        &mut self,
        objects: ObjectParts,
        first_cloud_arrival: Option<Timestamp>,
        arrival: Arrival,
        config: &ResolvedConfig,
    ) -> Option<DueObjects> {
        let is_due = self
            .object_limiter
            .is_due(arrival.instant, config.output_data_interval);
        let mut topics = ObjectTopics::default();
        for topic in ObjectTopic::ALL {
            if self.record_decision(topic.topic(), is_due, config) == IngestDecision::Queued {
                topics.insert(topic);
            }
        }
        if topics.is_empty() {
            return None;
        }
        Some(DueObjects {
            objects,
            static_objects: std::mem::take(&mut self.static_objects),
            first_cloud_arrival,
            topics,
        })
    }

    /// Enters the markers of zones in the ledger.
    pub(super) fn select_zones(
        &mut self,
        zones: Arc<[ZoneConfig]>,
        arrival: Arrival,
        config: &ResolvedConfig,
    ) -> DueZones {
        let is_due = self
            .zone_limiter
            .is_due(arrival.instant, config.output_data_interval);
        let topic = published_topic!(Objects, ZoneMarkers);
        let is_due = self.record_decision(topic, is_due, config) == IngestDecision::Queued;
        DueZones { zones, is_due }
    }

    fn record_decision(
        &self,
        topic: Topic,
        is_due: bool,
        config: &ResolvedConfig,
    ) -> IngestDecision {
        let decision = decide(topic, config, || is_due);
        self.metrics.ledger.record_received(topic, decision);
        decision
    }
}
