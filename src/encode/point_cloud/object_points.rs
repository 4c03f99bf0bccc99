//! Points of all objects as one serialized `sensor_msgs/PointCloud2`.

use super::Cloud;
use super::header::{self, X_Y_Z_INTENSITY_OBJECT};
use ros_cdr::{Header, Writer};
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

/// Bytes of one point: x, y, z, intensity as float32, `object_id` as int32, `label` as uint8, three of padding
/// so that every value is aligned.
pub const OBJECT_POINT_STEP: usize = 24;

/// The points of one object.
#[derive(Debug)]
pub struct PointsOfObject {
    /// Id of the object.
    pub object_id: i32,
    /// Label of the object as received. Labels that do not fit in a uint8 become 255.
    pub label: i32,
    /// Points of the object.
    pub cloud: Cloud,
}

/// Serializes the points of objects into one reused buffer.
#[derive(Debug, Default)]
pub struct ObjectPointsEncoder {
    buffer: Vec<u8>,
}

impl ObjectPointsEncoder {
    /// Serializes all points in the order of their objects: unorganized (height 1), fields x y z intensity `object_id`
    /// label, `is_dense` if every coordinate is finite.
    ///
    /// # Panics
    ///
    /// If there are more than 178 million points: CDR counts bytes in 32 bits. Messages of that size exceed the
    /// limit of the link.
    pub fn encode(&mut self, header: Header<'_>, objects: &[PointsOfObject]) -> &[u8] {
        let width = objects.iter().map(|object| object.cloud.len()).sum();
        let mut out = Writer::begin(&mut self.buffer);
        header::write_cloud_header(
            &mut out,
            header,
            &X_Y_Z_INTENSITY_OBJECT,
            OBJECT_POINT_STEP,
            width,
        );
        let mut rest = out.append_zeros(width * OBJECT_POINT_STEP);
        let mut is_dense = true;
        for object in objects {
            let (own, following) = rest.split_at_mut(object.cloud.len() * OBJECT_POINT_STEP);
            is_dense &= write_points(object, own);
            rest = following;
        }
        out.write_bool(is_dense);
        &self.buffer
    }
}

/// Writes the points of an object. Returns whether every coordinate is finite.
fn write_points(object: &PointsOfObject, out: &mut [u8]) -> bool {
    const TAIL: usize = POINT_BYTES + INTENSITY_BYTES;
    let label = u8::try_from(object.label).unwrap_or(u8::MAX);
    let mut tail = [0; OBJECT_POINT_STEP - TAIL];
    tail[..4].copy_from_slice(&object.object_id.to_le_bytes());
    tail[4] = label;
    let (out, _) = out.as_chunks_mut::<OBJECT_POINT_STEP>();
    let (points, _) = object.cloud.points().as_chunks::<POINT_BYTES>();
    let mut is_dense = true;
    for (out, point) in out.iter_mut().zip(points) {
        out[..POINT_BYTES].copy_from_slice(point);
        out[POINT_BYTES..TAIL].fill(0);
        out[TAIL..].copy_from_slice(&tail);
        let (coordinates, _) = point.as_chunks::<4>();
        is_dense &= coordinates
            .iter()
            .all(|&coordinate| f32::from_le_bytes(coordinate).is_finite());
    }
    let (intensities, _) = object
        .cloud
        .intensities()
        .unwrap_or_default()
        .as_chunks::<INTENSITY_BYTES>();
    for (out, intensity) in out.iter_mut().zip(intensities) {
        out[POINT_BYTES..TAIL].copy_from_slice(intensity);
    }
    is_dense
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ros_cdr::Time;

    const HEADER: Header<'_> = Header {
        stamp: Time { sec: 1, nanosec: 2 },
        frame_id: "sensr",
    };

    fn object(object_id: i32, label: i32, points: &[[f32; 4]]) -> PointsOfObject {
        let bytes = |part: fn(&[f32; 4]) -> &[f32]| -> Vec<u8> {
            points
                .iter()
                .flat_map(part)
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let cloud = Cloud::new(bytes(|p| &p[..3]).into(), bytes(|p| &p[3..]).into());
        PointsOfObject {
            object_id,
            label,
            cloud: cloud.expect("fits"),
        }
    }

    /// The points and `is_dense`.
    fn encoded(objects: &[PointsOfObject]) -> (Vec<[u8; OBJECT_POINT_STEP]>, bool) {
        let mut encoder = ObjectPointsEncoder::default();
        let message = encoder.encode(HEADER, objects);
        let width: usize = objects.iter().map(|object| object.cloud.len()).sum();
        let data = &message[message.len() - 1 - width * OBJECT_POINT_STEP..message.len() - 1];
        (data.as_chunks().0.to_vec(), message[message.len() - 1] == 1)
    }

    #[test]
    fn every_point_carries_its_object() {
        let (points, is_dense) = encoded(&[
            object(-7, 2, &[[1.0, 2.0, 3.0, 4.0]]),
            object(8, 300, &[[5.0, 6.0, 7.0, 8.0], [9.0; 4]]),
        ]);
        assert!(is_dense);
        assert_eq!(points.len(), 3);
        assert_eq!(points[0][..4], 1.0f32.to_le_bytes());
        assert_eq!(points[0][12..16], 4.0f32.to_le_bytes());
        assert_eq!(points[0][16..], [249, 255, 255, 255, 2, 0, 0, 0]);
        assert_eq!(points[2][16..], [8, 0, 0, 0, 255, 0, 0, 0]);
    }

    #[test]
    fn missing_intensities_are_zero_in_a_reused_buffer() {
        let mut encoder = ObjectPointsEncoder::default();
        encoder.encode(HEADER, &[object(1, 1, &[[9.0; 4]; 3])]);
        let bare = PointsOfObject {
            object_id: 1,
            label: 1,
            cloud: Cloud::new(vec![1; 12].into(), vec![].into()).expect("fits"),
        };
        let message = encoder.encode(HEADER, &[bare]);
        let point = &message[message.len() - 1 - OBJECT_POINT_STEP..];
        assert_eq!(point[12..16], [0; 4]);
    }

    proptest! {
        #[test]
        fn dense_means_every_coordinate_is_finite(points: Vec<[f32; 4]>) {
            let finite = points.iter().flat_map(|p| &p[..3]).all(|value| value.is_finite());
            prop_assert_eq!(encoded(&[object(1, 1, &points)]).1, finite);
        }
    }
}
