//! Serialized `sensor_msgs/PointCloud2` that is ready but for its number.

use ros_cdr::{Header, Time, Writer};

/// Bytes of a point: x, y, z, intensity.
const POINT_STEP: usize = 16;
/// `FLOAT32` of `sensor_msgs/PointField`.
const FLOAT32: u8 = 7;

/// Serialized cloud of zeros, in which the first x is replaced.
#[derive(Debug, Clone)]
pub struct CloudMessage {
    bytes: Vec<u8>,
    data_at: usize,
}

impl CloudMessage {
    /// Serializes a cloud of `points` points.
    #[must_use]
    pub fn new(points: usize) -> Self {
        let mut bytes = Vec::new();
        let mut out = Writer::begin(&mut bytes);
        out.write_header(Header {
            stamp: Time::default(),
            frame_id: "sensr",
        });
        out.write_u32(1); // height
        out.write_length(points); // width
        let fields = ["x", "y", "z", "intensity"].iter().enumerate();
        out.write_sequence(fields, |out, (i, name)| {
            out.write_string(name);
            out.write_length(i * size_of::<f32>());
            out.write_u8(FLOAT32);
            out.write_u32(1); // count
        });
        out.write_bool(false); // is_bigendian
        out.write_length(POINT_STEP);
        out.write_length(points * POINT_STEP); // row_step
        out.write_length(points * POINT_STEP); // length of data
        out.append_zeros(points * POINT_STEP);
        out.write_bool(true); // is_dense
        // `is_dense` takes one byte and is not aligned.
        let data_at = bytes.len() - 1 - points * POINT_STEP;
        Self { bytes, data_at }
    }

    /// Replaces the x of the first point and returns the message.
    pub fn with_number(&mut self, x: [u8; 4]) -> &[u8] {
        self.bytes[self.data_at..][..x.len()].copy_from_slice(&x);
        &self.bytes
    }
}
