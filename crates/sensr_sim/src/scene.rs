//! Simulated street seen by a rotating laser scanner on a pole, as a function of time.
//!
//! Any instant can be computed, in any order, and the same seed and size give the same bytes. Static objects are
//! ray-cast once; an instant tests only the rays that can hit a moving actor. Every ray hits something static, so a RAW
//! cloud always has exactly the requested size and equals GROUND + BACKGROUND + the points of the objects.
//!
//! Frame: metres, origin on the ground below the sensor, x along the street, z up.

mod actors;
mod backdrop;
mod geometry;
mod grid;
mod material;
mod path;
mod static_objects;
mod sweep;
mod track;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use actors::{Actor, street_actors};
use backdrop::{Backdrop, Layer};
use sensr_protocol::wire::{CloudType, PointCloud};
use static_objects::PointClass;

pub use sweep::Sweep;
pub(crate) use track::FUTURE_STEPS;
pub use track::{STEP_SECS, Track};

/// Street with houses, traffic and people.
#[derive(Debug)]
pub struct Scene {
    seed: u64,
    backdrop: Backdrop,
    actors: Vec<Actor>,
}

impl Scene {
    /// Returns a street whose RAW clouds have exactly `points` points.
    #[must_use]
    pub fn street(seed: u64, points: usize) -> Self {
        // A generator of its own, so that the number of points does not change the traffic.
        let actors = street_actors(&mut SmallRng::seed_from_u64(seed ^ 0x00ac_7025));
        let backdrop = Backdrop::street(points, &mut SmallRng::seed_from_u64(seed));
        Self {
            seed,
            backdrop,
            actors,
        }
    }

    /// Computes one revolution, `t_secs` seconds after the beginning.
    #[must_use]
    pub fn sweep(&self, t_secs: f64) -> Sweep {
        sweep::cast_sweep(&self.backdrop, &self.actors, self.seed, t_secs)
    }

    /// Returns the cloud of a type in a sweep, with intensities of 0 to 255. The cloud of type NONE is empty.
    #[must_use]
    pub fn cloud(&self, sweep: &Sweep, kind: CloudType) -> PointCloud {
        let layer = match kind {
            CloudType::Raw => self.raw_layer(sweep),
            CloudType::Ground => self.visible_layer(sweep, PointClass::Ground),
            CloudType::Background => self.visible_layer(sweep, PointClass::Background),
            CloudType::None => Layer::default(),
        };
        PointCloud {
            r#type: kind.into(),
            id: Bytes::new(),
            points: Bytes::from(layer.points),
            intensities: Bytes::from(layer.intensities),
        }
    }

    /// Returns all actors, with the points of the sweep that lie on them.
    #[must_use]
    pub fn tracks(&self, sweep: &Sweep) -> Vec<Track> {
        track::all_tracks(&self.actors, sweep)
    }

    /// Returns the parked cars, whose points are BACKGROUND.
    #[must_use]
    pub fn parked(&self) -> Vec<Track> {
        track::parked_tracks()
    }

    fn raw_layer(&self, sweep: &Sweep) -> Layer {
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

    /// Returns the static points of a class that no actor hides.
    fn visible_layer(&self, sweep: &Sweep, class: PointClass) -> Layer {
        let full = match class {
            PointClass::Ground => &self.backdrop.ground,
            PointClass::Background => &self.backdrop.background,
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
            let (of, hidden) = self.backdrop.class_of(hit.point);
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
