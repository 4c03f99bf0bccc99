//! Actors of the scene: cars, lorries, cyclists, pedestrians, a worker and a gate, each a body on a path.

use super::geometry::{Bounds, Shape, Vec3};
use super::material::Material;
use super::motion::Motion;
use super::path::Path;
use super::world::ground_height;
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
    pub(super) fn motion(&self, t: f64) -> Motion {
        self.path.at(t)
    }

    /// Returns whether the actor never moves.
    pub(super) fn is_static(&self) -> bool {
        matches!(self.path, Path::Still { .. })
    }

    /// Returns the middle of the bottom of the actor's box.
    pub(super) fn foot(motion: &Motion) -> Vec3 {
        Vec3::new(motion.x, motion.y, ground_height(motion.y))
    }

    pub(super) fn bounds(&self) -> Bounds {
        let [length, width, height] = self.size;
        Shape::standing(length, width, height).bounds()
    }
}
