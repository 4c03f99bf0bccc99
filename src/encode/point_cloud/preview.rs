//! Some points of several clouds as one serialized `sensor_msgs/PointCloud2`.

use super::header::{self, X_Y_Z_INTENSITY};
use super::{Cloud, POINT_STEP};
use ros_cdr::{Header, Writer};
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

/// Serializes previews into one reused buffer.
#[derive(Debug, Default)]
pub struct PreviewEncoder {
    buffer: Vec<u8>,
}

impl PreviewEncoder {
    /// Serializes at most `limit` points of the clouds, in their order: all of them if there are no more, else points at
    /// equal distances in the sequence of all points, beginning with the first. The same clouds give the same points.
    ///
    /// The message is unorganized (height 1), with the fields x y z intensity, and `is_dense` if every coordinate in it is
    /// finite.
    ///
    /// # Panics
    ///
    /// If `limit` is above 268 million: CDR counts bytes in 32 bits.
    pub fn encode(&mut self, header: Header<'_>, clouds: &[Cloud], limit: usize) -> &[u8] {
        let total: usize = clouds.iter().map(Cloud::len).sum();
        let width = total.min(limit);
        let mut out = Writer::begin(&mut self.buffer);
        header::write_cloud_header(&mut out, header, &X_Y_Z_INTENSITY, POINT_STEP, width);
        let data = out.append_zeros(width * POINT_STEP);
        let (out_points, _) = data.as_chunks_mut::<POINT_STEP>();
        let mut chosen = (0..width)
            .map(|number| place_of(number, width, total))
            .peekable();
        let mut out_points = out_points.iter_mut();
        let mut first = 0;
        let mut is_dense = true;
        for cloud in clouds {
            let (points, _) = cloud.points().as_chunks::<POINT_BYTES>();
            let intensities = cloud.intensities().unwrap_or_default();
            let (intensities, _) = intensities.as_chunks::<INTENSITY_BYTES>();
            while let Some(place) = chosen.next_if(|place| *place < first + points.len()) {
                let Some(out) = out_points.next() else { break };
                let point = &points[place - first];
                out[..POINT_BYTES].copy_from_slice(point);
                if let Some(intensity) = intensities.get(place - first) {
                    out[POINT_BYTES..].copy_from_slice(intensity);
                }
                let (coordinates, _) = point.as_chunks::<4>();
                is_dense &= coordinates
                    .iter()
                    .all(|value| f32::from_le_bytes(*value).is_finite());
            }
            first += points.len();
        }
        out.write_bool(is_dense);
        &self.buffer
    }
}

/// Returns the place of the chosen point `number` of `width` among `total`.
fn place_of(number: usize, width: usize, total: usize) -> usize {
    // The product of two counts of points, each below 2^32, fits.
    let place = number as u64 * total as u64 / width as u64;
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ros_cdr::{Reader, Time};

    const HEADER: Header<'static> = Header {
        stamp: Time { sec: 1, nanosec: 2 },
        frame_id: "sensr",
    };

    /// A cloud whose points have the numbers from `first` as x, and as intensity if there are any.
    fn numbered(first: u16, count: u16, has_intensities: bool) -> Cloud {
        let numbers = (first..first + count).map(|number| f32::from(number).to_le_bytes());
        let points: Vec<u8> = numbers
            .clone()
            .flat_map(|x| [x, [0; 4], [0; 4]].concat())
            .collect();
        let intensities: Vec<u8> = if has_intensities {
            numbers.flatten().collect()
        } else {
            Vec::new()
        };
        Cloud::new(points.into(), intensities.into()).expect("fits")
    }

    /// Returns x and intensity of each point, and `is_dense`.
    fn read(message: &[u8]) -> (Vec<(f32, f32)>, bool) {
        let mut reader = Reader::new(message).expect("CDR");
        assert_eq!(reader.read_header().expect("header"), HEADER);
        assert_eq!(reader.read_u32().expect("height"), 1);
        let width = reader.read_u32().expect("width");
        for _ in 0..reader.read_length().expect("fields") {
            reader.read_string().expect("name");
            reader.read_u32().expect("offset");
            reader.read_u8().expect("datatype");
            reader.read_u32().expect("count");
        }
        assert!(!reader.read_bool().expect("endianness"));
        assert_eq!(reader.read_u32().expect("point_step"), 16);
        assert_eq!(reader.read_u32().expect("row_step"), 16 * width);
        let data = reader.read_byte_sequence().expect("data");
        let is_dense = reader.read_bool().expect("is_dense");
        reader.expect_end().expect("complete");
        let (points, _) = data.as_chunks::<POINT_STEP>();
        let float = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four"));
        let points = points
            .iter()
            .map(|point| (float(&point[..4]), float(&point[12..])));
        (points.collect(), is_dense)
    }

    fn preview(clouds: &[Cloud], limit: usize) -> Vec<(f32, f32)> {
        let mut encoder = PreviewEncoder::default();
        // A buffer with other points before.
        encoder.encode(HEADER, &[numbered(7, 50, true)], 50);
        let (points, is_dense) = read(encoder.encode(HEADER, clouds, limit));
        assert!(is_dense);
        points
    }

    #[test]
    fn few_points_are_all_there_in_order() {
        let clouds = [
            numbered(0, 3, true),
            numbered(3, 0, true),
            numbered(3, 2, false),
        ];
        let expected = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 0.0), (4.0, 0.0)];
        assert_eq!(preview(&clouds, 5), expected);
        assert_eq!(preview(&clouds, 1000), expected);
        assert!(preview(&[], 5).is_empty());
    }

    #[test]
    fn many_points_are_thinned_evenly_over_all_clouds() {
        let clouds = [numbered(0, 6, true), numbered(6, 6, true)];
        let numbers = |limit| preview(&clouds, limit).into_iter().map(|(x, _)| x);
        assert!(numbers(4).eq([0.0, 3.0, 6.0, 9.0]));
        assert!(numbers(5).eq([0.0, 2.0, 4.0, 7.0, 9.0]));
        assert!(numbers(1).eq([0.0]));
    }

    #[test]
    fn a_coordinate_that_is_not_finite_counts_only_if_it_is_chosen() {
        let mut points = [[0_f32; 3]; 4];
        points[1][2] = f32::NAN;
        let bytes: Vec<u8> = points
            .iter()
            .flatten()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let clouds = [Cloud::new(bytes.into(), bytes::Bytes::new()).expect("fits")];
        let mut encoder = PreviewEncoder::default();
        assert!(!read(encoder.encode(HEADER, &clouds, 4)).1);
        assert!(read(encoder.encode(HEADER, &clouds, 2)).1);
    }

    proptest! {
        #[test]
        fn previews_are_ordered_subsets_of_the_limit(
            counts in prop::collection::vec(0_u16..300, 0..5),
            limit in 1_usize..500,
        ) {
            let mut first = 0;
            let clouds: Vec<Cloud> = counts.iter().map(|count| {
                let cloud = numbered(first, *count, true);
                first += count;
                cloud
            }).collect();
            let points = preview(&clouds, limit);
            prop_assert_eq!(points.len(), usize::from(first).min(limit));
            let is_point = |(x, intensity): &(f32, f32)| x.to_bits() == intensity.to_bits() && *x < f32::from(first);
            prop_assert!(points.iter().all(is_point));
            prop_assert!(points.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(points.first().is_none_or(|first| first.0 == 0.0));
        }
    }
}
