//! SENSR's wire format: protobuf messages in binary WebSocket messages.
//!
//! The types are generated from `proto/sensr.proto`. Decoding is zero-copy: points and intensities of a decoded
//! message are slices of the frame it came in, which they keep alive.

use super::field_limits::{FLAT, MAX_FIELDS, MIN_FIELD_BYTES};
use bytes::Bytes;
use prost::Message as _;
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
pub(crate) mod envelope {
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

impl DecodeError {
    pub(crate) fn new(message: &'static str, length: usize, flaw: impl Into<Flaw>) -> Self {
        Self {
            message,
            length,
            source: flaw.into(),
        }
    }
}

/// Reason why a frame is no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Flaw {
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    #[error("more than {0} fields")]
    TooManyFields(usize),
}

/// Opens the envelope of one frame of the output stream. The parts are views into `frame`.
pub(crate) fn decode_output_envelope(frame: Bytes) -> Result<envelope::Output, DecodeError> {
    let length = frame.len();
    require_few_fields(&frame, "OutputMessage", MAX_FIELDS)?;
    envelope::Output::decode(frame)
        .map_err(|error| DecodeError::new("OutputMessage", length, error))
}

/// Requires that a message has no more than `max_fields`, those of embedded messages not counted.
pub(crate) fn require_few_fields(
    frame: &[u8],
    message: &'static str,
    max_fields: usize,
) -> Result<(), DecodeError> {
    let is_short = frame.len() / MIN_FIELD_BYTES <= max_fields;
    if is_short || FLAT.fits(frame, &mut { max_fields }) {
        return Ok(());
    }
    let flaw = Flaw::TooManyFields(max_fields);
    Err(DecodeError::new(message, frame.len(), flaw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_with_fields_without_end_is_none() {
        let frame = |fields| Bytes::from([0x0a, 0].repeat(fields));
        decode_output_envelope(frame(MAX_FIELDS)).expect("just so many");
        let error = decode_output_envelope(frame(MAX_FIELDS + 1)).expect_err("one too many");
        assert!(error.to_string().contains("1000000 fields"), "{error}");
    }
}
