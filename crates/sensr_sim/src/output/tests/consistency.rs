//! Consistency of the output stream with itself and with the motion of the actors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::super::zone::{self, Zone};
use super::{Street, output_time};
use crate::convert::{timestamp, vector3};
use crate::options::Generation;
use crate::output::OutputTime;
use crate::scene::{STEP_SECS, Scene};
use sensr_protocol::wire::proto::system_health::Status;
use sensr_protocol::wire::proto::zone_event::Type;
use sensr_protocol::wire::proto::{EventMessage, Object, TrackingStatus, ZoneEvent, ZoneType};

/// Objects and events of every message of one minute.
static MINUTE: LazyLock<Vec<(Vec<Object>, EventMessage)>> = LazyLock::new(|| {
    let mut street = Street::new(Generation::V3);
    (0..600).map(|k| street.tick(k)).collect()
});

/// Iterates over the minute with message numbers.
fn minute_of_messages() -> impl Iterator<Item = (u64, &'static (Vec<Object>, EventMessage))> {
    (0..).zip(MINUTE.iter())
}

/// Returns the pairs of zone and object for the zones with events.
fn pairs_in_zones(objects: &[Object], zones: &[Zone]) -> BTreeSet<(i32, i32)> {
    let with_events = zones.iter().filter(|zone| zone.has_events());
    let ids: BTreeSet<i32> = with_events.map(|zone| zone.config.id).collect();
    let pairs = objects.iter().flat_map(|object| {
        let zones = object.zone_ids.iter();
        zones.map(|&zone| (zone, object.id))
    });
    pairs.filter(|(zone, _)| ids.contains(zone)).collect()
}

