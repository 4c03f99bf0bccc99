use rand::Rng;
use rand::rngs::SmallRng;

use super::actor::Actor;
use super::geometry::{Shape, Vec3};
use super::material::Material;
use super::path::Path;
use sensr_protocol::wire::proto::LabelType;

fn block(x: (f64, f64), half_width: f64, z: (f64, f64)) -> Shape {
    Shape::Block {
        min: Vec3::new(x.0, -half_width, z.0),
        max: Vec3::new(x.1, half_width, z.1),
    }
}

pub(super) fn car(rng: &mut SmallRng, path: Path) -> Actor {
    let (length, height) = (rng.random_range(3.8..4.9), rng.random_range(1.42..1.7));
    let half = length / 2.0;
    let paint = Material::Plain(rng.random_range(0.15..0.85));
    Actor {
        label: LabelType::LabelCar,
        size: [length, 1.84, height],
        parts: vec![
            (block((-half, half), 0.92, (0.2, 0.85)), paint),
            (
                block((-half * 0.75, half * 0.4), 0.8, (0.85, height)),
                Material::Plain(0.1),
            ),
        ],
        retro_reflective: false,
        path,
    }
}

pub(super) fn lorry(path: Path) -> Actor {
    Actor {
        label: LabelType::LabelCar,
        size: [10.0, 2.5, 3.4],
        parts: vec![
            (block((-5.0, 2.6), 1.25, (0.9, 3.4)), Material::Plain(0.7)),
            (block((2.9, 5.0), 1.2, (0.4, 2.8)), Material::Plain(0.4)),
            (block((-5.0, 5.0), 0.9, (0.3, 0.9)), Material::Plain(0.12)),
        ],
        retro_reflective: false,
        path,
    }
}

fn column(x: f64, radius: f64, z: (f64, f64)) -> Shape {
    Shape::Column {
        x,
        radius,
        bottom: z.0,
        top: z.1,
    }
}

pub(super) fn cyclist(path: Path) -> Actor {
    Actor {
        label: LabelType::LabelCyclist,
        size: [1.8, 0.6, 1.75],
        parts: vec![
            (block((-0.9, 0.9), 0.06, (0.0, 0.75)), Material::Plain(0.25)),
            (column(-0.1, 0.25, (0.75, 1.75)), Material::Plain(0.5)),
        ],
        retro_reflective: false,
        path,
    }
}

pub(super) fn pedestrian(rng: &mut SmallRng, path: Path) -> Actor {
    let height = rng.random_range(1.55..1.92);
    let clothes = Material::Plain(rng.random_range(0.2..0.7));
    person(height, clothes, path)
}

/// Returns a worker with a vest that is brighter than anything else in the street.
pub(super) fn worker(path: Path) -> Actor {
    Actor {
        retro_reflective: true,
        ..person(1.8, Material::Plain(4.0), path)
    }
}

fn person(height: f64, clothes: Material, path: Path) -> Actor {
    Actor {
        label: LabelType::LabelPedestrian,
        size: [0.6, 0.6, height],
        parts: vec![
            (column(0.0, 0.16, (0.0, 0.85)), Material::Plain(0.2)),
            (column(0.0, 0.26, (0.85, height - 0.28)), clothes),
            (
                column(0.0, 0.11, (height - 0.28, height)),
                Material::Plain(0.5),
            ),
        ],
        retro_reflective: false,
        path,
    }
}

/// Returns an open wing of a gate.
pub(super) fn gate(path: Path) -> Actor {
    Actor {
        label: LabelType::LabelGate,
        size: [3.0, 0.2, 1.3],
        parts: vec![(block((-1.5, 1.5), 0.06, (0.1, 1.3)), Material::Plain(0.6))],
        retro_reflective: false,
        path,
    }
}
