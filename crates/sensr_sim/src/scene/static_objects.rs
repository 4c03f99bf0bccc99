//! Static objects of the street: ground, kerbs, houses, poles, trees and parked cars.
//!
//! The street runs along x. The sensor stands on the near pavement; behind it is a square, across the road a row of
//! houses. The map's origin is at the foot of the sensor, z up.

use rand::Rng;
use rand::rngs::SmallRng;

use super::geometry::{Pose, Shape, Vec3};
use super::material::{Material, ROAD};

/// Class of a static point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PointClass {
    Ground,
    Background,
}

/// Static object.
#[derive(Debug)]
pub(super) struct StaticObject {
    pub pose: Pose,
    pub shape: Shape,
    pub material: Material,
    pub class: PointClass,
}

/// Height of the pavements above the road, metres.
const KERB: f64 = 0.12;

/// Extent of the pavements in y, metres.
const PAVEMENTS: [(f64, f64); 2] = [(-2.0, 4.0), (12.0, 15.5)];

/// End of the street in both directions, metres from the sensor.
const STREET_END: f64 = 190.0;

/// Length, width and height of every parked car, metres.
pub(super) const PARKED_CAR: [f64; 3] = [4.5, 1.8, 1.5];

/// Yaw of every parked car, radians about +z.
pub(super) const PARKED_YAW: f64 = 1.4;

/// Positions of the parked cars.
pub(super) fn parked_cars() -> impl Iterator<Item = (f64, f64)> {
    (0..5).map(|slot| (-55.0 + 3.2 * f64::from(slot), -18.0))
}

/// Returns the height of the ground, metres above the road.
pub(super) fn ground_height(y: f64) -> f64 {
    let paved = PAVEMENTS.iter().any(|&(from, to)| (from..=to).contains(&y));
    if paved { KERB } else { 0.0 }
}

/// Returns all static objects. The ground plane itself, z = 0, is not among them.
pub(super) fn static_objects(rng: &mut SmallRng) -> Vec<StaticObject> {
    let mut static_objects = Vec::new();
    let mut add = |x: f64, y: f64, yaw: f64, shape, material| {
        static_objects.push(StaticObject {
            pose: Pose::new(Vec3::new(x, y, ground_height(y)), yaw),
            shape,
            material,
            class: PointClass::Background,
        });
    };

    for (front, towards) in [(17.0, 1.0), (-25.0, -1.0)] {
        let mut x = -STREET_END;
        while x < STREET_END - 6.0 {
            let width = rng.random_range(9.0..18.0f64).min(STREET_END - x);
            let set_back = rng.random_range(0.0..2.0);
            let house = Shape::standing_box(width, 10.0, rng.random_range(5.0..15.0));
            let wall = Material::Facade(rng.random_range(0.25..0.6));
            let y = front + towards * (set_back + 5.0);
            add(x + width / 2.0, y, 0.0, house, wall);
            x += width + rng.random_range(0.0..5.0);
        }
    }
    for side in [-1.0, 1.0] {
        let wall = Shape::standing_box(6.0, 90.0, 14.0);
        add(
            side * (STREET_END + 3.0),
            0.0,
            0.0,
            wall,
            Material::Facade(0.4),
        );
    }

    let pole = |radius: f64, top: f64| Shape::Column {
        x: 0.0,
        radius,
        bottom: 0.0,
        top,
    };
    for step in -4..=4 {
        let x = 30.0 * f64::from(step) + 9.0;
        add(x, 3.5, 0.0, pole(0.09, 7.5), Material::Plain(0.5));
        add(x + 15.0, 12.5, 0.0, pole(0.09, 7.5), Material::Plain(0.5));
    }
    // No trees between the sensor and the square.
    for step in [-5, -4, -3, 3, 4, 5] {
        let x = 11.0 * f64::from(step) + rng.random_range(-1.0..1.0);
        let radius = rng.random_range(1.2..2.0);
        let crown = Shape::Ball {
            radius,
            height: 2.2 + radius,
        };
        add(x, -4.5, 0.0, pole(0.18, 2.8), Material::Plain(0.3));
        add(x, -4.5, 0.0, crown, Material::Plain(0.55));
    }
    let kiosk = Shape::standing_box(4.0, 3.0, 2.8);
    add(27.0, -17.0, 0.2, kiosk, Material::Plain(0.6));
    let [length, width, height] = PARKED_CAR;
    for (x, y) in parked_cars() {
        let paint = Material::Plain(rng.random_range(0.1..0.8));
        let body = Shape::standing_box(length, width, 0.9);
        let cabin = Shape::Block {
            min: Vec3::new(-1.4, -0.8, 0.9),
            max: Vec3::new(0.9, 0.8, height),
        };
        add(x, y, PARKED_YAW, body, paint);
        add(x, y, PARKED_YAW, cabin, Material::Plain(0.08));
    }

    for (from, to) in PAVEMENTS {
        let slab = Shape::Block {
            min: Vec3::new(-STREET_END, from, -1.0),
            max: Vec3::new(STREET_END, to, KERB),
        };
        static_objects.push(StaticObject {
            pose: Pose::new(Vec3::new(0.0, 0.0, 0.0), 0.0),
            shape: slab,
            material: Material::Ground,
            class: PointClass::Ground,
        });
    }
    debug_assert!(ROAD.start >= PAVEMENTS[0].1 && ROAD.end <= PAVEMENTS[1].0);
    static_objects
}
