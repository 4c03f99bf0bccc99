//! A street seen by a rotating laser scanner on a pole, as a function of time.
//!
//! Every instant of the scene can be asked for, in any order, and the same seed and size give the same
//! bytes. What does not move is cast once; an instant re-tests only the rays that can hit something
//! that moves. Every ray meets something fixed, so that a RAW cloud always has exactly the size asked
//! for, and always equals GROUND + BACKGROUND + the objects' points.
//!
//! The frame: metres, origin on the ground below the sensor, x along the street, z up.

mod actor;
mod backdrop;
mod body;
mod cast;
mod errand;
mod geometry;
mod grid;
mod material;
mod motion;
mod path;
mod sweep;
mod track;
mod world;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use actor::Actor;
use backdrop::{Backdrop, Layer};
use cast::actors;
use sensr_protocol::wire::{CloudType, PointCloud};
use world::Class;

pub use sweep::Sweep;
pub(crate) use track::FUTURE_STEPS;
pub use track::{STEP_SECS, Track};

/// A street with houses, traffic and people.
#[derive(Debug)]
pub struct Scene {
    seed: u64,
    backdrop: Backdrop,
    actors: Vec<Actor>,
}

impl Scene {
    /// A street whose RAW clouds have exactly `points` points.
    #[must_use]
    pub fn street(seed: u64, points: usize) -> Self {
        // Of their own, so that a change of size does not change the traffic.
        let actors = actors(&mut SmallRng::seed_from_u64(seed ^ 0x00ac_7025));
        let backdrop = Backdrop::street(points, &mut SmallRng::seed_from_u64(seed));
        Self {
            seed,
            backdrop,
            actors,
        }
    }

    /// One revolution at `t_secs` seconds after the beginning.
    #[must_use]
    pub fn sweep(&self, t_secs: f64) -> Sweep {
        sweep::cast(&self.backdrop, &self.actors, self.seed, t_secs)
    }

    /// The cloud of a type in a sweep. Intensities are 0 to 255. Of type NONE there are no points.
    #[must_use]
    pub fn cloud(&self, sweep: &Sweep, kind: CloudType) -> PointCloud {
        let layer = match kind {
            CloudType::Raw => self.raw(sweep),
            CloudType::Ground => self.without_hidden(sweep, Class::Ground),
            CloudType::Background => self.without_hidden(sweep, Class::Background),
            CloudType::None => Layer::default(),
        };
        PointCloud {
            r#type: kind.into(),
            id: Bytes::new(),
            points: Bytes::from(layer.points),
            intensities: Bytes::from(layer.intensities),
        }
    }

    /// Everyone in the scene, with the points of a sweep that are on them, if any.
    #[must_use]
    pub fn tracks(&self, sweep: &Sweep) -> Vec<Track> {
        track::tracks(&self.actors, sweep)
    }

    /// The cars that stand where they are for ever. Their points are BACKGROUND.
    #[must_use]
    pub fn parked(&self) -> Vec<Track> {
        track::parked()
    }

    fn raw(&self, sweep: &Sweep) -> Layer {
        let all = &self.backdrop.all;
        let mut points = all.points.clone();
        let mut intensities = all.intensities.clone();
        for hit in &sweep.hits {
            let at = hit.point as usize;
            for (value, axis) in hit.echo.position.iter().zip(0..) {
                let from = at * 12 + axis * 4;
                points[from..from + 4].copy_from_slice(&value.to_le_bytes());
            }
            intensities[at * 4..at * 4 + 4].copy_from_slice(&hit.echo.intensity.to_le_bytes());
        }
        Layer {
            points,
            intensities,
        }
    }

    /// The fixed points of a class that nothing moving is in front of.
    fn without_hidden(&self, sweep: &Sweep, class: Class) -> Layer {
        let full = match class {
            Class::Ground => &self.backdrop.ground,
            Class::Background => &self.backdrop.background,
        };
        let mut visible = Layer {
            points: Vec::with_capacity(full.points.len()),
            intensities: Vec::with_capacity(full.intensities.len()),
        };
        let mut copy = |from: usize, to: usize| {
            visible
                .points
                .extend_from_slice(&full.points[from * 12..to * 12]);
            visible
                .intensities
                .extend_from_slice(&full.intensities[from * 4..to * 4]);
        };
        let mut from = 0;
        for hit in &sweep.hits {
            let (of, hidden) = self.backdrop.class(hit.point);
            if of == class {
                copy(from, hidden);
                from = hidden + 1;
            }
        }
        copy(from, full.intensities.len() / 4);
        visible
    }
}

#[cfg(test)]
mod tests;
