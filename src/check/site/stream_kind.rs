//! Recognition of a stream by its frames. Protobuf alone does not tell: most frames of one stream decode as the other.

use bytes::Bytes;
use sensr_protocol::custom::Generation;
use sensr_protocol::output::{Output, decode_output};
use sensr_protocol::points::{Points, decode_points};
use sensr_protocol::wire::point_count;

use crate::time::stamp::Stamp;
use crate::topic::Topic;

/// Returns whether a frame is of the point stream: a cloud of a known type with points.
pub(super) fn has_clouds(points: &Points) -> bool {
    points.clouds.iter().any(|cloud| {
        Topic::of_cloud_type(cloud.r#type).is_some()
            && point_count(&cloud.points).is_some_and(|count| count > 0)
    })
}

/// Returns whether a message is of the output stream: a time that can be true, or a part that decodes.
pub(super) fn is_output(output: &Output) -> bool {
    output.time.and_then(Stamp::from_wire).is_some()
        || output.objects.is_some()
        || output.zones.is_some()
        || output.stream_health.is_some()
        || output.event_health.is_some()
}

/// Returns whether a frame received as one of the output stream is of the point stream.
pub(super) fn is_points_frame(frame: Bytes) -> bool {
    decode_points(frame).is_ok_and(|points| has_clouds(&points))
}

/// Returns whether a frame received as one of the point stream is of the output stream.
pub(super) fn is_output_frame(frame: Bytes) -> bool {
    decode_output(frame, &mut Generation::default()).is_ok_and(|output| is_output(&output))
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::Timestamp;
    use sensr_protocol::wire::proto::{OutputMessage, PointResult, StreamMessage};
    use sensr_protocol::wire::{CloudType, PointCloud};

    use super::*;

    #[test]
    fn streams_are_told_apart_although_each_decodes_as_the_other() {
        let clouds = PointResult {
            points: vec![PointCloud {
                r#type: CloudType::Raw.into(),
                points: vec![0; 24].into(),
                ..PointCloud::default()
            }],
            ..PointResult::default()
        };
        let output = OutputMessage {
            timestamp: Some(Timestamp {
                seconds: 1_800_000_000,
                nanos: 5,
            }),
            stream: Some(StreamMessage {
                has_objects: true,
                ..StreamMessage::default()
            }),
            ..OutputMessage::default()
        };
        let (clouds, output) = (
            Bytes::from(clouds.encode_to_vec()),
            Bytes::from(output.encode_to_vec()),
        );
        assert!(is_points_frame(clouds.clone()) && !is_output_frame(clouds));
        assert!(is_output_frame(output.clone()) && !is_points_frame(output));
        for other in [&b""[..], b"\x01\x02\x03", b"hello"] {
            let other = Bytes::from_static(other);
            assert!(!is_points_frame(other.clone()) && !is_output_frame(other));
        }
    }
}
