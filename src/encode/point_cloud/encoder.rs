//! A cloud of SENSR as a serialized `sensor_msgs/PointCloud2`, written in one pass.

use std::ops::Range;

use super::header::{self, X_Y_Z_INTENSITY};
use super::{Cloud, interleave};
use ros_cdr::{Header, Writer};

/// Bytes of one point in the message: x, y, z, intensity, each a little-endian float32.
pub const POINT_STEP: usize = 16;

/// Alignment of the points in memory, the size of a cache line: stores across cache lines make encoding of small clouds
/// a seventh slower.
const DATA_ALIGNMENT: usize = 64;

/// Serializes clouds into one reused buffer, which is allocated only when a cloud is larger than all before it.
///
/// ```
/// use ros_cdr::Header;
/// use sensr_bridge::encode::point_cloud::{Cloud, CloudEncoder};
/// use sensr_bridge::time::stamp::Stamp;
///
/// let cloud = Cloud::new(vec![0; 24].into(), vec![0; 8].into())?;
/// let header = Header { stamp: Stamp::now().into(), frame_id: "sensr" };
/// let mut encoder = CloudEncoder::default();
/// let message = encoder.encode(header, &cloud);
/// assert_eq!(message[..4], [0, 1, 0, 0]);
/// # Ok::<(), sensr_bridge::encode::point_cloud::MalformedCloud>(())
/// ```
#[derive(Debug, Default)]
pub struct CloudEncoder {
    /// The fields before the points, some 150 bytes.
    cloud_header: Vec<u8>,
    /// Holds the message, which begins at an offset such that its points are aligned.
    buffer: Vec<u8>,
    /// Place of the latest message in the buffer.
    message: Range<usize>,
}

impl CloudEncoder {
    /// Serializes a cloud as `sensor_msgs/PointCloud2`: unorganized (height 1), fields x y z
    /// intensity, `is_dense` if every coordinate is finite.
    ///
    /// # Panics
    ///
    /// If the cloud has more than 268 million points: CDR counts bytes in 32 bits. Messages of that size
    /// exceed the limit of the link.
    pub fn encode(&mut self, header: Header<'_>, cloud: &Cloud) -> &[u8] {
        let data_bytes = cloud.len() * POINT_STEP;
        header::write_cloud_header(
            &mut Writer::begin(&mut self.cloud_header),
            header,
            &X_Y_Z_INTENSITY,
            POINT_STEP,
            cloud.len(),
        );

        let length = self.cloud_header.len() + data_bytes + size_of::<bool>();
        if self.buffer.len() < length + DATA_ALIGNMENT {
            self.buffer.resize(length + DATA_ALIGNMENT, 0);
        }
        let first_aligned = self.buffer.as_ptr().align_offset(DATA_ALIGNMENT);
        let begin = (first_aligned + DATA_ALIGNMENT - self.cloud_header.len() % DATA_ALIGNMENT)
            % DATA_ALIGNMENT;
        self.message = begin..begin + length;
        let message = &mut self.buffer[self.message.clone()];
        let (cloud_header, rest) = message.split_at_mut(self.cloud_header.len());
        let (data, is_dense) = rest.split_at_mut(data_bytes);
        cloud_header.copy_from_slice(&self.cloud_header);
        is_dense[0] = interleave(cloud.points(), cloud.intensities(), data).into();
        message
    }

    /// Returns the message that was serialized last. Empty before the first.
    #[must_use]
    pub fn latest(&self) -> &[u8] {
        &self.buffer[self.message.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::stamp::Stamp;
    use proptest::prelude::*;

    fn cloud_of(values: &[[f32; 4]]) -> Cloud {
        let points: Vec<u8> = values
            .iter()
            .flat_map(|v| &v[..3])
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let intensities: Vec<u8> = values.iter().flat_map(|v| v[3].to_le_bytes()).collect();
        Cloud::new(points.into(), intensities.into()).expect("fits")
    }

    /// Builds the message field by field from the CDR rules, independent of the encoder.
    fn reference_message(stamp: Stamp, frame_id: &str, values: &[[f32; 4]]) -> Vec<u8> {
        fn put_u32(body: &mut Vec<u8>, value: u32) {
            while !body.len().is_multiple_of(4) {
                body.push(0);
            }
            body.extend(value.to_le_bytes());
        }
        fn put_string(body: &mut Vec<u8>, value: &str) {
            put_u32(body, u32::try_from(value.len()).unwrap() + 1);
            body.extend(value.bytes().chain([0]));
        }
        let width = u32::try_from(values.len()).unwrap();
        let mut body = Vec::new();
        body.extend(stamp.sec.to_le_bytes());
        put_u32(&mut body, stamp.nanosec);
        put_string(&mut body, frame_id);
        put_u32(&mut body, 1);
        put_u32(&mut body, width);
        put_u32(&mut body, 4);
        for (name, offset) in [("x", 0), ("y", 4), ("z", 8), ("intensity", 12)] {
            put_string(&mut body, name);
            put_u32(&mut body, offset);
            body.push(7);
            put_u32(&mut body, 1);
        }
        body.push(0);
        put_u32(&mut body, 16);
        put_u32(&mut body, 16 * width);
        put_u32(&mut body, 16 * width);
        body.extend(values.iter().flatten().flat_map(|v| v.to_le_bytes()));
        let finite = values.iter().all(|v| v[..3].iter().all(|c| c.is_finite()));
        body.push(u8::from(finite));
        [vec![0, 1, 0, 0], body].concat()
    }

    proptest! {
        /// With any former contents of the buffer.
        #[test]
        fn equals_the_reference_message(
            sec: i32,
            nanosec in 0u32..1_000_000_000,
            frame_id in "[a-z/_]{0,40}",
            clouds in proptest::collection::vec(
                proptest::collection::vec(any::<[f32; 4]>(), 0..50), 1..4),
        ) {
            let mut encoder = CloudEncoder::default();
            let stamp = Stamp { sec, nanosec };
            for values in clouds {
                let header = Header { stamp: stamp.into(), frame_id: &frame_id };
                prop_assert_eq!(
                    encoder.encode(header, &cloud_of(&values)),
                    reference_message(stamp, &frame_id, &values)
                );
            }
        }
    }

    #[test]
    fn points_are_aligned_for_every_length_of_the_frame_id() {
        let mut encoder = CloudEncoder::default();
        for length in 0..100 {
            let header = Header {
                stamp: Stamp::default().into(),
                frame_id: &"f".repeat(length),
            };
            let cloud = cloud_of(&[[1.0; 4]; 5]);
            let message = encoder.encode(header, &cloud);
            let data = &message[message.len() - 1 - 5 * POINT_STEP..];
            assert_eq!(data.as_ptr().align_offset(DATA_ALIGNMENT), 0, "{length}");
        }
    }

    #[test]
    fn buffer_is_reused() {
        let header = Header {
            stamp: Stamp::default().into(),
            frame_id: "sensr",
        };
        let mut encoder = CloudEncoder::default();
        let first = encoder
            .encode(header, &cloud_of(&[[1.0; 4]; 1000]))
            .as_ptr();
        let second = encoder.encode(header, &cloud_of(&[[2.0; 4]; 999])).as_ptr();
        assert_eq!(first, second);
    }
}
