//! Stage of the output stream that selects the due objects and zone markers, and keeps SENSR's static objects.

use std::sync::Arc;

use super::decide;
use super::failure_recorder::count_parts;
use crate::config::ResolvedConfig;
use crate::encode::messages::ObjectSet;
use crate::encode::point_cloud::Cloud;
use crate::metrics::Metrics;
use crate::metrics::ledger::IngestDecision;
use crate::pipeline::queued_output::{DueObjects, DueZones, ObjectTopic};
use crate::published_topic;
use crate::time::rate_limiter::RateLimiter;
use crate::time::stamp::Arrival;
use crate::topic::Topic;
use sensr_protocol::wire::proto::{Object, ZoneConfig};

/// Upper bound of SENSR's list of static objects.
const MAX_STATIC_OBJECTS: usize = 10_000;

/// Selects the parts of a message that may be dropped under load.
#[derive(Debug)]
pub(super) struct ObjectStage {
    metrics: Arc<Metrics>,
    object_limiter: RateLimiter,
    zone_limiter: RateLimiter,
    /// Static objects that arrived without other objects, and wait for the next message that is published.
    static_objects: Vec<Object>,
}

impl ObjectStage {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            object_limiter: RateLimiter::default(),
            zone_limiter: RateLimiter::default(),
            static_objects: Vec::new(),
        }
    }

    /// Keeps SENSR's list of static objects. It is valid whether or not its message has other objects, but is published
    /// together with some.
    pub(super) fn keep_static_objects(&mut self, static_objects: Vec<Object>) {
        if static_objects.is_empty() {
            return;
        }
        // SENSR always sends the complete list.
        self.static_objects = static_objects;
        let excess = self.static_objects.len().saturating_sub(MAX_STATIC_OBJECTS);
        self.static_objects.truncate(MAX_STATIC_OBJECTS);
        count_parts(&self.metrics.output.link, excess as u64);
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
        mut set: ObjectSet,
        arrival: Arrival,
        config: &ResolvedConfig,
    ) -> Option<DueObjects> {
        let is_due = self
            .object_limiter
            .is_due(arrival.instant, config.output_data_interval);
        let mut topics = Vec::new();
        for topic in ObjectTopic::ALL {
            if self.record_decision(topic.topic(), is_due, config) == IngestDecision::Queued {
                topics.push(topic);
            }
        }
        if topics.is_empty() {
            return None;
        }
        set.static_objects = std::mem::take(&mut self.static_objects);
        let has_whole_points = |object: &&Object| {
            Cloud::of_object(object).is_ok_and(|cloud| !cloud.intensity_mismatch())
        };
        let objects = set.objects.iter().chain(&set.static_objects);
        let broken = objects.filter(|object| !has_whole_points(object)).count();
        count_parts(&self.metrics.output.link, broken as u64);
        Some(DueObjects { set, topics })
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
