//! Tracks of the actors: objects with boxes, points, a past and a future.

use bytes::Bytes;

use super::actors::Actor;
use super::path::Motion;
use super::static_objects::{PARKED_CAR, PARKED_YAW, ground_height, parked_cars};
use super::sweep::Sweep;
use sensr_protocol::wire::proto::LabelType;

/// Seconds between two positions of [`Track::past`] and of [`Track::future`].
pub const STEP_SECS: f64 = 0.1;

/// Number of steps of the past: 3 s.
const PAST_STEPS: u32 = 30;

/// Number of steps of the future: 2 s.
pub(crate) const FUTURE_STEPS: u32 = 20;

/// Actor as SENSR tracks it at one instant. Metres and radians in the scene's frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Identifies the actor until it leaves the street; an actor that restarts has a new key.
    pub key: u64,
    /// Classification.
    pub label: LabelType,
    /// Centre of the bottom of the box.
    pub bottom_centre: [f64; 3],
    /// Length, width, height.
    pub size: [f64; 3],
    /// Heading about +z, from +x.
    pub yaw: f64,
    /// m/s.
    pub velocity: [f64; 3],
    /// rad/s about +z.
    pub yaw_rate: f64,
    /// True if the object never moves.
    pub is_static: bool,
    /// True if the object wears retro-reflective material.
    pub retro_reflective: bool,
    /// Positions every [`STEP_SECS`] up to now, oldest first.
    pub past: Vec<[f64; 3]>,
    /// Future positions every [`STEP_SECS`], as long as it is in the street.
    pub future: Vec<[f64; 3]>,
    /// n × (x, y, z), float32 little-endian.
    pub points: Bytes,
    /// n × float32 little-endian, 0 to 255.
    pub intensities: Bytes,
}

/// Returns the tracks of all actors, including those without points.
pub(super) fn all_tracks(actors: &[Actor], sweep: &Sweep) -> Vec<Track> {
    let mut clouds = vec![(Vec::new(), Vec::new()); actors.len()];
    for hit in &sweep.hits {
        let (points, intensities) = &mut clouds[hit.actor];
        points.extend(hit.echo.position_bytes());
        intensities.extend(hit.echo.intensity.to_le_bytes());
    }
    let all = actors.iter().zip(&sweep.motions).zip(clouds).enumerate();
    all.map(|(index, ((actor, motion), (points, intensities)))| Track {
        key: motion.lap * actors.len() as u64 + index as u64,
        label: actor.label,
        bottom_centre: foot_position(motion),
        size: actor.size,
        yaw: motion.yaw,
        velocity: [motion.velocity.0, motion.velocity.1, 0.0],
        yaw_rate: motion.yaw_rate,
        is_static: actor.is_static(),
        retro_reflective: actor.retro_reflective,
        past: past_positions(actor, motion, sweep.t_secs),
        future: future_positions(actor, motion, sweep.t_secs),
        points: points.into(),
        intensities: intensities.into(),
    })
    .collect()
}

/// Returns the parked cars, which are no actors: their keys are their indices.
pub(super) fn parked_tracks() -> Vec<Track> {
    let cars = parked_cars().zip(0..);
    cars.map(|((x, y), key)| {
        let bottom_centre = [x, y, ground_height(y)];
        Track {
            key,
            label: LabelType::LabelCar,
            bottom_centre,
            size: PARKED_CAR,
            yaw: PARKED_YAW,
            velocity: [0.0; 3],
            yaw_rate: 0.0,
            is_static: true,
            retro_reflective: false,
            past: Vec::new(),
            future: Vec::new(),
            points: Bytes::new(),
            intensities: Bytes::new(),
        }
    })
    .collect()
}

fn foot_position(motion: &Motion) -> [f64; 3] {
    let position = Actor::ground_position(motion);
    [position.x, position.y, position.z]
}

/// Returns the positions since the beginning of the scene or of the lap, at most of 3 s.
fn past_positions(actor: &Actor, now: &Motion, t_secs: f64) -> Vec<[f64; 3]> {
    let times = (1..=PAST_STEPS).map(|step| t_secs - f64::from(step) * STEP_SECS);
    let motions = times.map_while(|t| (t >= 0.0).then(|| actor.motion_at(t)));
    let same_lap = motions.take_while(|motion| motion.lap == now.lap);
    let mut past: Vec<_> = same_lap.map(|motion| foot_position(&motion)).collect();
    past.reverse();
    past.push(foot_position(now));
    past
}

fn future_positions(actor: &Actor, now: &Motion, t_secs: f64) -> Vec<[f64; 3]> {
    let times = (1..=FUTURE_STEPS).map(|step| t_secs + f64::from(step) * STEP_SECS);
    let motions = times.map(|t| actor.motion_at(t));
    let same_lap = motions.take_while(|motion| motion.lap == now.lap);
    same_lap.map(|motion| foot_position(&motion)).collect()
}
