//! One revolution at one instant: the rays that hit an actor.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::actors::Actor;
use super::backdrop::{Backdrop, Echo};
use super::geometry::{Hit, Pose, Ray};
use super::material::Material;
use super::path::Motion;

/// One revolution: the differences from the static points.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Seconds since the beginning.
    pub(super) t_secs: f64,
    /// Motion of every actor.
    pub(super) motions: Vec<Motion>,
    /// Rays that hit an actor, in the order of their points.
    pub(super) hits: Vec<ActorHit>,
}

impl Sweep {
    /// Returns the seconds since the beginning of the scene.
    #[must_use]
    pub fn t_secs(&self) -> f64 {
        self.t_secs
    }
}

/// Ray that hits an actor before it hits anything static.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ActorHit {
    /// Index of the point in the RAW cloud.
    pub point: u32,
    pub actor: usize,
    pub echo: Echo,
}

pub(super) fn cast_sweep(backdrop: &Backdrop, actors: &[Actor], seed: u64, t_secs: f64) -> Sweep {
    let motions: Vec<Motion> = actors.iter().map(|actor| actor.motion_at(t_secs)).collect();
    let mut candidates = Vec::new();
    for (index, (actor, motion)) in actors.iter().zip(&motions).enumerate() {
        collect_hits(backdrop, actor, index, motion, &mut candidates);
    }
    // Sorted so that the nearest candidate of each point comes first.
    candidates.sort_unstable_by(|a, b| {
        (a.point, a.hit.range)
            .partial_cmp(&(b.point, b.hit.range))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    candidates.dedup_by_key(|candidate| candidate.point);

    let mut rng = SmallRng::seed_from_u64(seed ^ t_secs.to_bits());
    let hits = candidates
        .iter()
        .map(|c| c.to_actor_hit(&mut rng))
        .collect();
    Sweep {
        t_secs,
        motions,
        hits,
    }
}

struct Candidate {
    point: u32,
    actor: usize,
    ray: Ray,
    hit: Hit,
    material: Material,
}

impl Candidate {
    fn to_actor_hit(&self, rng: &mut SmallRng) -> ActorHit {
        let at = self.ray.point_at(self.hit.range);
        ActorHit {
            point: self.point,
            actor: self.actor,
            echo: Echo::measure(self.hit, &self.ray, self.material, at, rng),
        }
    }
}

fn collect_hits(
    backdrop: &Backdrop,
    actor: &Actor,
    index: usize,
    motion: &Motion,
    candidates: &mut Vec<Candidate>,
) {
    let position = Actor::ground_position(motion);
    let pose = Pose::new(position, motion.yaw);
    let window = backdrop.grid.window(position, actor.bounds());
    for cell in backdrop.grid.cells_of(&window) {
        let Some((point, behind)) = backdrop.point_of(cell) else {
            continue;
        };
        let ray = backdrop.grid.ray(cell);
        let local = pose.ray_to_local(&ray);
        let mut nearest: Option<(Hit, Material)> = None;
        for (shape, material) in &actor.parts {
            let limit = nearest.map_or(behind, |(hit, _)| hit.range);
            if let Some(hit) = shape.first_hit(&local).filter(|hit| hit.range < limit) {
                nearest = Some((hit, *material));
            }
        }
        if let Some((hit, material)) = nearest {
            candidates.push(Candidate {
                point,
                actor: index,
                ray,
                hit,
                material,
            });
        }
    }
}
