//! Fields of regard of vehicles.

use crate::convert::to_f32;
use crate::convert::vector2;
use sensr_protocol::wire::proto::{FieldOfRegard, LabelType, Object, PolygonBox};

/// Number of vehicles, the nearest ones, whose fields are sent.
const VEHICLES: usize = 2;

/// Front and rear sector: direction from the heading and half the opening angle, radians; range, metres.
const SECTORS: [(f64, f64, f64); 2] = [(0.0, 0.6, 30.0), (std::f64::consts::PI, 0.4, 12.0)];

/// Number of corners on the far side of a sector.
const ARC_CORNERS: i8 = 7;

/// Height of a field above the ground, metres.
const HEIGHT: f32 = 3.0;

/// Returns the fields of regard of the vehicles nearest to the sensor.
pub(super) fn fields_of_regard(objects: &[Object]) -> Vec<FieldOfRegard> {
    let cars = objects.iter().filter(|o| o.label() == LabelType::LabelCar);
    let mut near: Vec<(f32, &Object)> = cars.map(|car| (distance(car), car)).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = near.into_iter().take(VEHICLES);
    nearest
        .map(|(_, car)| FieldOfRegard {
            object_id: car.id,
            field_of_regard: SECTORS.map(|sector| sector_polygon(car, sector)).to_vec(),
        })
        .collect()
}

fn distance(object: &Object) -> f32 {
    let position = object.bbox.unwrap_or_default().position.unwrap_or_default();
    position.x.hypot(position.y)
}

fn sector_polygon(car: &Object, (direction, half, range): (f64, f64, f64)) -> PolygonBox {
    let bbox = car.bbox.unwrap_or_default();
    let position = bbox.position.unwrap_or_default();
    let (x, y) = (f64::from(position.x), f64::from(position.y));
    let towards = |angle: f64| {
        let (sin, cos) = (f64::from(bbox.yaw) + direction + angle).sin_cos();
        vector2((x + range * cos, y + range * sin))
    };
    let last = f64::from(ARC_CORNERS - 1);
    let arc = (0..ARC_CORNERS).map(|index| towards(half * (2.0 * f64::from(index) / last - 1.0)));
    PolygonBox {
        points: std::iter::once(vector2((x, y))).chain(arc).collect(),
        min_z: position.z,
        max_z: position.z + to_f32(f64::from(HEIGHT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensr_protocol::wire::proto::{BoundingBox, Vector3};

    fn object(id: i32, label: LabelType, x: f32) -> Object {
        Object {
            id,
            label: label.into(),
            bbox: Some(BoundingBox {
                position: Some(Vector3 { x, y: 6.0, z: 0.0 }),
                ..BoundingBox::default()
            }),
            ..Object::default()
        }
    }

    #[test]
    fn two_nearest_cars_have_a_front_and_a_rear_field() {
        let objects = [
            object(1, LabelType::LabelCar, 40.0),
            object(2, LabelType::LabelPedestrian, 1.0),
            object(3, LabelType::LabelCar, -5.0),
            object(4, LabelType::LabelCar, 9.0),
        ];
        let fields = fields_of_regard(&objects);
        let ids: Vec<i32> = fields.iter().map(|field| field.object_id).collect();
        assert_eq!(ids, [3, 4]);
        let [ahead, back] = &fields[1].field_of_regard[..] else {
            panic!("{fields:?}");
        };
        assert_eq!(ahead.points.len(), 8);
        assert!(ahead.points[1..].iter().all(|corner| corner.x > 30.0));
        assert!(back.points[1..].iter().all(|corner| corner.x < 0.0));
    }
}
