//! Actors of the scene: cars, lorries, cyclists, pedestrians, a worker and a gate, each a body on a path.

use std::f64::consts::FRAC_PI_2;

use rand::Rng;
use rand::rngs::SmallRng;

use super::geometry::{Bounds, Shape, Vec3};
use super::material::Material;
use super::path::{Motion, Path, RoundTrip};
use super::static_objects::ground_height;
use crate::convert::{len_to_f64, to_f64};
use sensr_protocol::wire::proto::LabelType;

/// Object that moves, or could move.
#[derive(Debug)]
pub(super) struct Actor {
    pub label: LabelType,
    /// Length, width, height, metres; contains every part.
    pub size: [f64; 3],
    /// Solids in the actor's frame: x forward, origin on the ground in the middle.
    pub parts: Vec<(Shape, Material)>,
    /// Wears retro-reflective material.
    pub retro_reflective: bool,
    pub path: Path,
}

impl Actor {
    pub(super) fn motion_at(&self, t: f64) -> Motion {
        self.path.motion_at(t)
    }

    /// Returns whether the actor never moves.
    pub(super) fn is_static(&self) -> bool {
        matches!(self.path, Path::Fixed { .. })
    }

    /// Returns the middle of the bottom of the actor's box.
    pub(super) fn ground_position(motion: &Motion) -> Vec3 {
        Vec3::new(motion.x, motion.y, ground_height(motion.y))
    }

    pub(super) fn bounds(&self) -> Bounds {
        let [length, width, height] = self.size;
        Shape::standing_box(length, width, height).bounds()
    }
}

/// Returns all actors, at the same places for the same seed.
pub(super) fn street_actors(rng: &mut SmallRng) -> Vec<Actor> {
    let mut actors = Vec::new();
    add_traffic(rng, &mut actors, 6.0, 1.0, 5, 11.0);
    add_traffic(rng, &mut actors, 9.7, -1.0, 4, 8.5);
    for heading in [1.0, -1.0] {
        let path = Path::Lane {
            y: 8.0 - heading * 3.5,
            heading,
            offset: rng.random_range(0.0..160.0),
            length: 160.0,
            speed: rng.random_range(4.0..6.0),
            surge: 2.0,
            weave: 0.1,
        };
        actors.push(new_cyclist(path));
    }
    for (y, heading) in [(14.0, 1.0), (13.4, -1.0), (2.6, 1.0), (1.8, -1.0)] {
        let path = Path::Lane {
            y,
            heading,
            offset: rng.random_range(0.0..120.0),
            length: 120.0,
            speed: rng.random_range(1.0..1.7),
            surge: 0.5,
            weave: 0.15,
        };
        actors.push(new_pedestrian(rng, path));
    }
    for place in 0..4 {
        let radii = (rng.random_range(3.0..5.0), rng.random_range(1.0..3.0));
        let turn = if rng.random() { 1.0 } else { -1.0 };
        let path = Path::Ellipse {
            centre: (-20.0 + 11.0 * f64::from(place), -13.0),
            radii,
            phase: rng.random_range(0.0..6.0),
            omega: turn * 1.3 / radii.0,
        };
        actors.push(new_pedestrian(rng, path));
    }
    actors.push(new_gate(Path::Fixed {
        at: (22.7, -5.5),
        yaw: FRAC_PI_2,
    }));
    // Walks through the gate to the kiosk and back after a while.
    actors.push(new_worker(Path::RoundTrip(RoundTrip {
        from: (24.0, -2.6),
        to: (24.0, -12.5),
        walk_secs: 8.0,
        stay_secs: 14.0,
        rest_secs: 4.0,
        delay_secs: 1.0,
    })));
    actors
}

/// Adds a lane of vehicles that keep their distance from each other.
fn add_traffic(
    rng: &mut SmallRng,
    actors: &mut Vec<Actor>,
    y: f64,
    heading: f64,
    vehicles: usize,
    speed: f64,
) {
    const LENGTH: f64 = 280.0;
    let gap = LENGTH / len_to_f64(vehicles);
    let begin = rng.random_range(0.0..gap);
    for index in 0..vehicles {
        let path = Path::Lane {
            y,
            heading,
            offset: begin + gap * to_f64(index as u64) + rng.random_range(0.0..gap / 3.0),
            length: LENGTH,
            speed,
            surge: 5.0,
            weave: 0.0,
        };
        let is_lorry = heading < 0.0 && index == 1;
        actors.push(if is_lorry {
            new_lorry(path)
        } else {
            new_car(rng, path)
        });
    }
}

fn box_shape(x: (f64, f64), half_width: f64, z: (f64, f64)) -> Shape {
    Shape::Block {
        min: Vec3::new(x.0, -half_width, z.0),
        max: Vec3::new(x.1, half_width, z.1),
    }
}

