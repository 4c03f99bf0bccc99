//! Points of all objects as one serialized `sensor_msgs/PointCloud2`.

use super::header::{self, X_Y_Z_INTENSITY_OBJECT};
use super::intensities_fit;
use ros_cdr::{Header, Writer};
use sensr_protocol::wire::proto::Object;
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

/// Bytes of one point: x, y, z, intensity as float32, `object_id` as int32, `label` as uint8, three of padding
/// so that every value is aligned.
pub const OBJECT_POINT_STEP: usize = 24;

/// Position of the intensity, and of the id behind it.
const INTENSITY: usize = POINT_BYTES;
const ID: usize = INTENSITY + INTENSITY_BYTES;

/// Points that are put together before they are appended to the message: few enough to stay in the cache.
const BLOCK: usize = 128;

/// Serializes the points of objects into one reused buffer.
#[derive(Debug, Default)]
pub struct ObjectPointsEncoder {
    buffer: Vec<u8>,
}

impl ObjectPointsEncoder {
    /// Serializes all points in the order of their objects: unorganized (height 1), fields x y z intensity `object_id`
    /// label, `is_dense` if every coordinate is finite. Labels that do not fit in a uint8 become 255.
    ///
    /// Points that are no whole number of x y z triples are left out. Intensities of another number than the points
    /// become 0.
    ///
    /// # Panics
    ///
    /// If there are more than 178 million points: CDR counts bytes in 32 bits. Messages of that size exceed the
    /// limit of the link.
    pub fn encode<'a>(
        &mut self,
        header: Header<'_>,
        objects: impl Iterator<Item = &'a Object> + Clone,
    ) -> &[u8] {
        let points = objects.clone().filter_map(ObjectPoints::of_object);
        let width = points.map(|object| object.points.len()).sum();
        let mut out = Writer::begin(&mut self.buffer);
        header::write_cloud_header(
            &mut out,
            header,
            &X_Y_Z_INTENSITY_OBJECT,
            OBJECT_POINT_STEP,
            width,
        );
        out.reserve(width * OBJECT_POINT_STEP);
        let mut block = [[0; OBJECT_POINT_STEP]; BLOCK];
        let mut is_dense = true;
        for object in objects.filter_map(ObjectPoints::of_object) {
            is_dense &= object.write(&mut block, &mut out);
        }
        out.write_bool(is_dense);
        &self.buffer
    }
}

/// Points of one object.
struct ObjectPoints<'a> {
    /// Fields of each point behind its intensity.
    tail: [u8; OBJECT_POINT_STEP - ID],
    points: &'a [[u8; POINT_BYTES]],
    /// As many as points, or none.
    intensities: &'a [[u8; INTENSITY_BYTES]],
}

impl<'a> ObjectPoints<'a> {
    /// `None` if the points are no whole number of x y z triples.
    fn of_object(object: &'a Object) -> Option<Self> {
        let fit = intensities_fit(&object.points, &object.intensities).ok()?;
        let intensities: &[u8] = if fit { &object.intensities } else { &[] };
        let mut tail = [0; OBJECT_POINT_STEP - ID];
        tail[..4].copy_from_slice(&object.id.to_le_bytes());
        tail[4] = u8::try_from(object.label).unwrap_or(u8::MAX);
        Some(Self {
            tail,
            points: object.points.as_chunks().0,
            intensities: intensities.as_chunks().0,
        })
    }

