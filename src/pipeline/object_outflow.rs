//! The publisher's half for objects, their points, and pictures.

use std::sync::Arc;
use std::time::Duration;

use super::hand_over::{HandOver, Sink, Stream};
use super::outflow::{Outflow, Work};
use super::output_queue::{DueZones, QueuedOutput, Times};
use crate::cdr::Header;
use crate::cloud::{Cloud, ObjectPointsEncoder, PointsOfObject};
use crate::config::Config;
use crate::message::{LINK_OUTPUT, Moment, ObjectMarkers, ObjectSet, ZoneMarkers, object_array};
use crate::sensr::wire::proto::{Object, ZoneConfig};
use crate::stamp::Arrival;
use crate::stats::ledger::Intake;
use crate::stats::stage::Stage;
use crate::topic::Topic;

/// A picture of objects vanishes when for so long, and twice the interval, none follows.
const MARKER_LIFETIME: Duration = Duration::from_secs(1);

/// For objects.
pub type ObjectOutflow<S> = Outflow<ObjectWork, S>;

/// Serializes objects, their points, and pictures.
#[derive(Debug, Default)]
pub struct ObjectWork {
    buffer: Vec<u8>,
    points: ObjectPointsEncoder,
    object_markers: ObjectMarkers,
    zones: ZonePictures,
}

/// The zones last heard of, for those who come to look at pictures of them later.
#[derive(Debug, Default)]
struct ZonePictures {
    markers: ZoneMarkers,
    zones: Option<Arc<[ZoneConfig]>>,
    subscribers: usize,
}

impl Work for ObjectWork {
    type Item = QueuedOutput;

    const STREAM: Stream = |stats| &stats.output;

    fn publish<S: Sink>(
        &mut self,
        message: &QueuedOutput,
        config: &Config,
        hand_over: &mut HandOver<S>,
    ) {
        let times = message.times;
        let arrival = times.arrival;
        hand_over
            .stages()
            .add(Stage::Wait, arrival.instant.elapsed());
        if let Some(frame) = &message.wire {
            let buffer = &mut self.buffer;
            hand_over.deliver(Topic::Wire, arrival, || {
                frame.encode(buffer, LINK_OUTPUT, arrival)
            });
        }
        if let Some(due) = &message.objects {
            for topic in &due.topics {
                self.objects(*topic, times, config, &due.set, hand_over);
            }
        }
        self.zones
            .publish(times, config, message.zones.as_ref(), hand_over);
    }
}

impl ObjectWork {
    fn objects<S: Sink>(
        &mut self,
        topic: Topic,
        times: Times,
        config: &Config,
        set: &ObjectSet,
        hand_over: &mut HandOver<S>,
    ) {
        let Self {
            buffer,
            points,
            object_markers,
            ..
        } = self;
        let header = header(times, config);
        hand_over.deliver(topic, times.arrival, || match topic {
            Topic::ObjectPoints => points.encode(header, &points_of(set)),
            Topic::ObjectMarkers => {
                let lifetime = MARKER_LIFETIME + 2 * config.output_data_interval;
                object_markers.encode(header, lifetime, set)
            }
            _ => {
                let moment = Moment {
                    header,
                    server_stamp: times.server,
                };
                object_array(buffer, moment, set);
                buffer
            }
        });
    }
}

impl ZonePictures {
    fn publish<S: Sink>(
        &mut self,
        times: Times,
        config: &Config,
        heard: Option<&DueZones>,
        hand_over: &mut HandOver<S>,
    ) {
        if let Some(heard) = heard {
            self.zones = Some(Arc::clone(&heard.zones));
        }
        let subscribers = hand_over.sink.subscribers(Topic::ZoneMarkers);
        let somebody_came = subscribers > self.subscribers;
        self.subscribers = subscribers;
        let is_due = heard.is_some_and(|heard| heard.is_due);
        if !is_due {
            if !(somebody_came && config.publishes(Topic::ZoneMarkers) && self.zones.is_some()) {
                return;
            }
            // One more than SENSR's zones gave cause for.
            let ledger = &hand_over.stats.ledger;
            ledger.receive(Topic::ZoneMarkers, Intake::Queued);
        }
        // What is made without a message of its own came just now.
        let arrival = if is_due {
            times.arrival
        } else {
            Arrival::now()
        };
        let Self { markers, zones, .. } = self;
        hand_over.deliver(Topic::ZoneMarkers, arrival, || {
            markers.encode(header(times, config), zones.as_deref().unwrap_or_default())
        });
    }
}

fn header(times: Times, config: &Config) -> Header<'_> {
    Header {
        stamp: times.stamp,
        frame_id: &config.frame_id,
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
    use super::super::ObjectQueue;
    use super::super::hand_over::test_sink::Recorder;
    use super::super::output_queue::DueObjects;
    use super::*;
    use crate::stamp::Stamp;
    use crate::stats::ledger::Account;
    use tokio::sync::watch;

    fn times() -> Times {
        Times {
            arrival: Arrival::now(),
            stamp: Stamp::now(),
            server: Stamp::default(),
        }
    }

    fn zones(is_due: bool) -> DueZones {
        let zones = [ZoneConfig::default()].into();
        DueZones { zones, is_due }
    }

    fn outflow(recorder: &mut Recorder) -> ObjectOutflow<&mut Recorder> {
        let (_sender, config) = watch::channel(Arc::default());
        let queue = Arc::new(ObjectQueue::new(1 << 20));
        ObjectOutflow::new(Arc::default(), queue, config, recorder)
    }

    fn message(
        outflow: &mut ObjectOutflow<&mut Recorder>,
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