fn of_type(events: &[ZoneEvent], kind: Type) -> BTreeSet<(i32, i32)> {
    let wanted = events.iter().filter(|event| event.r#type() == kind);
    wanted
        .map(|event| (event.id, event.object.expect("always present").id))
        .collect()
}

#[test]
fn entries_and_exits_are_exactly_the_changes_of_the_zone_ids() {
    let mut inside = pairs_in_zones(&MINUTE[0].0, &zone::street_zones());
    let mut seen = BTreeMap::<i32, u32>::new();
    let mut stays: BTreeMap<(Type, (i32, i32)), u32> = BTreeMap::new();
    for (k, (objects, event)) in minute_of_messages().skip(1) {
        let now = pairs_in_zones(objects, &zone::street_zones());
        let entries = of_type(&event.zone, Type::Entry);
        let exits = of_type(&event.zone, Type::Exit);
        assert_eq!(entries, &now - &inside, "message {k}");
        assert_eq!(exits, &inside - &now, "message {k}");
        stays.retain(|(_, pair), _| !exits.contains(pair));
        for kind in [Type::Loitering, Type::ExceedsSpeed] {
            for pair in of_type(&event.zone, kind) {
                assert!(now.contains(&pair));
                let count = stays.entry((kind, pair)).or_default();
                *count += 1;
                assert_eq!(*count, 1, "once per stay");
            }
        }
        for zone_event in &event.zone {
            assert_eq!(zone_event.timestamp, Some(timestamp(output_time(k).now_ns)));
            if k < 300 {
                *seen.entry(zone_event.r#type).or_default() += 1;
            }
        }
        inside = now;
    }
    assert_eq!(seen.len(), 4, "all kinds within 30 s: {seen:?}");
}

#[test]
fn zone_events_carry_position_and_velocity_of_the_object() {
    let mut last = BTreeMap::new();
    for (_, (objects, event)) in minute_of_messages() {
        for zone_event in &event.zone {
            let participant = zone_event.object.expect("always present");
            let now = objects.iter().find(|object| object.id == participant.id);
            let object = now.or(last.get(&participant.id).copied());
            let object = object.expect("present or just lost");
            let bbox = object.bbox.expect("a box");
            assert_eq!(participant.position, bbox.position);
            assert_eq!(participant.velocity, object.velocity);
            assert_eq!(participant.heading.to_bits(), bbox.yaw.to_bits());
            let speed = participant.velocity.map(|v| v.x.hypot(v.y));
            let is_speeding = zone_event.r#type() == Type::ExceedsSpeed;
            assert!(!is_speeding || speed > Some(8.3), "{zone_event:?}");
        }
        last.extend(objects.iter().map(|object| (object.id, object)));
    }
}

fn position(object: &Object) -> [f32; 2] {
    let position = object.bbox.and_then(|b| b.position).expect("a box");
    [position.x, position.y]
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn tracked_object(k: usize, id: i32) -> Option<&'static Object> {
    let (objects, _) = MINUTE.get(k)?;
    objects.iter().find(|object| object.id == id)
}

/// Iterates over the objects with points and the numbers of their messages; objects without points may be extrapolated.
fn tracked_objects() -> impl Iterator<Item = (usize, &'static Object)> {
    let messages = MINUTE.iter().enumerate();
    let all = messages.flat_map(|(k, (objects, _))| objects.iter().map(move |object| (k, object)));
    all.filter(|(_, object)| object.tracking_status() == TrackingStatus::Tracking)
}

#[test]
fn predictions_come_true() {
    let mut compared = 0;
    for (k, object) in tracked_objects() {
        let prediction = object.prediction.as_ref().expect("a prediction");
        for secs in [1, 2] {
            let predicted = prediction.positions.get(secs * 10 - 1);
            let later = tracked_object(k + secs * 10, object.id);
            let later = later.filter(|o| o.tracking_status() == TrackingStatus::Tracking);
            if let (Some(predicted), Some(later)) = (predicted, later) {
                let off = distance([predicted.x, predicted.y], position(later));
                assert!(off < 0.01, "{off} m off after {secs} s: {object:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 5000, "{compared} compared");
}

#[test]
fn history_equals_the_earlier_positions() {
    for (k, object) in tracked_objects() {
        let states = &object.history.as_ref().expect("a history").states;
        assert!((1..=31).contains(&states.len()));
        for (state, back) in states.iter().rev().zip(0..) {
            let time = timestamp(output_time((k - back) as u64).now_ns);
            assert_eq!(state.timestamp, Some(time));
            let was = state.position.expect("a position");
            let earlier = tracked_object(k - back, object.id).expect("tracked since then");
            assert!(distance([was.x, was.y], position(earlier)) < 0.01);
        }
    }
}

#[test]
fn object_that_disappears_was_invalidating_and_is_reported_lost() {
    let mut before = MINUTE[0].0.clone();
    let mut losses = 0;
    let mut lost_ids = BTreeSet::new();
    for (k, (objects, event)) in minute_of_messages().skip(1) {
        let ids = |objects: &[Object]| objects.iter().map(|o| o.id).collect::<BTreeSet<i32>>();
        let lost: BTreeSet<i32> = event.losing.iter().map(|lost| lost.id).collect();
        assert_eq!(lost, &ids(&before) - &ids(objects), "message {k}");
        for object in before.iter().filter(|o| lost.contains(&o.id)) {
            assert_eq!(object.tracking_status(), TrackingStatus::Invalidating);
        }
        assert!(
            lost_ids.is_disjoint(&ids(objects)),
            "a lost id is used again"
        );
        losses += lost.len();
        lost_ids.extend(lost);
        before.clone_from(objects);
    }
    assert!(losses > 3, "{losses} in a minute");
}

#[test]
fn health_changes_are_reported_at_once_and_recalibrations_every_20_s() {
    let mut health = Vec::new();
    let mut recalibrations = Vec::new();
    for (k, (_, event)) in minute_of_messages() {
        if let Some(now) = &event.health {
            health.push((k, now.master()));
        }
        recalibrations.extend(event.online_recalibration.iter().map(|_| k));
    }
    let master: Vec<_> = health.iter().map(|&(k, _)| k).collect();
    assert_eq!(master, [80, 140, 200, 250, 320, 380, 440, 500]);
    assert_eq!(health[0].1, Status::Slowdown);
    assert_eq!(health[1].1, Status::Ok);
    assert_eq!(recalibrations, [50, 250, 450]);
}

#[test]
fn events_without_a_client_are_not_reported_later() {
    let mut street = Street::new(Generation::V3);
    street.tick(0);
    assert!(street.frames(90).event.is_none(), "8 s later");
    assert_ne!(
        street.encoder.health_at(&output_time(90)).master(),
        Status::Ok
    );
    let events: usize = (91..130).map(|k| street.tick(k).1.zone.len()).sum();
    assert!(events > 0, "events from then on");
}

#[test]
fn nothing_happens_before_the_clock_starts() {
    let mut street = Street::new(Generation::V3);
    let still = |k| OutputTime {
        scene_secs: None,
        ..output_time(k)
    };
    for k in 0..200 {
        let tracks = street.scene.tracks(&street.scene.sweep(0.0));
        let frames = street.encoder.encode_tick(&still(k), tracks);
        assert!(frames.event.is_none(), "message {k}");
    }
    assert!(street.frames(0).event.is_none(), "the clock starts");
    assert!(
        street.frames(1).event.is_none(),
        "no object has loitered yet"
    );
}

#[test]
fn no_actor_enters_an_exclusion_zone() {
    let scene = Scene::street(1, 0);
    let zones = zone::street_zones();
    let excluded = [ZoneType::Exclusion, ZoneType::MapExclusion];
    for step in 0..600 {
        for track in scene.tracks(&scene.sweep(f64::from(step) * 5.0 * STEP_SECS)) {
            let at = vector3(track.bottom_centre);
            let around = zones.iter().filter(|zone| zone.contains(at.x, at.y));
            for zone in around {
                assert!(!excluded.contains(&zone.config.r#type()), "{track:?}");
            }
        }
    }
}