    /// Writes the points, by way of `block`. Returns whether every coordinate is finite.
    fn write(&self, block: &mut [[u8; OBJECT_POINT_STEP]; BLOCK], out: &mut Writer<'_>) -> bool {
        let used = self.points.len().min(BLOCK);
        for point in &mut block[..used] {
            point[INTENSITY..ID].fill(0);
            point[ID..].copy_from_slice(&self.tail);
        }
        let mut intensities = self.intensities.chunks(BLOCK);
        let mut is_dense = true;
        for points in self.points.chunks(BLOCK) {
            for (out, point) in block.iter_mut().zip(points) {
                out[..POINT_BYTES].copy_from_slice(point);
                let (coordinates, _) = point.as_chunks::<4>();
                is_dense &= coordinates.iter().fold(true, |dense, &value| {
                    dense & f32::from_le_bytes(value).is_finite()
                });
            }
            for (out, intensity) in block.iter_mut().zip(intensities.next().unwrap_or_default()) {
                out[INTENSITY..ID].copy_from_slice(intensity);
            }
            out.append_bytes(block[..points.len()].as_flattened());
        }
        is_dense
    }
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

    fn object(id: i32, label: i32, points: &[[f32; 4]]) -> Object {
        let bytes = |part: fn(&[f32; 4]) -> &[f32]| -> Vec<u8> {
            points
                .iter()
                .flat_map(part)
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        Object {
            id,
            label,
            points: bytes(|p| &p[..3]).into(),
            intensities: bytes(|p| &p[3..]).into(),
            ..Object::default()
        }
    }

    /// The points and `is_dense`.
    fn encoded(objects: &[Object]) -> (Vec<[u8; OBJECT_POINT_STEP]>, bool) {
        let mut encoder = ObjectPointsEncoder::default();
        let message = encoder.encode(HEADER, objects.iter());
        let whole = objects
            .iter()
            .filter(|object| object.points.len() % 12 == 0);
        let width: usize = whole.map(|object| object.points.len() / 12).sum();
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
        encoder.encode(HEADER, [object(1, 1, &[[9.0; 4]; 3])].iter());
        let bare = Object {
            intensities: Vec::new().into(),
            ..object(1, 1, &[[1.0; 4]])
        };
        let message = encoder.encode(HEADER, [object(1, 1, &[[9.0; 4]]), bare].iter());
        let point = &message[message.len() - 1 - OBJECT_POINT_STEP..];
        assert_eq!(point[12..16], [0; 4]);
    }

    #[test]
    fn points_that_are_not_whole_are_left_out_and_odd_intensities_are_zero() {
        let good = object(1, 1, &[[1.0; 4]; 2]);
        let odd_points = Object {
            points: vec![0; 13].into(),
            ..object(2, 1, &[])
        };
        let odd_intensities = Object {
            intensities: vec![9; 4].into(),
            ..object(3, 1, &[[2.0; 4]; 2])
        };
        let (points, _) = encoded(&[good, odd_points, odd_intensities]);
        let ids: Vec<u8> = points.iter().map(|point| point[16]).collect();
        assert_eq!(ids, [1, 1, 3, 3]);
        assert_eq!(points[1][12..16], 1.0f32.to_le_bytes());
        assert_eq!(points[3][12..16], [0; 4]);
    }

    #[test]
    fn points_beyond_a_block_carry_their_own_values() {
        let number = |i: usize| f32::from(u16::try_from(i).expect("small"));
        let values: Vec<[f32; 4]> = (0..3 * BLOCK + 5).map(|i| [number(i); 4]).collect();
        let (points, is_dense) = encoded(&[object(7, 3, &values), object(8, 4, &values[..2])]);
        assert!(is_dense);
        assert_eq!(points.len(), values.len() + 2);
        for (i, point) in points[..values.len()].iter().enumerate() {
            let value = number(i).to_le_bytes();
            assert!(point[..16].chunks(4).all(|read| read == value), "{i}");
            assert_eq!(point[16..], [7, 0, 0, 0, 3, 0, 0, 0]);
        }
        assert_eq!(points[values.len()][16..], [8, 0, 0, 0, 4, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn dense_means_every_coordinate_is_finite(points: Vec<[f32; 4]>) {
            let finite = points.iter().flat_map(|p| &p[..3]).all(|value| value.is_finite());
            prop_assert_eq!(encoded(&[object(1, 1, &points)]).1, finite);
        }
    }
}
