//! Conversion of tracks to objects of the wire format.

use super::tracker::Sighting;
use super::zone::Zone;
use crate::convert::{len_to_f64, secs_to_ns, to_f32};
use crate::convert::{timestamp, vector2, vector3};
use crate::options::Generation;
use crate::scene::{STEP_SECS, Track};
use sensr_protocol::wire::proto::history::State;
use sensr_protocol::wire::proto::prediction::ReachableSet;
use sensr_protocol::wire::proto::{
    BoundingBox, History, LabelType, Object, PolygonBox, Prediction, TrackingStatus,
};

/// Steps of the prediction per reachable set: 0.5 s.
const REACHABLE_EVERY: usize = 5;

/// Growth of a reachable set in every direction, m/s.
const REACHABLE_GROWTH: f64 = 0.8;

/// Number of corners of a reachable set.
const REACHABLE_CORNERS: u8 = 8;

/// Converts a sighting.
pub(super) fn to_object(sighting: Sighting, zones: &[Zone], generation: Generation) -> Object {
    let history = to_history(&sighting);
    let prediction = to_prediction(&sighting.track);
    let Sighting { track, .. } = sighting;
    Object {
        id: sighting.id,
        label: wire_label(track.label, generation).into(),
        confidence: confidence_of(track.intensities.len() / 4),
        tracking_status: sighting.status.into(),
        last_observed_timestamp: Some(timestamp(sighting.last_ns)),
        history: Some(history),
        prediction: Some(prediction),
        points: track.points.clone(),
        intensities: track.intensities.clone(),
        ..position_and_motion(&track, zones)
    }
}

/// Converts a parked car, which is part of the background.
pub(super) fn parked_object(id: i32, track: &Track, now_ns: i64, zones: &[Zone]) -> Object {
    Object {
        id,
        label: track.label.into(),
        confidence: 1.0,
        tracking_status: TrackingStatus::Tracking.into(),
        last_observed_timestamp: Some(timestamp(now_ns)),
        ..position_and_motion(track, zones)
    }
}

/// Returns the fields that depend on position and motion.
fn position_and_motion(track: &Track, zones: &[Zone]) -> Object {
    let position = vector3(track.bottom_centre);
    let around = zones
        .iter()
        .filter(|zone| zone.contains(position.x, position.y));
    Object {
        bbox: Some(BoundingBox {
            position: Some(position),
            size: Some(vector3(track.size)),
            yaw: to_f32(track.yaw),
        }),
        velocity: Some(vector3(track.velocity)),
        yaw_rate: to_f32(track.yaw_rate),
        is_static: track.is_static,
        retro_reflective: track.retro_reflective,
        zone_ids: around.map(|zone| zone.config.id).collect(),
        ..Object::default()
    }
}

/// Maps a gate to MISC for SENSR 3.3, which has no such label.
fn wire_label(label: LabelType, generation: Generation) -> LabelType {
    match (label, generation) {
        (LabelType::LabelGate, Generation::V3) => LabelType::LabelMisc,
        _ => label,
    }
}

fn confidence_of(points: usize) -> f32 {
    let points = len_to_f64(points);
    to_f32(0.5 + 0.5 * points / (points + 50.0))
}

/// Returns the positions since the object was first tracked, oldest first.
fn to_history(sighting: &Sighting) -> History {
    let past = sighting.track.past.iter().rev().zip(0..);
    let step_ns = secs_to_ns(STEP_SECS);
    let states = past.map(|(&position, back)| (position, sighting.past_ns - back * step_ns));
    let tracked = states.take_while(|&(_, ns)| ns >= sighting.first_ns);
    let mut states: Vec<State> = tracked
        .map(|(position, ns)| State {
            position: Some(vector3(position)),
            timestamp: Some(timestamp(ns)),
        })
        .collect();
    states.reverse();
    History { states }
}

