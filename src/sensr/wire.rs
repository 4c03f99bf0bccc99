//! SENSR's wire format: protobuf messages in binary WebSocket messages.
//!
//! The types are generated from `proto/sensr.proto`. Decoding is zero-copy: byte fields of a decoded
//! message are slices of the frame it came in, which they keep alive.

use super::measure::{FLAT, MAX_FIELDS, MIN_FIELD_BYTES};
use bytes::Bytes;
pub use proto::point_result::PointCloud;
pub use proto::point_result::point_cloud::Type as CloudType;

/// The generated messages.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::pedantic,
    reason = "generated; the .proto carries the documentation"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/sensr_proto.rs"));
}

/// The output stream's messages with their parts unopened.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    reason = "generated; the .proto carries the documentation"
)]
pub(super) mod envelope {
    include!(concat!(env!("OUT_DIR"), "/sensr_envelope.rs"));
}

/// Default TCP port of the point stream ([`proto::PointResult`]).
pub const POINTS_PORT: u16 = 5051;

/// Default TCP port of the output stream ([`proto::OutputMessage`]).
pub const OUTPUT_PORT: u16 = 5050;

/// Bytes of one point in [`PointCloud::points`]: x, y, z as little-endian float32, metres.
pub const POINT_BYTES: usize = 12;

/// Bytes of one value in [`PointCloud::intensities`]: a little-endian float32.
pub const INTENSITY_BYTES: usize = 4;

/// A message of the point stream with more clouds than this is none. A cloud of two bytes becomes a hundred in
/// memory, and a message of its own. SENSR sends three, or one per sensor.
const MAX_CLOUDS: usize = 10_000;

/// How many points are in a field like [`PointCloud::points`]. None if they are no whole number of x y z
/// triples.
#[must_use]
pub fn point_count(points: &[u8]) -> Option<usize> {
    let count = points.len() / POINT_BYTES;
    (count * POINT_BYTES == points.len()).then_some(count)
}

/// A frame that is no protobuf message of the expected kind.
#[derive(Debug, thiserror::Error)]
#[error("frame of {length} bytes is no {message}: {source}")]
pub struct DecodeError {
    message: &'static str,
    length: usize,
    source: Flaw,
}

#[derive(Debug, thiserror::Error)]
enum Flaw {
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    #[error("more than {0} fields")]
    TooManyFields(usize),
}

/// Decodes one frame of the point stream. The clouds are views into `frame`.
pub fn decode_points(frame: Bytes) -> Result<proto::PointResult, DecodeError> {
    decode(frame, "PointResult", MAX_CLOUDS)
}

/// Opens the envelope of one frame of the output stream. The parts are views into `frame`.
pub(super) fn decode_output_envelope(frame: Bytes) -> Result<envelope::Output, DecodeError> {
    decode(frame, "OutputMessage", MAX_FIELDS)
}

/// Decodes a message that has no more than `max_fields`, those of embedded messages not counted.
fn decode<T: prost::Message + Default>(
    frame: Bytes,
    message: &'static str,
    max_fields: usize,
) -> Result<T, DecodeError> {
    let length = frame.len();
    let is_short = length / MIN_FIELD_BYTES <= max_fields;
    let decoded = if is_short || FLAT.fits(&frame, &mut { max_fields }) {
        T::decode(frame).map_err(Flaw::from)
    } else {
        Err(Flaw::TooManyFields(max_fields))
    };
    decoded.map_err(|source| DecodeError {
        message,
        length,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    fn result_with(points: Bytes) -> proto::PointResult {
        proto::PointResult {
            points: vec![PointCloud {
                r#type: CloudType::Raw.into(),
                id: "algo#lidar".to_owned(),
                points,
                intensities: Bytes::new(),
            }],
            uid: "uid".to_owned(),
        }
    }

    #[test]
    fn clouds_are_views_into_the_frame() {
        let frame = Bytes::from(result_with(vec![7; 1200].into()).encode_to_vec());
        let decoded = decode_points(frame.clone()).expect("valid");
        let cloud = &decoded.points[0];
        let range = frame.as_ptr_range();
        assert!(range.contains(&cloud.points.as_ptr()), "points were copied");
        assert_eq!(cloud.points, vec![7; 1200]);
    }

    #[test]
    fn field_numbers_are_those_of_the_interface() {
        // Written by hand from the interface tables, so that a slip in the .proto cannot agree with itself.
        let mut frame = vec![0x0a, 31]; // PointResult.points = 1
        frame.extend([0x08, 3]); // type = 1: RAW
        frame.extend([0x12, 3, b'a', b'#', b'b']); // id = 2
        frame.extend([0x1a, 12]); // points = 3
        frame.extend([1.0f32, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()));
        frame.extend([0x22, 4]); // intensities = 4
        frame.extend(9.0f32.to_le_bytes());
        frame[1] = u8::try_from(frame.len() - 2).expect("short");
        frame.extend([0xca, 0x0c, 1, b'u']); // uid = 201
        let decoded = decode_points(frame.into()).expect("valid");
        assert_eq!(decoded.uid, "u");
        let cloud = &decoded.points[0];
        assert_eq!(cloud.r#type(), CloudType::Raw);
        assert_eq!(cloud.id, "a#b");
        assert_eq!(cloud.points.len(), POINT_BYTES);
        assert_eq!(cloud.intensities, 9.0f32.to_le_bytes().to_vec());
    }

    #[test]
    fn unknown_fields_and_enum_values_pass() {
        let mut message = result_with(Bytes::new());
        message.points[0].r#type = 77;
        let mut frame = message.encode_to_vec();
        frame.extend([0xf8, 0x3f, 5]); // field 1023, varint 5
        let decoded = decode_points(frame.into()).expect("newer servers add fields");
        assert_eq!(decoded.points[0].r#type, 77);
    }

    #[test]
    fn a_truncated_frame_is_an_error_that_names_its_size() {
        let mut frame = result_with(vec![0; 24].into()).encode_to_vec();
        frame.truncate(frame.len() - 8);
        let error = decode_points(frame.into())
            .expect_err("truncated")
            .to_string();
        assert!(error.contains("PointResult"), "{error}");
    }

    #[test]
    fn a_frame_with_clouds_without_end_is_none() {
        let frame = |clouds| Bytes::from([0x0a, 0].repeat(clouds));
        let decoded = decode_points(frame(MAX_CLOUDS)).expect("just so many");
        assert_eq!(decoded.points.len(), MAX_CLOUDS);
        let error = decode_points(frame(MAX_CLOUDS + 1)).expect_err("one too many");
        assert!(error.to_string().contains("10000 fields"), "{error}");
        decode_output_envelope(frame(MAX_FIELDS + 1)).expect_err("too many timestamps");
    }
}
