//! The publisher's half for objects, their points, and pictures.

use crate::config::Config;
use crate::encode::messages::{LINK_OUTPUT, ObjectSet, OutputHeader, object_array};
use crate::encode::point_cloud::{Cloud, ObjectPointsEncoder, PointsOfObject};
use crate::metrics::stage_times::Stage;
use crate::pipeline::object_message::QueuedOutput;
use crate::pipeline::publish::delivery::{Delivery, Sink, Stream};
use crate::pipeline::publish::marker_publishers::{ObjectMarkerPublisher, ZoneMarkerPublisher};
use crate::pipeline::publish::worker::{PublishWorker, StreamPublisher};
use crate::topic::Topic;
use ros_cdr::Header;
use sensr_protocol::wire::proto::Object;

/// For objects.
pub type ObjectPublishWorker<S> = PublishWorker<ObjectPublisher, S>;

/// Serializes objects, their points, and pictures.
#[derive(Debug, Default)]
pub struct ObjectPublisher {
    buffer: Vec<u8>,
    points: ObjectPointsEncoder,
    object_pictures: ObjectMarkerPublisher,
    zone_pictures: ZoneMarkerPublisher,
    /// Server of the latest message.
    server: u64,
}

impl StreamPublisher for ObjectPublisher {
    type Item = QueuedOutput;

    const STREAM: Stream = |stats| &stats.output;

    fn publish<S: Sink>(
        &mut self,
        message: &QueuedOutput,
        config: &Config,
        hand_over: &mut Delivery<S>,
    ) {
        let arrival = message.times.arrival;
        hand_over
            .stages()
            .add(Stage::Wait, arrival.instant.elapsed());
        if let Some(frame) = &message.wire {
            let buffer = &mut self.buffer;
            hand_over.publish_if_subscribed(Topic::Wire, arrival, || {
                frame.encode(buffer, LINK_OUTPUT, arrival)
            });
        }
        let has_pictures = config.publishes(Topic::ZoneMarkers);
        self.delete_pictures(message, has_pictures, hand_over);
        if let Some(due) = &message.objects {
            self.object_pictures.note(arrival, &due.set);
            for topic in &due.topics {
                self.objects(*topic, message, config, &due.set, hand_over);
            }
        }
        let zones = message.zones.as_ref();
        let header = header(message);
        self.zone_pictures
            .publish(arrival, header, has_pictures, zones, hand_over);
    }
}

impl ObjectPublisher {
    fn objects<S: Sink>(
        &mut self,
        topic: Topic,
        message: &QueuedOutput,
        config: &Config,
        set: &ObjectSet,
        hand_over: &mut Delivery<S>,
    ) {
        let (header, arrival) = (header(message), message.times.arrival);
        let Self { buffer, points, .. } = self;
        match topic {
            Topic::ObjectMarkers => {
                let interval = config.output_data_interval;
                self.object_pictures
                    .publish(arrival, header, interval, set, hand_over);
            }
            Topic::ObjectPoints => {
                hand_over.publish_if_subscribed(topic, arrival, || {
                    points.encode(header, &points_of(set))
                });
            }
            _ => hand_over.publish_if_subscribed(topic, arrival, || {
                let moment = OutputHeader {
                    header,
                    server_stamp: message.times.server,
                };
                object_array(buffer, moment, set);
                buffer
            }),
        }
    }

    /// Deletes the pictures that show something of another server, or that are not wanted any more.
    fn delete_pictures<S: Sink>(
        &mut self,
        message: &QueuedOutput,
        has_pictures: bool,
        hand_over: &mut Delivery<S>,
    ) {
        let server = std::mem::replace(&mut self.server, message.source.server);
        let is_another = server != self.server;
        if is_another {
            self.object_pictures.forget();
            self.zone_pictures.forget();
        }
        if is_another || !has_pictures {
            let header = header(message);
            self.object_pictures.clear(header, hand_over);
            self.zone_pictures.clear(header, hand_over);
        }
    }
}

fn header(message: &QueuedOutput) -> Header<'_> {
    Header {
        stamp: message.times.stamp.into(),
        frame_id: &message.source.frame_id,
    }
}