fn to_prediction(track: &Track) -> Prediction {
    let steps = track.future.iter().zip(1..);
    let every = steps.skip(REACHABLE_EVERY - 1).step_by(REACHABLE_EVERY);
    Prediction {
        positions: track
            .future
            .iter()
            .map(|&position| vector3(position))
            .collect(),
        reachable_set: every
            .map(|(&position, step)| reachable_set(track, position, f64::from(step) * STEP_SECS))
            .collect(),
    }
}

/// Returns the region in which some part of the object may be in `secs`.
fn reachable_set(track: &Track, [x, y, z]: [f64; 3], secs: f64) -> ReachableSet {
    let [length, width, height] = track.size;
    let radius = length.hypot(width) / 2.0 + REACHABLE_GROWTH * secs;
    let corners = 0..REACHABLE_CORNERS;
    let points = corners.map(|index| {
        let share = f64::from(index) / f64::from(REACHABLE_CORNERS);
        let (sin, cos) = (share * std::f64::consts::TAU).sin_cos();
        vector2((x + radius * cos, y + radius * sin))
    });
    ReachableSet {
        t_offset: to_f32(secs),
        space: Some(PolygonBox {
            points: points.collect(),
            min_z: to_f32(z),
            max_z: to_f32(z + height),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::track;
    use super::super::zone;
    use super::*;
    use crate::convert::SECOND_NS;

    fn sighting() -> Sighting {
        Sighting {
            id: 5,
            status: TrackingStatus::Tracking,
            first_ns: 0,
            last_ns: SECOND_NS,
            past_ns: SECOND_NS,
            track: track(50),
        }
    }

    #[test]
    fn object_has_label_zones_and_points() {
        let object = to_object(sighting(), &zone::street_zones(), Generation::V3);
        assert_eq!(object.last_observed_timestamp, Some(timestamp(SECOND_NS)));
        assert_eq!(object.zone_ids, [1], "on the crossing");
        assert_eq!(object.label(), LabelType::LabelCar);
        assert_eq!(object.points.len(), 600);
        assert!((object.confidence - 0.75).abs() < 1e-6);
    }

    #[test]
    fn history_ends_now_and_begins_when_the_object_was_first_tracked() {
        let mut sighting = sighting();
        let states = |sighting: &Sighting| to_history(sighting).states;
        assert_eq!(states(&sighting).len(), 11, "1 s");
        assert_eq!(states(&sighting)[10].timestamp, Some(timestamp(SECOND_NS)));
        assert_eq!(states(&sighting)[0].timestamp, Some(timestamp(0)));
        let last = states(&sighting)[10].position;
        assert_eq!(last, Some(vector3(sighting.track.bottom_centre)));
        sighting.first_ns = SECOND_NS;
        assert_eq!(states(&sighting).len(), 1);
        sighting.first_ns = -9 * SECOND_NS;
        assert_eq!(states(&sighting).len(), 31, "3 s");
    }

    #[test]
    fn reachable_sets_grow_around_the_predicted_positions() {
        let prediction = to_prediction(&track(1));
        assert_eq!(prediction.positions.len(), 20);
        let sets = &prediction.reachable_set;
        let offsets: Vec<f32> = sets.iter().map(|set| set.t_offset).collect();
        assert_eq!(offsets, [0.5, 1.0, 1.5, 2.0]);
        let mut last = 0.0;
        for (set, position) in sets
            .iter()
            .zip(prediction.positions.iter().skip(4).step_by(5))
        {
            let corners = &set.space.as_ref().expect("a space").points;
            let far = |c: &sensr_protocol::wire::proto::Vector2| {
                (c.x - position.x).hypot(c.y - position.y)
            };
            let nearest = corners.iter().map(far).fold(f32::MAX, f32::min);
            assert!(corners.len() == 8 && nearest > last, "{set:?}");
            last = nearest;
        }
    }

    #[test]
    fn gate_label_exists_up_to_3_2() {
        let gate = LabelType::LabelGate;
        assert_eq!(wire_label(gate, Generation::V2_5), gate);
        assert_eq!(wire_label(gate, Generation::V3), LabelType::LabelMisc);
    }
}
