//! Wire format of SENSR: protobuf messages in binary WebSocket messages.
//!
//! The types are generated from `proto/sensr.proto`. Decoding is zero-copy: points and intensities of a decoded
//! message are slices of the received frame, which they keep alive.

use crate::field_limits::{MAX_FIELDS, has_at_most_fields};
use bytes::Bytes;
use prost::Message as _;
pub use proto::point_result::PointCloud;
pub use proto::point_result::point_cloud::Type as CloudType;

/// Messages generated from `sensr.proto`.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::pedantic,
    reason = "generated; the .proto carries the documentation"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/sensr_proto.rs"));
}

/// Messages of the output stream with their embedded messages as bytes, generated from `envelope.proto`.
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

/// Number of points in a field like [`PointCloud::points`]. `None` if its length is not a multiple of
/// [`POINT_BYTES`].
#[must_use]
pub fn point_count(points: &[u8]) -> Option<usize> {
    let count = points.len() / POINT_BYTES;
    (count * POINT_BYTES == points.len()).then_some(count)
}

/// Frame that is not a protobuf message of the expected type.
#[derive(Debug, thiserror::Error)]
#[error("frame of {length} bytes is not a valid {message}: {source}")]
pub struct DecodeError {
    message: &'static str,
    length: usize,
    source: DecodeErrorKind,
}

impl DecodeError {
    pub(crate) fn new(
        message: &'static str,
        length: usize,
        kind: impl Into<DecodeErrorKind>,
    ) -> Self {
        Self {
            message,
            length,
            source: kind.into(),
        }
    }
}

/// Reason why a frame cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeErrorKind {
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    #[error("more than {0} fields")]
    TooManyFields(usize),
}

/// Decodes one frame of the output stream, leaving its parts as bytes that are views into `frame`.
pub(crate) fn decode_output_envelope(frame: Bytes) -> Result<envelope::Output, DecodeError> {
    let length = frame.len();
    require_few_fields(&frame, "OutputMessage", MAX_FIELDS)?;
    envelope::Output::decode(frame)
        .map_err(|error| DecodeError::new("OutputMessage", length, error))
}

/// Requires that a frame has no more than `max_fields` fields, not counting those of embedded messages.
pub(crate) fn require_few_fields(
    frame: &[u8],
    message: &'static str,
    max_fields: usize,
) -> Result<(), DecodeError> {
    if has_at_most_fields(frame, max_fields) {
        return Ok(());
    }
    let kind = DecodeErrorKind::TooManyFields(max_fields);
    Err(DecodeError::new(message, frame.len(), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_with_too_many_fields_is_refused() {
        let frame = |fields| Bytes::from([0x0a, 0].repeat(fields));
        decode_output_envelope(frame(MAX_FIELDS)).expect("as many as allowed");
        let error = decode_output_envelope(frame(MAX_FIELDS + 1)).expect_err("one too many");
        assert!(error.to_string().contains("1000000 fields"), "{error}");
    }
}
