//! Publisher of objects, their points, and markers.

use super::delivery::{Delivery, Sink};
use super::marker_publishers::{ObjectMarkerPublisher, ZoneMarkerPublisher};
use super::publish_worker::{PublishWorker, StreamPublisher};
use crate::config::ResolvedConfig;
use crate::encode::messages::{LINK_OUTPUT, ObjectSet, OutputHeader, object_array};
use crate::encode::point_cloud::{Cloud, ObjectPointsEncoder, PointsOfObject};
use crate::metrics::stage_times::Stage;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::queued_output::{ObjectTopic, QueuedOutput};
use crate::pipeline::stream_source::StreamSource;
use crate::published_topic;
use crate::topic::{PublishingThread, Topic};
use ros_cdr::Header;
use sensr_protocol::wire::proto::Object;

/// Worker of the thread that publishes objects and markers.
pub type ObjectPublishWorker<S> = PublishWorker<ObjectPublisher, S>;

/// Serializes objects, their points, and markers.
#[derive(Debug, Default)]
pub struct ObjectPublisher {
    buffer: Vec<u8>,
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
            self.object_markers.record_objects(arrival, &due.set);
            for topic in &due.topics {
                self.publish_objects(*topic, message, config, &due.set, delivery);
            }
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
        object_topic: ObjectTopic,
        message: &QueuedOutput,
        config: &ResolvedConfig,
        set: &ObjectSet,
        delivery: &mut Delivery<S>,
    ) {
        let (header, arrival) = (header_of(message), message.times.arrival);
        let Self { buffer, points, .. } = self;
        let topic = object_topic.topic();
        match object_topic {
            ObjectTopic::ObjectMarkers => {
                let interval = config.output_data_interval;
                self.object_markers
                    .publish(arrival, header, interval, set, delivery);
            }
            ObjectTopic::ObjectPoints => delivery.publish_if_subscribed(topic, arrival, || {
                points.encode(header, &points_of_objects(set))
            }),
            ObjectTopic::Objects => delivery.publish_if_subscribed(topic, arrival, || {
                let moment = OutputHeader {
                    header,
                    server_stamp: message.times.server,
                };
                object_array(buffer, moment, set);
                buffer
            }),
        }
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

/// Returns the points of all objects that have any. Points that are no whole number of x y z triples are left out; the
/// ingest has counted them.
fn points_of_objects(set: &ObjectSet) -> Vec<PointsOfObject> {
    let objects = set.objects.iter().chain(&set.static_objects);
    objects.filter_map(points_of_object).collect()
}

fn points_of_object(object: &Object) -> Option<PointsOfObject> {
    let cloud = Cloud::of_object(object).ok()?;
    (!cloud.is_empty()).then_some(PointsOfObject {
        object_id: object.id,
        label: object.label,
        cloud,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ledger::{Account, IngestDecision};
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::queued_output::{DueObjects, DueZones};
    use crate::pipeline::queues::ObjectQueue;
    use crate::pipeline::stream_source::MessageTimes;
    use crate::time::stamp::{Arrival, Stamp};
    use crate::topic::{QosClass, Switch};
    use sensr_protocol::wire::proto::{BoundingBox, Vector3, ZoneConfig};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::watch;

    fn times() -> MessageTimes {
        MessageTimes {
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            server: Stamp::default(),
        }
    }

    fn zones(is_due: bool) -> DueZones {
        let zones = [ZoneConfig::default()].into();
        DueZones { zones, is_due }
    }

    fn worker(recorder: &mut Recorder) -> ObjectPublishWorker<&mut Recorder> {
        let (_sender, config) = watch::channel(Arc::default());
        let queue = Arc::new(ObjectQueue::new(1 << 20));
        ObjectPublishWorker::new(Arc::default(), queue, config, recorder)
    }

    fn message(
        worker: &mut ObjectPublishWorker<&mut Recorder>,
        topics: &[ObjectTopic],
        zones: Option<DueZones>,
    ) {
        let metrics = Arc::clone(&worker.delivery.metrics);
        let due = zones.iter().filter(|zones| zones.is_due);
        let due = due.map(|_| Topic::ZoneMarkers);
        let objects = topics.iter().map(|topic| topic.topic());
        for topic in objects.chain(due) {
            metrics
                .ledger
                .record_received(topic, IngestDecision::Queued);
        }
        worker.publish_item(&QueuedOutput {
            source: StreamSource::default(),
            times: times(),
            wire: None,
            objects: (!topics.is_empty()).then(|| DueObjects {
                set: ObjectSet {
                    objects: vec![Object {
                        points: vec![0; 36].into(),
                        ..Object::default()
                    }],
                    ..ObjectSet::default()
                },
                topics: topics.into(),
            }),
            zones,
        });
        assert!(metrics.ledger.snapshot().iter().all(Account::balances));
    }

    /// Publishes the markers of an object and of a list of static objects.
    fn publish_list(
        worker: &mut ObjectPublishWorker<&mut Recorder>,
        at: Arrival,
        server: u64,
        static_ids: &[i32],
    ) {
        let object = |id| Object {
            id,
            bbox: Some(BoundingBox {
                position: Some(Vector3::default()),
                ..BoundingBox::default()
            }),
            ..Object::default()
        };
        let metrics = Arc::clone(&worker.delivery.metrics);
        metrics
            .ledger
            .record_received(Topic::ObjectMarkers, IngestDecision::Queued);
        worker.publish_item(&QueuedOutput {
            source: StreamSource {
                server,
                ..StreamSource::default()
            },
            times: MessageTimes {
                arrival: at,
                ..times()
            },
            wire: None,
            objects: Some(DueObjects {
                set: ObjectSet {
                    objects: vec![object(1)],
                    static_objects: static_ids.iter().copied().map(object).collect(),
                    ..ObjectSet::default()
                },
                topics: vec![ObjectTopic::ObjectMarkers],
            }),
            zones: None,
        });
        assert!(metrics.ledger.snapshot().iter().all(Account::balances));
    }

    fn later_by(start: Arrival, seconds: u64) -> Arrival {
        Arrival {
            instant: start.instant + Duration::from_secs(seconds),
            ..start
        }
    }

    fn mentions(message: &[u8], text: &str) -> bool {
        message
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    /// Returns for each array of object markers whether it contains static objects.
    fn static_objects_in_arrays(recorder: &Recorder) -> Vec<bool> {
        let markers = recorder.taken.iter();
        let markers = markers.filter(|(topic, _)| *topic == Topic::ObjectMarkers);
        markers
            .map(|(_, message)| mentions(message, "static box"))
            .collect()
    }

    #[test]
    fn static_objects_are_drawn_when_listed_and_for_new_viewers() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        let start = Arrival::now();
        publish_list(&mut worker, start, 0, &[7]);
        publish_list(&mut worker, start, 0, &[]);
        worker.delivery.sink.unsubscribed = vec![Topic::ObjectMarkers];
        publish_list(&mut worker, start, 0, &[]);
        worker.delivery.sink.unsubscribed.clear();
        publish_list(&mut worker, start, 0, &[]);
        publish_list(&mut worker, start, 0, &[]);
        drop(worker);
        assert_eq!(
            static_objects_in_arrays(&recorder),
            [true, false, true, false]
        );
    }

    #[test]
    fn static_objects_without_a_list_for_a_minute_disappear() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        let start = Arrival::now();
        publish_list(&mut worker, start, 0, &[7]);
        // A pause of an hour counts as one missed list.
        for seconds in (3600..3649).step_by(7) {
            publish_list(&mut worker, later_by(start, seconds), 0, &[]);
        }
        worker.delivery.sink.unsubscribed = vec![Topic::ObjectMarkers];
        publish_list(&mut worker, later_by(start, 3649), 0, &[]);
        worker.delivery.sink.unsubscribed.clear();
        publish_list(&mut worker, later_by(start, 3649), 0, &[]);
        publish_list(&mut worker, later_by(start, 3651), 0, &[]);
        drop(worker);
        let drawn = static_objects_in_arrays(&recorder);
        // The first array and the one for the new viewer.
        assert_eq!(drawn.iter().filter(|is_drawn| **is_drawn).count(), 2);
        assert!(drawn[drawn.len() - 2] && !drawn[drawn.len() - 1]);
        let (_, last) = recorder.taken.last().expect("one");
        let (_, plain) = &recorder.taken[1];
        assert!(
            last.len() > plain.len(),
            "drawn whole, so that the static ones are deleted"
        );
    }

    #[test]
    fn markers_of_another_server_are_deleted_at_once() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        let start = Arrival::now();
        publish_list(&mut worker, start, 0, &[7]);
        message(&mut worker, &[], Some(zones(true)));
        let source = StreamSource {
            server: 1,
            ..StreamSource::default()
        };
        worker.publish_item(&QueuedOutput::empty(source, start));
        let metrics = Arc::clone(&worker.delivery.metrics);
        assert!(metrics.ledger.snapshot().iter().all(Account::balances));
        publish_list(&mut worker, start, 1, &[]);
        drop(worker);
        let depth = QosClass::Latched.depth(0);
        let mut expected = vec![
            Topic::ObjectMarkers,
            Topic::ZoneMarkers,
            Topic::ObjectMarkers,
        ];
        expected.extend(vec![Topic::ZoneMarkers; depth]);
        expected.push(Topic::ObjectMarkers);
        assert_eq!(recorder.topics(), expected);
        assert_eq!(static_objects_in_arrays(&recorder), [true, false, false]);
    }

    #[test]
    fn markers_switched_off_are_deleted_once_and_return() {
        let mut recorder = Recorder::default();
        let (sender, config) = watch::channel(Arc::new(ResolvedConfig::default()));
        let queue = Arc::new(ObjectQueue::new(1 << 20));
        let mut worker = ObjectPublishWorker::new(Arc::default(), queue, config, &mut recorder);
        let switch = |is_on| {
            let config = ResolvedConfig::default();
            let config =
                config.with_changes(|config| config.publish[Switch::Markers as usize] = is_on);
            sender.send_replace(Arc::new(config));
        };
        message(&mut worker, &[], Some(zones(true)));
        switch(false);
        let empty = || QueuedOutput::empty(StreamSource::default(), Arrival::now());
        worker.publish_item(&empty());
        worker.publish_item(&empty());
        switch(true);
        worker.publish_item(&empty());
        drop(worker);
        let depth = QosClass::Latched.depth(0);
        assert_eq!(recorder.taken.len(), 1 + depth + 1);
    }

    #[test]
    fn latched_zone_markers_stay_up_to_date_without_viewers() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        message(&mut worker, &[], Some(zones(true)));
        worker.delivery.sink.unsubscribed = vec![Topic::ZoneMarkers];
        message(&mut worker, &[], Some(zones(true)));
        drop(worker);
        assert_eq!(recorder.topics(), [Topic::ZoneMarkers; 2]);
    }

    #[test]
    fn zone_markers_are_repeated_once_they_are_latched_and_object_markers_never() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        worker.repeat_latched();
        message(
            &mut worker,
            &[ObjectTopic::ObjectMarkers],
            Some(zones(true)),
        );
        worker.repeat_latched();
        let source = StreamSource {
            server: 1,
            ..StreamSource::default()
        };
        worker.publish_item(&QueuedOutput::empty(source, Arrival::now()));
        worker.repeat_latched();
        let metrics = Arc::clone(&worker.delivery.metrics);
        drop(worker);
        assert!(metrics.ledger.snapshot().iter().all(Account::balances));
        let published = metrics.ledger.snapshot()[Topic::ZoneMarkers.index()].published;
        // The markers, their repetition, and their deletion as often as the middleware keeps messages.
        assert_eq!(published, 2 + QosClass::Latched.depth(0) as u64);
        let topics = recorder.topics();
        let objects = topics
            .iter()
            .filter(|topic| **topic == Topic::ObjectMarkers);
        assert_eq!(objects.count(), 2);
    }

    #[test]
    fn only_due_topics_are_published() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        let topics = [ObjectTopic::Objects, ObjectTopic::ObjectPoints];
        message(&mut worker, &topics, None);
        drop(worker);
        assert_eq!(recorder.topics(), topics.map(ObjectTopic::topic));
        assert!(recorder.taken[1].1.len() > 3 * 24);
    }

    #[test]
    fn a_late_viewer_gets_the_zones_once_with_the_next_message() {
        let mut recorder = Recorder {
            unsubscribed: vec![Topic::ZoneMarkers],
            ..Recorder::default()
        };
        let mut worker = worker(&mut recorder);
        message(&mut worker, &[], Some(zones(true)));
        worker.delivery.sink.unsubscribed.clear();
        for _ in 0..3 {
            message(&mut worker, &[ObjectTopic::Objects], None);
        }
        let account = worker.delivery.metrics.ledger.snapshot()[Topic::ZoneMarkers.index()];
        drop(worker);
        let markers = recorder.topics();
        assert_eq!(
            markers.iter().filter(|t| **t == Topic::ZoneMarkers).count(),
            1
        );
        assert_eq!(
            (account.received, account.published, account.unsubscribed),
            (2, 1, 1)
        );
    }

    #[test]
    fn zones_left_out_by_the_rate_limit_reach_late_viewers() {
        let mut recorder = Recorder::default();
        let mut worker = worker(&mut recorder);
        message(&mut worker, &[], Some(zones(false)));
        drop(worker);
        assert_eq!(recorder.topics(), [Topic::ZoneMarkers]);
    }
}
