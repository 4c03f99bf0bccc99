//! Publisher of objects, their points, and markers.

use std::sync::Arc;

use super::delivery::{Delivery, Sink};
use super::marker_publishers::{ObjectMarkerPublisher, ZoneMarkerPublisher};
use super::object_decoder::ObjectDecoder;
use super::publish_worker::{PublishWorker, StreamPublisher};
use crate::config::ResolvedConfig;
use crate::encode::messages::{
    LINK_OUTPUT, OutputHeader, TrackIds, detection_array, object_array, tracked_objects,
};
use crate::encode::point_cloud::ObjectPointsEncoder;
use crate::metrics::ledger::Outcome;
use crate::metrics::stage_times::Stage;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::queued_output::{DueObjects, ObjectTopic, QueuedOutput};
use crate::pipeline::stream_source::StreamSource;
use crate::published_topic;
use crate::topic::{PublishingThread, Topic};
use ros_cdr::Header;

/// Worker of the thread that publishes objects and markers.
pub type ObjectPublishWorker<S> = PublishWorker<ObjectPublisher, S>;

/// Serializes objects, their points, and markers. Decodes objects only if one of their topics has a subscriber.
#[derive(Debug, Default)]
pub struct ObjectPublisher {
    buffer: Vec<u8>,
    decoder: ObjectDecoder,
    points: ObjectPointsEncoder,
    object_markers: ObjectMarkerPublisher,
    zone_markers: ZoneMarkerPublisher,
    /// Source of the latest message.
    source: StreamSource,
}

impl StreamPublisher for ObjectPublisher {
    type Item = QueuedOutput;

    const THREAD: PublishingThread = PublishingThread::Objects;
    const TOPICS: &'static [Topic] = &[
        Topic::Wire,
        Topic::Objects,
        Topic::Detections,
        Topic::Tracked,
        Topic::ObjectPoints,
        Topic::ObjectMarkers,
        Topic::ZoneMarkers,
    ];

    fn stream(metrics: &Metrics) -> &StreamMetrics {
        &metrics.output
    }

    fn publish_item<S: Sink>(
        &mut self,
        message: &QueuedOutput,
        config: &ResolvedConfig,
        delivery: &mut Delivery<S>,
    ) {
        let arrival = message.times.arrival;
        delivery
            .stages()
            .record(Stage::Wait, arrival.instant.elapsed());
        if let Some(frame) = &message.wire {
            let buffer = &mut self.buffer;
            delivery.publish_if_subscribed(published_topic!(Objects, Wire), arrival, || {
                frame.encode(buffer, LINK_OUTPUT, arrival)
            });
        }
        let has_markers = config.publishes(Topic::ZoneMarkers);
        self.delete_stale_markers(message, has_markers, delivery);
        if let Some(due) = &message.objects {
            self.publish_objects(message, due, config, delivery);
        }
        let zones = message.zones.as_ref();
        let header = header_of(message);
        self.zone_markers
            .publish(arrival, header, has_markers, zones, delivery);
    }

    fn repeat_latched<S: Sink>(&mut self, config: &ResolvedConfig, delivery: &mut Delivery<S>) {
        if config.publishes(Topic::ZoneMarkers) {
            let header = Header {
                stamp: delivery.present_stamp(config.stamp_source).into(),
                frame_id: &self.source.frame_id,
            };
            self.zone_markers.repeat(header, delivery);
        }
    }
}

impl ObjectPublisher {
    fn publish_objects<S: Sink>(
        &mut self,
        message: &QueuedOutput,
        due: &DueObjects,
        config: &ResolvedConfig,
        delivery: &mut Delivery<S>,
    ) {
        let (header, arrival) = (header_of(message), message.times.arrival);
        let metrics = Arc::clone(&delivery.metrics);
        let stream = &metrics.output;
        let Self {
            buffer,
            decoder,
            points,
            object_markers,
            ..
        } = self;
        // SENSR lists static objects rarely. Later viewers of the markers need the latest list.
        let listed = decoder.decode_static_objects(due, stream);
        object_markers.record_objects(arrival, listed);
        for object_topic in due.topics.iter() {
            let topic = object_topic.topic();
            let subscribers = delivery.sink.subscribers(topic.into());
            if object_topic == ObjectTopic::ObjectMarkers {
                object_markers.record_viewers(subscribers);
            }
            if subscribers == 0 {
                metrics.ledger.settle(topic, Outcome::Unsubscribed);
                continue;
            }
            match object_topic {
                ObjectTopic::Objects => delivery.publish_latched(topic, arrival, || {
                    let set = decoder.decode(due, stream);
                    let moment = OutputHeader {
                        header,
                        server_stamp: message.times.server,
                    };
                    object_array(buffer, moment, &set);
                    buffer
                }),
                ObjectTopic::Detections => delivery.publish_latched(topic, arrival, || {
                    detection_array(buffer, header, decoder.decode(due, stream).objects);
                    buffer
                }),
                ObjectTopic::Tracked => {
                    let ids = TrackIds {
                        run: metrics.run,
                        server: message.source.server,
                    };
                    delivery.publish_latched(topic, arrival, || {
                        let objects = decoder.decode(due, stream).objects;
                        tracked_objects(buffer, header, ids, objects);
                        buffer
                    });
                }
                ObjectTopic::ObjectPoints => {
                    delivery.publish_latched(topic, arrival, || {
                        let set = decoder.decode(due, stream);
                        points.encode(header, set.all())
                    });
                }
                ObjectTopic::ObjectMarkers => {
                    let interval = config.output_data_interval;
                    delivery.publish_latched(topic, arrival, || {
                        let set = decoder.decode(due, stream);
                        object_markers.encode(header, interval, set.objects)
                    });
                }
            }
        }
        decoder.finish_message();
    }

    /// Deletes markers that show objects or zones of another server, or that are switched off.
    fn delete_stale_markers<S: Sink>(
        &mut self,
        message: &QueuedOutput,
        has_markers: bool,
        delivery: &mut Delivery<S>,
    ) {
        let former = std::mem::replace(&mut self.source, message.source.clone());
        let is_another = former.server != self.source.server;
        if is_another {
            self.object_markers.forget_objects();
            self.zone_markers.forget_zones();
        }
        if is_another || !has_markers {
            let header = header_of(message);
            self.object_markers.delete_all(header, delivery);
            self.zone_markers.delete_all(header, delivery);
        }
    }
}

fn header_of(message: &QueuedOutput) -> Header<'_> {
    Header {
        stamp: message.times.stamp.into(),
        frame_id: &message.source.frame_id,
    }
}

#[cfg(test)]
mod tests;
