//! Coordinates, boxes, times.

use prost_types::Timestamp;

use crate::encode::cdr::Writer;
use crate::time::stamp::Stamp;
use sensr_protocol::wire::proto::{BoundingBox, PolygonBox, Vector3};

/// A time of SENSR as `builtin_interfaces/Time`. 0 if there is none that ROS can hold.
pub(in crate::encode) fn server_time(out: &mut Writer<'_>, time: Option<Timestamp>) {
    out.time(time.and_then(Stamp::from_wire).unwrap_or_default());
}

/// A `geometry_msgs/Point` or `geometry_msgs/Vector3`: both are three float64.
pub(in crate::encode) fn vector3(out: &mut Writer<'_>, vector: Option<Vector3>) {
    let Vector3 { x, y, z } = vector.unwrap_or_default();
    for value in [x, y, z] {
        out.f64(value.into());
    }
}

/// A `sensr_bridge/BoundingBox`. SENSR gives the centre of the bottom, the message the centre of the box.
pub(in crate::encode) fn bounding_box(out: &mut Writer<'_>, bbox: Option<&BoundingBox>) {
    let BoundingBox {
        position,
        size,
        yaw,
    } = bbox.copied().unwrap_or_default();
    let bottom = position.unwrap_or_default();
    let height = f64::from(size.unwrap_or_default().z);
    out.f64(bottom.x.into());
    out.f64(bottom.y.into());
    out.f64(f64::from(bottom.z) + height / 2.0);
    for value in quaternion_of_yaw(yaw) {
        out.f64(value);
    }
    vector3(out, size);
    out.f32(yaw);
}

/// x, y, z, w of a turn about +z.
pub(in crate::encode) fn quaternion_of_yaw(yaw: f32) -> [f64; 4] {
    let half = f64::from(yaw) / 2.0;
    [0.0, 0.0, half.sin(), half.cos()]
}

/// A `sensr_bridge/PolygonBox`.
pub(in crate::encode) fn polygon_box(out: &mut Writer<'_>, pbox: Option<&PolygonBox>) {
    let nothing = PolygonBox::default();
    let pbox = pbox.unwrap_or(&nothing);
    out.sequence(pbox.points.iter(), |out, point| {
        out.f32(point.x);
        out.f32(point.y);
        out.f32(pbox.min_z);
    });
    out.f32(pbox.min_z);
    out.f32(pbox.max_z);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut buffer = Vec::new();
        write(&mut Writer::begin(&mut buffer));
        buffer.split_off(4)
    }

    fn doubles(bytes: &[u8]) -> Vec<f64> {
        let (chunks, _) = bytes.as_chunks::<8>();
        chunks
            .iter()
            .map(|chunk| f64::from_le_bytes(*chunk))
            .collect()
    }

    #[test]
    fn the_bottom_becomes_the_centre() {
        let vector = |x, y, z| Some(Vector3 { x, y, z });
        let bbox = BoundingBox {
            position: vector(1.0, 2.0, -0.5),
            size: vector(4.0, 2.0, 1.5),
            yaw: std::f32::consts::PI,
        };
        let values = doubles(&written(|out| bounding_box(out, Some(&bbox))));
        assert_eq!(values[..3], [1.0, 2.0, 0.25]);
        assert!((values[5] - 1.0).abs() < 1e-6 && values[6].abs() < 1e-6);
        assert_eq!(values[7..10], [4.0, 2.0, 1.5]);
    }

    #[test]
    fn nothing_is_zero_and_no_turn() {
        let values = doubles(&written(|out| bounding_box(out, None)));
        assert_eq!(values, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(written(|out| server_time(out, None)), [0; 8]);
    }
}
