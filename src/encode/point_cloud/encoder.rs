//! One of SENSR's clouds as a serialized `sensor_msgs/PointCloud2`, written in one pass.

use super::header::{self, X_Y_Z_INTENSITY};
use super::{Cloud, interleave};
use crate::encode::cdr::{Header, Writer};

/// Bytes of one point in the message: x, y, z, intensity, each a little-endian float32.
pub const POINT_STEP: usize = 16;

/// The points are written to an address that is a multiple of this, the size of a cache line: stores
/// across its border cost small clouds a seventh of the speed.
const DATA_ALIGNMENT: usize = 64;

/// Serializes clouds into one buffer that is kept from cloud to cloud, so that after the largest one
/// has been through nothing is allocated any more.
///
/// ```
/// use sensr_bridge::encode::cdr::Header;
/// use sensr_bridge::encode::point_cloud::{Cloud, CloudEncoder};
/// use sensr_bridge::time::stamp::Stamp;
///
/// let cloud = Cloud::new(vec![0; 24].into(), vec![0; 8].into())?;
/// let header = Header { stamp: Stamp::now(), frame_id: "sensr" };
/// let mut encoder = CloudEncoder::default();
/// let message = encoder.encode(header, &cloud);
/// assert_eq!(message[..4], [0, 1, 0, 0]);
/// # Ok::<(), sensr_bridge::encode::point_cloud::MalformedCloud>(())
/// ```
#[derive(Debug, Default)]
pub struct CloudEncoder {
    /// All that stands before the points. Some 150 bytes.
    envelope: Vec<u8>,
    /// The message. It begins where its points come to stand aligned.
    buffer: Vec<u8>,
}

impl CloudEncoder {
    /// The cloud as a serialized `sensor_msgs/PointCloud2`: unorganized (height 1), fields x y z
    /// intensity, `is_dense` if every coordinate is finite.
    ///
    /// # Panics
    ///
    /// If the cloud has more than 268 million points: CDR counts bytes in 32 bits, and the link takes
    /// no message of that size.
    pub fn encode(&mut self, header: Header<'_>, cloud: &Cloud) -> &[u8] {
        let data_bytes = cloud.len() * POINT_STEP;
        header::write(
            &mut Writer::begin(&mut self.envelope),
            header,
            &X_Y_Z_INTENSITY,
            POINT_STEP,
            cloud.len(),
        );

        let length = self.envelope.len() + data_bytes + size_of::<bool>();
        if self.buffer.len() < length + DATA_ALIGNMENT {
            self.buffer.resize(length + DATA_ALIGNMENT, 0);
        }
        let first_aligned = self.buffer.as_ptr().align_offset(DATA_ALIGNMENT);
        let begin = (first_aligned + DATA_ALIGNMENT - self.envelope.len() % DATA_ALIGNMENT)
            % DATA_ALIGNMENT;
        let message = &mut self.buffer[begin..][..length];
        let (envelope, rest) = message.split_at_mut(self.envelope.len());
        let (data, is_dense) = rest.split_at_mut(data_bytes);
        envelope.copy_from_slice(&self.envelope);
        is_dense[0] = interleave(cloud.points(), cloud.intensities(), data).into();
        message
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

    /// Built field by field from the CDR rules, sharing nothing with the encoder.
    fn by_the_rules(stamp: Stamp, frame_id: &str, values: &[[f32; 4]]) -> Vec<u8> {
        fn put(body: &mut Vec<u8>, value: u32) {
            while !body.len().is_multiple_of(4) {
                body.push(0);
            }
            body.extend(value.to_le_bytes());
        }
        fn put_string(body: &mut Vec<u8>, value: &str) {
            put(body, u32::try_from(value.len()).unwrap() + 1);
            body.extend(value.bytes().chain([0]));
        }
        let width = u32::try_from(values.len()).unwrap();
        let mut body = Vec::new();
        body.extend(stamp.sec.to_le_bytes());
        put(&mut body, stamp.nanosec);
        put_string(&mut body, frame_id);
        put(&mut body, 1);
        put(&mut body, width);
        put(&mut body, 4);
        for (name, offset) in [("x", 0), ("y", 4), ("z", 8), ("intensity", 12)] {
            put_string(&mut body, name);
            put(&mut body, offset);
            body.push(7);
            put(&mut body, 1);
        }
        body.push(0);
        put(&mut body, 16);
        put(&mut body, 16 * width);
        put(&mut body, 16 * width);
        body.extend(values.iter().flatten().flat_map(|v| v.to_le_bytes()));
        let finite = values.iter().all(|v| v[..3].iter().all(|c| c.is_finite()));
        body.push(u8::from(finite));
        [vec![0, 1, 0, 0], body].concat()
    }

    proptest! {
        /// Whatever went through the buffer before.
        #[test]
        fn equals_the_rules(
            sec: i32,
            nanosec in 0u32..1_000_000_000,
            frame_id in "[a-z/_]{0,40}",
            clouds in proptest::collection::vec(
                proptest::collection::vec(any::<[f32; 4]>(), 0..50), 1..4),
        ) {
            let mut encoder = CloudEncoder::default();
            let stamp = Stamp { sec, nanosec };
            for values in clouds {
                let header = Header { stamp, frame_id: &frame_id };
                prop_assert_eq!(
                    encoder.encode(header, &cloud_of(&values)),
                    by_the_rules(stamp, &frame_id, &values)
                );
            }
        }
    }

    #[test]
    fn the_points_are_aligned_whatever_the_frame_id() {
        let mut encoder = CloudEncoder::default();
        for length in 0..100 {
            let header = Header {
                stamp: Stamp::default(),
                frame_id: &"f".repeat(length),
            };
            let cloud = cloud_of(&[[1.0; 4]; 5]);
            let message = encoder.encode(header, &cloud);
            let data = &message[message.len() - 1 - 5 * POINT_STEP..];
            assert_eq!(data.as_ptr().align_offset(DATA_ALIGNMENT), 0, "{length}");
        }
    }

    #[test]
    fn the_buffer_is_kept() {
        let header = Header {
            stamp: Stamp::default(),
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
