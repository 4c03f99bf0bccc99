use super::*;
use crate::metrics::ledger::{Account, IngestDecision};
use crate::pipeline::publish::delivery::test_sink::Recorder;
use crate::pipeline::queued_output::{DueZones, ObjectTopics};
use crate::pipeline::queues::ObjectQueue;
use crate::pipeline::stream_source::MessageTimes;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::{AnyTopic, QosClass, Switch};
use prost::Message as _;
use sensr_protocol::custom::Generation;
use sensr_protocol::output::decode_output;
use sensr_protocol::wire::proto::{
    BoundingBox, Object, OutputMessage, StreamMessage, Vector3, ZoneConfig,
};
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

fn due_objects(
    objects: Vec<Object>,
    static_objects: Vec<Object>,
    topics: &[ObjectTopic],
) -> DueObjects {
    let stream = StreamMessage {
        objects,
        static_objects,
        has_objects: true,
        ..StreamMessage::default()
    };
    let message = OutputMessage {
        stream: Some(stream),
        ..OutputMessage::default()
    };
    let frame = message.encode_to_vec().into();
    let output = decode_output(frame, &mut Generation::default()).expect("valid");
    let mut due = ObjectTopics::default();
    for topic in topics {
        due.insert(*topic);
    }
    DueObjects {
        objects: output.objects.expect("there"),
        static_objects: output.static_objects,
        first_cloud_arrival: None,
        topics: due,
    }
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
        objects: (!topics.is_empty()).then(|| {
            let object = Object {
                points: vec![0; 36].into(),
                ..Object::default()
            };
            due_objects(vec![object], Vec::new(), topics)
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
        objects: Some(due_objects(
            vec![object(1)],
            static_ids.iter().copied().map(object).collect(),
            &[ObjectTopic::ObjectMarkers],
        )),
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
    worker.delivery.sink.unsubscribed = vec![Topic::ObjectMarkers.into()];
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
    worker.delivery.sink.unsubscribed = vec![Topic::ObjectMarkers.into()];
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
        let config = config.with_changes(|config| config.publish[Switch::Markers as usize] = is_on);
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
    worker.delivery.sink.unsubscribed = vec![Topic::ZoneMarkers.into()];
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
        unsubscribed: vec![Topic::ZoneMarkers.into()],
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

/// Publishes a message with two damaged objects and a good one, all topics of which are due. Returns the topics published
/// and the number of parts that did not decode.
fn publish_damaged(unsubscribed: &[Topic]) -> (Vec<Topic>, u64) {
    let mut recorder = Recorder {
        unsubscribed: unsubscribed.iter().copied().map(AnyTopic::from).collect(),
        ..Recorder::default()
    };
    let mut worker = worker(&mut recorder);
    let damaged = [
        Object {
            points: vec![0; 13].into(),
            ..Object::default()
        },
        Object {
            intensities: vec![0; 4].into(),
            ..Object::default()
        },
    ];
    let metrics = Arc::clone(&worker.delivery.metrics);
    for topic in ObjectTopic::ALL {
        let ledger = &metrics.ledger;
        ledger.record_received(topic.topic(), IngestDecision::Queued);
    }
    let objects = [&damaged[..], &[Object::default()]].concat();
    worker.publish_item(&QueuedOutput {
        objects: Some(due_objects(objects, Vec::new(), &ObjectTopic::ALL)),
        ..QueuedOutput::empty(StreamSource::default(), Arrival::now())
    });
    drop(worker);
    for account in metrics.ledger.snapshot() {
        assert!(account.balances(), "{account}");
    }
    let figures = metrics.output.link.snapshot();
    (recorder.topics(), figures.undecodable_parts)
}

#[test]
fn objects_are_decoded_once_for_all_topics_and_never_without_subscribers() {
    let all = ObjectTopic::ALL.map(ObjectTopic::topic);
    assert_eq!(publish_damaged(&[]), (all.to_vec(), 2));
    assert_eq!(publish_damaged(&all[1..]), (all[..1].to_vec(), 2));
    assert_eq!(publish_damaged(&all), (vec![], 0));
}

#[test]
fn a_published_message_does_not_keep_its_frame_alive() {
    let mut recorder = Recorder::default();
    let mut worker = worker(&mut recorder);
    let object = Object {
        points: vec![7; 1200].into(),
        ..Object::default()
    };
    let stream = StreamMessage {
        objects: vec![object.clone()],
        static_objects: vec![object],
        has_objects: true,
        ..StreamMessage::default()
    };
    let message = OutputMessage {
        stream: Some(stream),
        ..OutputMessage::default()
    };
    let frame = bytes::Bytes::from(message.encode_to_vec());
    let output = decode_output(frame.clone(), &mut Generation::default()).expect("valid");
    let mut topics = ObjectTopics::default();
    for topic in ObjectTopic::ALL {
        topics.insert(topic);
        let ledger = &worker.delivery.metrics.ledger;
        ledger.record_received(topic.topic(), IngestDecision::Queued);
    }
    worker.publish_item(&QueuedOutput {
        objects: Some(DueObjects {
            objects: output.objects.expect("there"),
            static_objects: output.static_objects,
            first_cloud_arrival: None,
            topics,
        }),
        ..QueuedOutput::empty(StreamSource::default(), Arrival::now())
    });
    assert!(frame.is_unique());
    drop(worker);
    assert_eq!(recorder.topics().len(), ObjectTopic::ALL.len());
}
