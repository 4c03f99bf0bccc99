mod consistency;

use std::collections::BTreeSet;

use prost::Message as _;

use super::*;
use crate::convert::SECOND_NS;
use crate::convert::to_f64;
use crate::scene::Scene;
use sensr_protocol::wire::proto::{CustomMessage, LabelType};

const EPOCH_NS: i64 = 1_700_000_000 * SECOND_NS;

/// Returns a car on the crossing, moving at 9 m/s along x, that has been in the scene for a long time.
pub(super) fn track(points: usize) -> Track {
    let at = |step: i32| [15.0 + 0.9 * f64::from(step), 6.0, 0.0];
    Track {
        key: 5,
        label: LabelType::LabelCar,
        bottom_centre: at(0),
        size: [4.0, 1.8, 1.5],
        yaw: 0.1,
        velocity: [9.0, 0.0, 0.0],
        yaw_rate: 0.0,
        is_static: false,
        retro_reflective: false,
        past: (-30..=0).map(at).collect(),
        future: (1..=20).map(at).collect(),
        points: vec![0; points * 12].into(),
        intensities: vec![0; points * 4].into(),
    }
}

fn output_time(k: u64) -> OutputTime {
    let since_ns = i64::try_from(k).expect("few") * SECOND_NS / 10;
    OutputTime {
        k,
        now_ns: EPOCH_NS + since_ns,
        scene_secs: Some(to_f64(k) / 10.0),
    }
}

/// Street with the encoder of its output stream.
struct Street {
    scene: Scene,
    encoder: OutputEncoder,
}

impl Street {
    fn new(generation: Generation) -> Self {
        let scene = Scene::street(1, 4000);
        let surroundings = Surroundings::Street {
            parked: scene.parked(),
        };
        let encoder = OutputEncoder::new(surroundings, generation);
        Self { scene, encoder }
    }

    fn frames(&mut self, k: u64) -> OutputFrames {
        let output_time = output_time(k);
        let secs = output_time.scene_secs.unwrap_or_default();
        let tracks = self.scene.tracks(&self.scene.sweep(secs));
        self.encoder.encode_tick(&output_time, tracks)
    }

    /// Returns the objects and events of a tick.
    fn tick(&mut self, k: u64) -> (Vec<Object>, EventMessage) {
        let mut frames = self.frames(k);
        let event = frames.event.clone().map(|bytes| decode(bytes).event);
        let stream = decode(frames.encoded_for(false))
            .stream
            .expect("always present");
        (stream.objects, event.flatten().unwrap_or_default())
    }
}

pub(super) fn decode(bytes: Bytes) -> OutputMessage {
    OutputMessage::decode(bytes).expect("valid")
}

#[test]
fn new_clients_get_zones_health_and_custom_at_once_and_everyone_periodically() {
    let mut street = Street::new(Generation::V3);
    for (k, first, all, custom) in [
        (0, false, true, true),
        (1, false, false, false),
        (1, true, true, true),
        (10, false, false, true),
        (100, false, true, true),
    ] {
        let message = decode(street.frames(k).encoded_for(first));
        assert_eq!(!message.custom.is_empty(), custom, "message {k}");
        assert!(message.event.is_none());
        let stream = message.stream.expect("always present");
        assert!(stream.has_objects && !stream.objects.is_empty());
        assert_eq!(stream.zones.len(), if all { 9 } else { 0 }, "message {k}");
        assert_eq!((stream.has_zones, stream.health.is_some()), (all, all));
        let parked = stream.static_objects.iter();
        assert_eq!(parked.clone().count(), if all { 5 } else { 0 });
        assert!(parked.clone().all(|o| o.is_static && o.zone_ids == [5]));
        let ids = stream.objects.iter().chain(parked).map(|object| object.id);
        assert_eq!(ids.clone().collect::<BTreeSet<_>>().len(), ids.count());
    }
}

#[test]
fn one_object_is_static_and_one_is_retro_reflective() {
    let mut street = Street::new(Generation::V3);
    let (objects, _) = street.tick(120);
    let gate = objects.iter().find(|object| object.is_static);
    let gate = gate.expect("the gate stands");
    assert_eq!(
        (gate.label(), &gate.zone_ids[..]),
        (LabelType::LabelMisc, &[4][..])
    );
    let vest = objects.iter().find(|object| object.retro_reflective);
    let vest = vest.expect("the worker at the kiosk");
    assert_eq!(
        (vest.label(), &vest.zone_ids[..]),
        (LabelType::LabelPedestrian, &[9][..])
    );
}

#[test]
fn generation_2_5_has_its_own_custom_part_and_gates() {
    // In the very first message all values are 0, and zeros are not on the wire.
    let message = |generation| decode(Street::new(generation).frames(1).encoded_for(true));
    let labels = |message: &OutputMessage| -> BTreeSet<i32> {
        let objects = &message.stream.as_ref().expect("always present").objects;
        objects.iter().map(|object| object.label).collect()
    };
    let gate = i32::from(LabelType::LabelGate);
    let (old, new) = (message(Generation::V2_5), message(Generation::V3));
    assert!(labels(&old).contains(&gate) && !labels(&new).contains(&gate));
    CustomMessage::decode(old.custom).expect_err("a message of 2.5");
    let custom = CustomMessage::decode(new.custom).expect("valid");
    assert_eq!(custom.vehicle_oriented_fields_of_regard.len(), 2);
}

#[test]
fn same_ticks_give_the_same_bytes_and_are_counted() {
    let (mut one, mut other) = (Street::new(Generation::V3), Street::new(Generation::V3));
    for k in 0..60 {
        let (mut a, mut b) = (one.frames(k), other.frames(k));
        for first in [false, true] {
            assert_eq!(a.encoded_for(first), b.encoded_for(first), "message {k}");
        }
        assert_eq!(a.event, b.event, "message {k}");
        let event = a.event.map_or_else(EventMessage::default, |bytes| {
            decode(bytes).event.expect("only an event")
        });
        assert_eq!(a.message_counts.streams, 1);
        assert_eq!(a.event_counts.zone_events, event.zone.len() as u64);
        assert_eq!(a.event_counts.losing_events, event.losing.len() as u64);
    }
}

#[test]
fn each_message_is_encoded_once() {
    let mut frames = Street::new(Generation::V3).frames(1);
    for first in [false, true] {
        let once = frames.encoded_for(first);
        assert_eq!(once.as_ptr(), frames.encoded_for(first).as_ptr());
    }
}
