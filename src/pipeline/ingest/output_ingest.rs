//! Ingest of the output stream, in stages: decode, times, reliable messages, objects and zone markers, queue.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::failure_recorder::FailureRecorder;
use super::object_stage::ObjectStage;
use super::reliable_stage::ReliableStage;
use super::server_time_stage::ServerTimeStage;
use super::warn_throttled;
use super::wire_tap::WireTap;
use crate::config::ResolvedConfig;
use crate::connection::reconnect::FrameHandler;
use crate::connection::status::Endpoint;
use crate::metrics::Metrics;
use crate::metrics::stage_times::Stage;
use crate::metrics::startup::Phase;
use crate::pipeline::LOG_PERIOD;
use crate::pipeline::queued_output::QueuedOutput;
use crate::pipeline::queues::{ObjectQueue, ReliableQueue, settle_as_dropped};
use crate::pipeline::reliable_message::ReliableMessage;
use crate::pipeline::stream_source::{MessageTimes, SourceTracker, StreamSource};
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Arrival;
use crate::topic::Topic;
use sensr_protocol::custom::Generation;
use sensr_protocol::output::{Output, decode_output};
use sensr_protocol::wire::proto::ZoneConfig;

/// Decodes the frames of the output stream, enters their messages in the ledger and queues those that are due.
///
/// Objects are queued as they are: they are most of a frame, and most expensive to decode. The publisher decodes them if
/// they have subscribers.
#[derive(Debug)]
pub struct OutputIngest {
    metrics: Arc<Metrics>,
    config: watch::Receiver<Arc<ResolvedConfig>>,
    queue: Arc<ObjectQueue>,
    source: SourceTracker,
    generation: Generation,
    tap: WireTap,
    failures: FailureRecorder,
    times: ServerTimeStage,
    reliable: ReliableStage,
    objects: ObjectStage,
    /// Latest value of `publish.markers`.
    were_markers_enabled: bool,
    overflow_throttle: LogThrottle,
}