pub(super) fn new_car(rng: &mut SmallRng, path: Path) -> Actor {
    let (length, height) = (rng.random_range(3.8..4.9), rng.random_range(1.42..1.7));
    let half = length / 2.0;
    let paint = Material::Plain(rng.random_range(0.15..0.85));
    Actor {
        label: LabelType::LabelCar,
        size: [length, 1.84, height],
        parts: vec![
            (box_shape((-half, half), 0.92, (0.2, 0.85)), paint),
            (
                box_shape((-half * 0.75, half * 0.4), 0.8, (0.85, height)),
                Material::Plain(0.1),
            ),
        ],
        retro_reflective: false,
        path,
    }
}

pub(super) fn new_lorry(path: Path) -> Actor {
    Actor {
        label: LabelType::LabelCar,
        size: [10.0, 2.5, 3.4],
        parts: vec![
            (
                box_shape((-5.0, 2.6), 1.25, (0.9, 3.4)),
                Material::Plain(0.7),
            ),
            (box_shape((2.9, 5.0), 1.2, (0.4, 2.8)), Material::Plain(0.4)),
            (
                box_shape((-5.0, 5.0), 0.9, (0.3, 0.9)),
                Material::Plain(0.12),
            ),
        ],
        retro_reflective: false,
        path,
    }
}

fn column_shape(x: f64, radius: f64, z: (f64, f64)) -> Shape {
    Shape::Column {
        x,
        radius,
        bottom: z.0,
        top: z.1,
    }
}

pub(super) fn new_cyclist(path: Path) -> Actor {
    Actor {
        label: LabelType::LabelCyclist,
        size: [1.8, 0.6, 1.75],
        parts: vec![
            (
                box_shape((-0.9, 0.9), 0.06, (0.0, 0.75)),
                Material::Plain(0.25),
            ),
            (column_shape(-0.1, 0.25, (0.75, 1.75)), Material::Plain(0.5)),
        ],
        retro_reflective: false,
        path,
    }
}

pub(super) fn new_pedestrian(rng: &mut SmallRng, path: Path) -> Actor {
    let height = rng.random_range(1.55..1.92);
    let clothes = Material::Plain(rng.random_range(0.2..0.7));
    new_person(height, clothes, path)
}

/// Returns a worker with a vest that is brighter than anything else in the street.
pub(super) fn new_worker(path: Path) -> Actor {
    Actor {
        retro_reflective: true,
        ..new_person(1.8, Material::Plain(4.0), path)
    }
}

fn new_person(height: f64, clothes: Material, path: Path) -> Actor {
    Actor {
        label: LabelType::LabelPedestrian,
        size: [0.6, 0.6, height],
        parts: vec![
            (column_shape(0.0, 0.16, (0.0, 0.85)), Material::Plain(0.2)),
            (column_shape(0.0, 0.26, (0.85, height - 0.28)), clothes),
            (
                column_shape(0.0, 0.11, (height - 0.28, height)),
                Material::Plain(0.5),
            ),
        ],
        retro_reflective: false,
        path,
    }
}

/// Returns an open wing of a gate.
pub(super) fn new_gate(path: Path) -> Actor {
    Actor {
        label: LabelType::LabelGate,
        size: [3.0, 0.2, 1.3],
        parts: vec![(
            box_shape((-1.5, 1.5), 0.06, (0.1, 1.3)),
            Material::Plain(0.6),
        )],
        retro_reflective: false,
        path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn every_part_is_inside_the_box() {
        for actor in street_actors(&mut SmallRng::seed_from_u64(3)) {
            let [length, width, height] = actor.size;
            for (shape, _) in &actor.parts {
                let bounds = shape.bounds();
                assert!(bounds.radius <= length.hypot(width) / 2.0 + 1e-9);
                assert!(bounds.bottom >= 0.0 && bounds.top <= height + 1e-9);
            }
        }
    }

    #[test]
    fn vehicles_on_the_road_never_touch() {
        let actors = street_actors(&mut SmallRng::seed_from_u64(3));
        let on_foot = [LabelType::LabelPedestrian, LabelType::LabelGate];
        let on_road = |actor: &&Actor| !on_foot.contains(&actor.label);
        for step in 0..600 {
            let t = f64::from(step) * 0.5;
            let vehicles = actors
                .iter()
                .filter(on_road)
                .map(|a| (a.motion_at(t), a.size));
            let vehicles: Vec<_> = vehicles.collect();
            for (i, (a, a_size)) in vehicles.iter().enumerate() {
                for (b, b_size) in &vehicles[..i] {
                    let apart = (a.x - b.x).abs() > f64::midpoint(a_size[0], b_size[0])
                        || (a.y - b.y).abs() > f64::midpoint(a_size[1], b_size[1]);
                    assert!(apart, "{a:?} {b:?} at {t}");
                }
            }
        }
    }
}
