//! Coordinates, boxes and times, parts of several messages.

use prost_types::Timestamp;

use crate::time::stamp::Stamp;
use ros_cdr::Writer;
use sensr_protocol::wire::proto::{BoundingBox, PolygonBox, Vector3};

/// Writes a time of SENSR as `builtin_interfaces/Time`. 0 if there is none or ROS cannot represent it.
pub(in crate::encode) fn write_server_time(out: &mut Writer<'_>, time: Option<Timestamp>) {
    out.write_time(time.and_then(Stamp::from_wire).unwrap_or_default().into());
}

/// Writes a `geometry_msgs/Point` or `geometry_msgs/Vector3`: both are three float64.
pub(in crate::encode) fn write_vector3(out: &mut Writer<'_>, vector: Option<Vector3>) {
    let Vector3 { x, y, z } = vector.unwrap_or_default();
    out.write_f64s([x, y, z].map(f64::from));
}

/// Writes a `sensr_bridge/BoundingBox`.
pub(in crate::encode) fn write_bounding_box(out: &mut Writer<'_>, bbox: Option<&BoundingBox>) {
    write_box_pose(out, bbox);
    write_vector3(out, bbox.and_then(|bbox| bbox.size));
    out.write_f32(bbox.map_or(0.0, |bbox| bbox.yaw));
}

/// Writes the `geometry_msgs/Pose` of the centre of a box. SENSR gives the centre of its bottom face.
pub(in crate::encode) fn write_box_pose(out: &mut Writer<'_>, bbox: Option<&BoundingBox>) {
    let BoundingBox {
        position,
        size,
        yaw,
    } = bbox.copied().unwrap_or_default();
    let bottom = position.unwrap_or_default();
    let height = f64::from(size.unwrap_or_default().z);
    let [x, y, z] = [bottom.x, bottom.y, bottom.z].map(f64::from);
    out.write_f64s([x, y, z + height / 2.0]);
    out.write_f64s(quaternion_of_yaw(yaw));
}

/// Returns x, y, z, w of a rotation about +z. `yaw` in radians.
pub(in crate::encode) fn quaternion_of_yaw(yaw: f32) -> [f64; 4] {
    let half = f64::from(yaw) / 2.0;
    [0.0, 0.0, half.sin(), half.cos()]
}

/// Writes a `sensr_bridge/PolygonBox`.
pub(in crate::encode) fn write_polygon_box(out: &mut Writer<'_>, pbox: Option<&PolygonBox>) {
    let empty = PolygonBox::default();
    let pbox = pbox.unwrap_or(&empty);
    out.write_sequence(pbox.points.iter(), |out, point| {
        out.write_f32s([point.x, point.y, pbox.min_z]);
    });
    out.write_f32(pbox.min_z);
    out.write_f32(pbox.max_z);
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
    fn center_of_the_bottom_becomes_center_of_the_box() {
        let vector = |x, y, z| Some(Vector3 { x, y, z });
        let bbox = BoundingBox {
            position: vector(1.0, 2.0, -0.5),
            size: vector(4.0, 2.0, 1.5),
            yaw: std::f32::consts::PI,
        };
        let values = doubles(&written(|out| write_bounding_box(out, Some(&bbox))));
        assert_eq!(values[..3], [1.0, 2.0, 0.25]);
        assert!((values[5] - 1.0).abs() < 1e-6 && values[6].abs() < 1e-6);
        assert_eq!(values[7..10], [4.0, 2.0, 1.5]);
    }

    #[test]
    fn missing_values_are_zero_and_identity_rotation() {
        let values = doubles(&written(|out| write_bounding_box(out, None)));
        assert_eq!(values, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(written(|out| write_server_time(out, None)), [0; 8]);
    }
}
