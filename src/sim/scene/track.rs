//! What SENSR would make of the actors: tracked objects with boxes and points.

use bytes::Bytes;

use super::actor::Actor;
use super::sweep::Sweep;
use crate::sensr::wire::proto::LabelType;

/// An actor as SENSR tracks it at one instant. Metres and radians in the scene's frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Stays the same until the actor leaves the street.
    pub id: i32,
    /// What it is.
    pub label: LabelType,
    /// The centre of the box's bottom.
    pub bottom_centre: [f64; 3],
    /// Length, width, height.
    pub size: [f64; 3],
    /// About +z, from +x.
    pub yaw: f64,
    /// m/s.
    pub velocity: [f64; 3],
    /// rad/s about +z.
    pub yaw_rate: f64,
    /// n × (x, y, z), float32 little-endian.
    pub points: Bytes,
    /// n × float32 little-endian, 0 to 255.
    pub intensities: Bytes,
}

/// All actors, also those without a point.
pub(super) fn tracks(actors: &[Actor], sweep: &Sweep) -> Vec<Track> {
    let mut clouds = vec![(Vec::new(), Vec::new()); actors.len()];
    for hit in &sweep.hits {
        let (points, intensities) = &mut clouds[hit.actor];
        points.extend(hit.echo.position_bytes());
        intensities.extend(hit.echo.intensity.to_le_bytes());
    }
    let everyone = actors.iter().zip(&sweep.motions).zip(clouds).enumerate();
    everyone
        .map(|(index, ((actor, motion), (points, intensities)))| {
            let foot = Actor::foot(motion);
            Track {
                id: id(index, motion.lap, actors.len()),
                label: actor.label,
                bottom_centre: [foot.x, foot.y, foot.z],
                size: actor.size,
                yaw: motion.yaw,
                velocity: [motion.velocity.0, motion.velocity.1, 0.0],
                yaw_rate: motion.yaw_rate,
                points: points.into(),
                intensities: intensities.into(),
            }
        })
        .collect()
}

/// Positive, and new for every lap. Begins anew after two thousand million objects.
fn id(index: usize, lap: u64, actors: usize) -> i32 {
    let number = lap.wrapping_mul(actors as u64).wrapping_add(index as u64);
    i32::try_from(number % (i32::MAX as u64 - 1)).map_or(1, |id| id + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_and_differ_between_actors_and_laps() {
        let ids = [id(0, 0, 15), id(14, 0, 15), id(0, 1, 15), id(14, 1, 15)];
        assert_eq!(ids, [1, 15, 16, 30]);
        assert!(id(3, u64::MAX / 2, 15) > 0);
    }
}