impl OutputIngest {
    /// Creates an ingest that follows changes of `config`.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        objects: Arc<ObjectQueue>,
        reliable: Arc<ReliableQueue>,
        config: watch::Receiver<Arc<ResolvedConfig>>,
    ) -> Self {
        Self {
            config,
            queue: objects,
            source: SourceTracker::default(),
            generation: Generation::default(),
            tap: WireTap::default(),
            failures: FailureRecorder::default(),
            times: ServerTimeStage::new(Arc::clone(&metrics)),
            reliable: ReliableStage::new(Arc::clone(&metrics), reliable),
            objects: ObjectStage::new(Arc::clone(&metrics)),
            were_markers_enabled: false,
            overflow_throttle: LogThrottle::new(LOG_PERIOD),
            metrics,
        }
    }

    /// Queues the reliable messages of a decoded message. Returns the rest of it that is due.
    fn split(
        &mut self,
        output: Output,
        source: StreamSource,
        times: MessageTimes,
        config: &ResolvedConfig,
    ) -> QueuedOutput {
        let zones = output.zones.map(Arc::<[ZoneConfig]>::from);
        let reliable = &mut self.reliable;
        if let Some(zones) = &zones {
            reliable.queue_message(&source, times, ReliableMessage::Zones(Arc::clone(zones)));
        }
        reliable.queue_events(
            &source,
            times,
            Topic::ZoneEvents,
            output.zone_events,
            ReliableMessage::ZoneEvent,
        );
        reliable.queue_events(
            &source,
            times,
            Topic::LosingEvents,
            output.losing_events,
            ReliableMessage::LosingEvent,
        );
        reliable.queue_events(
            &source,
            times,
            Topic::RecalibrationEvents,
            output.recalibration_events,
            ReliableMessage::RecalibrationEvent,
        );
        for (health, is_event) in [(output.stream_health, false), (output.event_health, true)] {
            if let Some(health) = health {
                let queued = self.queue.fill().bytes;
                reliable.queue_health(&source, times, health, is_event, queued);
            }
        }
        if let Some(custom) = output.custom {
            let message = ReliableMessage::ServerStatus(Some(Box::new(custom)));
            reliable.queue_message(&source, times, message);
        }
        self.objects.keep_static_objects(output.static_objects);
        let first_cloud = output.first_cloud_arrival;
        let objects = output.objects.and_then(|objects| {
            self.objects
                .select_objects(objects, first_cloud, times.arrival, config)
        });
        self.objects.release_frame();
        let zones = zones.map(|zones| self.objects.select_zones(zones, times.arrival, config));
        QueuedOutput {
            source,
            times,
            wire: None,
            objects,
            zones,
        }
    }

    /// Removes everything of the former server: generation, static objects, latched messages, markers.
    fn forget_server(&mut self, config: &ResolvedConfig) {
        self.generation = Generation::default();
        self.objects.discard_static_objects();
        let source = self.source.current(config, config.output_port);
        let empty = QueuedOutput::empty(source.clone(), Arrival::now());
        self.reliable.replace_latched(&source, empty.times);
        // The publisher deletes the markers when it sees the new source.
        self.queue_output(empty, 0);
    }

    /// Queues a message if anything in it is due, or if markers may have to be published or deleted: a late subscriber
    /// of zone markers gets them with the next message, and the first message after `publish.markers` was switched off
    /// deletes them.
    fn queue_if_needed(
        &mut self,
        message: QueuedOutput,
        frame_bytes: usize,
        config: &ResolvedConfig,
    ) {
        let are_enabled = config.publishes(Topic::ZoneMarkers);
        let were_enabled = std::mem::replace(&mut self.were_markers_enabled, are_enabled);
        if message.is_empty() && !are_enabled && !were_enabled {
            return;
        }
        self.queue_output(message, frame_bytes);
    }

    fn queue_output(&mut self, message: QueuedOutput, frame_bytes: usize) {
        let frame_bytes = if message.is_empty() { 0 } else { frame_bytes };
        let cost = message.cost(frame_bytes);
        let dropped = self.queue.push(message, cost);
        if !dropped.is_empty() {
            let count = settle_as_dropped(&self.metrics.ledger, dropped);
            warn_throttled(&mut self.overflow_throttle, || {
                format!("the queue of objects is full: dropped the {count} oldest messages")
            });
        }
    }
}

impl FrameHandler for OutputIngest {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        let frame_bytes = payload.len();
        let config = Arc::clone(&self.config.borrow());
        let source = self.source.current(&config, config.output_port);
        let wire = self.tap.tap_frame(&payload, &config, &self.metrics.ledger);
        let decoded = decode_output(payload, &mut self.generation);
        let stream = &self.metrics.output;
        let elapsed = arrival.instant.elapsed();
        stream.stages.record(Stage::Decode, elapsed);
        let message = match decoded {
            Ok(output) => {
                let times = self
                    .times
                    .message_times(&output, arrival, config.stamp_source);
                let malformed_events = output.zone_events.malformed
                    + output.losing_events.malformed
                    + output.recalibration_events.malformed;
                self.failures
                    .record_parts(&stream.link, &output.failures, malformed_events);
                self.split(output, source, times, &config)
            }
            Err(error) => {
                self.failures.record_frame(&stream.link, &error);
                QueuedOutput::empty(source, arrival)
            }
        };
        let message = QueuedOutput { wire, ..message };
        self.queue_if_needed(message, frame_bytes, &config);
    }

    fn handle_connect(&mut self) {
        self.metrics.startup.complete(Phase::FirstConnection);
    }

    fn handle_server(&mut self, server: &Endpoint) {
        self.metrics.forget_server(&server.address);
        let config = Arc::clone(&self.config.borrow());
        if self.source.change_to(server, &config, config.output_port) {
            self.forget_server(&config);
        }
    }
}

#[cfg(test)]
mod tests;
