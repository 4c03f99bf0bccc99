//! Recognition of received messages.

use ros_cdr::{ReadError, Reader};

/// Cloud as it is recorded on arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// The x of the first point: the number of the frame.
    pub number: f32,
    /// Points in the cloud.
    pub points: usize,
    /// Stamp of the header, ns since the epoch.
    pub stamp_ns: i64,
}

/// Error of a message that is not a cloud with a number.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// The message is not a `sensor_msgs/PointCloud2`.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The cloud has no x, or no point.
    #[error("the cloud has no point with an x")]
    NoNumber,
}

impl Arrival {
    /// Reads number and size from a serialized `sensor_msgs/PointCloud2`.
    pub fn read(message: &[u8]) -> Result<Self, ArrivalError> {
        let mut reader = Reader::new(message)?;
        let stamp = reader.read_header()?.stamp;
        let height = reader.read_length()?;
        let width = reader.read_length()?;
        let mut x_at = None;
        for _ in 0..reader.read_length()? {
            let name = reader.read_string()?;
            let offset = reader.read_length()?;
            reader.read_u8()?; // datatype
            reader.read_u32()?; // count
            if name == "x" {
                x_at = Some(offset);
            }
        }
        reader.read_bool()?; // is_bigendian
        reader.read_u32()?; // point_step
        reader.read_u32()?; // row_step
        let data = reader.read_byte_sequence()?;
        let x = x_at.and_then(|at| data.get(at..)?.first_chunk::<4>());
        Ok(Self {
            number: f32::from_le_bytes(*x.ok_or(ArrivalError::NoNumber)?),
            points: height.saturating_mul(width),
            stamp_ns: i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nanosec),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud_message::CloudMessage;

    #[test]
    fn number_and_size_of_a_ready_message_are_read() {
        for points in [1, 1000] {
            let mut message = CloudMessage::new(points);
            for number in [0.0f32, 16_777_216.0] {
                let arrival = Arrival::read(message.with_number(number.to_le_bytes())).unwrap();
                assert_eq!(
                    arrival,
                    Arrival {
                        number,
                        points,
                        stamp_ns: 0
                    }
                );
            }
        }
    }

    #[test]
    fn cloud_without_a_point_has_no_number() {
        // Only `is_dense` is behind the end of the data of an empty cloud.
        let empty = CloudMessage::new(1).with_number([0; 4]).to_vec();
        let truncated = &empty[..empty.len() - 2];
        assert!(matches!(
            Arrival::read(truncated),
            Err(ArrivalError::Read(_))
        ));
        assert!(Arrival::read(&[]).is_err());
    }
}