/// The points of all objects that have any. Those that are no whole number of points were counted when they came.
fn points_of(set: &ObjectSet) -> Vec<PointsOfObject> {
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
    use crate::metrics::ledger::{Account, Intake};
    use crate::pipeline::ObjectQueue;
    use crate::pipeline::object_message::{DueObjects, DueZones, MessageTimes};
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::source::Source;
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

    fn outflow(recorder: &mut Recorder) -> ObjectPublishWorker<&mut Recorder> {
        let (_sender, config) = watch::channel(Arc::default());
        let queue = Arc::new(ObjectQueue::new(1 << 20));
        ObjectPublishWorker::new(Arc::default(), queue, config, recorder)
    }

    fn message(
        outflow: &mut ObjectPublishWorker<&mut Recorder>,
        topics: &[Topic],
        zones: Option<DueZones>,
    ) {
        let stats = Arc::clone(&outflow.hand_over.stats);
        let due = zones.iter().filter(|zones| zones.is_due);
        let due = due.map(|_| &Topic::ZoneMarkers);
        for topic in topics.iter().chain(due) {
            stats.ledger.receive(*topic, Intake::Queued);
        }
        outflow.item(&QueuedOutput {
            source: Source::default(),
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
        assert!(stats.ledger.snapshot().iter().all(Account::balances));
    }

    /// A message with an object, and what SENSR lists as static, at a time, for viewers of objects.
    fn listing(
        outflow: &mut ObjectPublishWorker<&mut Recorder>,
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
        let stats = Arc::clone(&outflow.hand_over.stats);
        stats.ledger.receive(Topic::ObjectMarkers, Intake::Queued);
        outflow.item(&QueuedOutput {
            source: Source {
                server,
                ..Source::default()
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
                topics: vec![Topic::ObjectMarkers],
            }),
            zones: None,
        });
        assert!(stats.ledger.snapshot().iter().all(Account::balances));
    }

    fn after(start: Arrival, seconds: u64) -> Arrival {
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

    /// Of each picture of objects, whether static objects are drawn in it.
    fn drawings(recorder: &Recorder) -> Vec<bool> {
        let pictures = recorder.taken.iter();
        let pictures = pictures.filter(|(topic, _)| *topic == Topic::ObjectMarkers);
        pictures
            .map(|(_, message)| mentions(message, "static box"))
            .collect()
    }

    #[test]
    fn static_objects_are_drawn_when_listed_and_for_whoever_comes() {
        let mut recorder = Recorder::default();
        let mut outflow = outflow(&mut recorder);
        let start = Arrival::now();
        listing(&mut outflow, start, 0, &[7]);
        listing(&mut outflow, start, 0, &[]);
        outflow.hand_over.sink.unwanted = vec![Topic::ObjectMarkers];
        listing(&mut outflow, start, 0, &[]);
        outflow.hand_over.sink.unwanted.clear();
        listing(&mut outflow, start, 0, &[]);
        listing(&mut outflow, start, 0, &[]);
        drop(outflow);
        assert_eq!(drawings(&recorder), [true, false, true, false]);
    }

    #[test]
    fn static_objects_that_are_not_listed_for_a_minute_are_gone_and_a_pause_counts_as_one_list() {
        let mut recorder = Recorder::default();
        let mut outflow = outflow(&mut recorder);
        let start = Arrival::now();
        listing(&mut outflow, start, 0, &[7]);
        // Nothing came for an hour.
        for seconds in (3600..3649).step_by(7) {
            listing(&mut outflow, after(start, seconds), 0, &[]);
        }
        outflow.hand_over.sink.unwanted = vec![Topic::ObjectMarkers];
        listing(&mut outflow, after(start, 3649), 0, &[]);
        outflow.hand_over.sink.unwanted.clear();
        listing(&mut outflow, after(start, 3649), 0, &[]);
        listing(&mut outflow, after(start, 3651), 0, &[]);
        drop(outflow);
        let drawn = drawings(&recorder);
        // The first, and the one for the viewer who came, but not the one without any.
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
    fn pictures_of_another_server_are_deleted_at_once() {
        let mut recorder = Recorder::default();
        let mut outflow = outflow(&mut recorder);
        let start = Arrival::now();
        listing(&mut outflow, start, 0, &[7]);
        message(&mut outflow, &[], Some(zones(true)));
        let source = Source {
            server: 1,
            ..Source::default()
        };
        outflow.item(&QueuedOutput::nothing(source, start));
        let stats = Arc::clone(&outflow.hand_over.stats);
        assert!(stats.ledger.snapshot().iter().all(Account::balances));
        listing(&mut outflow, start, 1, &[]);
        drop(outflow);
        let depth = QosClass::Latched.depth(0);
        let mut expected = vec![
            Topic::ObjectMarkers,
            Topic::ZoneMarkers,
            Topic::ObjectMarkers,
        ];
        expected.extend(vec![Topic::ZoneMarkers; depth]);
        expected.push(Topic::ObjectMarkers);
        assert_eq!(recorder.topics(), expected);
        assert_eq!(drawings(&recorder), [true, false, false]);
    }

    #[test]
    fn pictures_that_are_switched_off_are_deleted_once_and_come_back() {
        let mut recorder = Recorder::default();
        let (sender, config) = watch::channel(Arc::new(Config::default()));
        let queue = Arc::new(ObjectQueue::new(1 << 20));
        let mut outflow = ObjectPublishWorker::new(Arc::default(), queue, config, &mut recorder);
        let switch = |is_on| {
            sender.send_modify(|config| {
                Arc::make_mut(config).publish[Switch::Markers as usize] = is_on;
            });
        };
        message(&mut outflow, &[], Some(zones(true)));
        switch(false);
        let nothing = || QueuedOutput::nothing(Source::default(), Arrival::now());
        outflow.item(&nothing());
        outflow.item(&nothing());
        switch(true);
        outflow.item(&nothing());
        drop(outflow);
        let depth = QosClass::Latched.depth(0);
        assert_eq!(recorder.taken.len(), 1 + depth + 1);
    }

    #[test]
    fn a_picture_that_is_latched_is_kept_up_to_date_although_nobody_looks() {
        let mut recorder = Recorder::default();
        let mut outflow = outflow(&mut recorder);
        message(&mut outflow, &[], Some(zones(true)));
        outflow.hand_over.sink.unwanted = vec![Topic::ZoneMarkers];
        message(&mut outflow, &[], Some(zones(true)));
        drop(outflow);
        assert_eq!(recorder.topics(), [Topic::ZoneMarkers; 2]);
    }

    #[test]
    fn only_what_is_due_goes_out() {
        let mut recorder = Recorder::default();
        let mut outflow = outflow(&mut recorder);
        let topics = [Topic::Objects, Topic::ObjectPoints];
        message(&mut outflow, &topics, None);
        drop(outflow);
        assert_eq!(recorder.topics(), topics);
        assert!(recorder.taken[1].1.len() > 3 * 24);
    }

    #[test]
    fn who_comes_late_sees_the_zones_at_the_next_message_and_only_once() {
        let mut recorder = Recorder {
            unwanted: vec![Topic::ZoneMarkers],
            ..Recorder::default()
        };
        let mut outflow = outflow(&mut recorder);
        message(&mut outflow, &[], Some(zones(true)));
        outflow.hand_over.sink.unwanted.clear();
        for _ in 0..3 {
            message(&mut outflow, &[Topic::Objects], None);
        }
        let account = outflow.hand_over.stats.ledger.snapshot()[Topic::ZoneMarkers.index()];
        drop(outflow);
        let pictures = recorder.topics();
        assert_eq!(
            pictures
                .iter()
                .filter(|t| **t == Topic::ZoneMarkers)
                .count(),
            1
        );
        assert_eq!(
            (account.received, account.published, account.unsubscribed),
            (2, 1, 1)
        );
    }

    #[test]
    fn zones_that_were_thinned_are_shown_to_who_comes_later() {
        let mut recorder = Recorder::default();
        let mut outflow = outflow(&mut recorder);
        message(&mut outflow, &[], Some(zones(false)));
        drop(outflow);
        assert_eq!(recorder.topics(), [Topic::ZoneMarkers]);
    }
}
