use sensr_protocol::points::decode_points;
use sensr_protocol::wire::proto::OutputMessage;

use super::*;
use crate::websocket::FrameHeader;

fn joined(frame: &PointFrame, number: u32) -> Vec<u8> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let number = (number as f32).to_le_bytes();
    frame.parts().join(&number[..])
}

/// Returns the payload of a frame, whose header must declare exactly its length.
fn payload_of(frame: &[u8]) -> Bytes {
    let mut rest = frame;
    let header = FrameHeader::read(&mut rest).unwrap();
    assert!(header.is_binary_message());
    assert_eq!(header.length, rest.len());
    rest.to_vec().into()
}

#[test]
fn point_frame_decodes_to_its_clouds_with_the_number_in_the_first_x() {
    for (points, types) in [
        (1, &[CloudType::Raw][..]),
        (7, &[CloudType::Raw, CloudType::Ground]),
        (70_000, &[CloudType::Raw]),
    ] {
        let frame = PointFrame::encode(points, types, 3);
        assert_eq!(frame.points(), points);
        let decoded = decode_points(payload_of(&joined(&frame, 4711))).unwrap();
        assert_eq!(decoded.clouds.len(), types.len());
        for cloud in decoded.clouds {
            assert_eq!(cloud.points.len(), points * POINT_BYTES);
            assert_eq!(cloud.intensities.len(), points * INTENSITY_BYTES);
            assert_eq!(cloud.points[..NUMBER_BYTES], 4711f32.to_le_bytes());
        }
    }
}

#[test]
fn points_differ_by_seed_and_are_finite() {
    let (one, other) = (1, 2);
    let [one, other] = [one, other].map(|seed| PointFrame::encode(100, &[CloudType::Raw], seed));
    assert_ne!(one.parts(), other.parts());
    let payload = payload_of(&joined(&one, 0));
    let cloud = &decode_points(payload).unwrap().clouds[0];
    for bytes in cloud.points.chunks_exact(4) {
        let value = f32::from_le_bytes(bytes.try_into().unwrap());
        assert!((-100.0..=100.0).contains(&value), "{value}");
    }
}

#[test]
fn output_frame_has_the_given_time_and_objects_that_move() {
    let seconds = |seconds| Timestamp { seconds, nanos: 5 };
    let frames = OutputFrames::encode(2, 40, 3, seconds(1));
    let mut buffer = Vec::new();
    let [first, second] = [0, 1].map(|number| {
        frames.write(number, seconds(10), &mut buffer);
        OutputMessage::decode(payload_of(&buffer)).unwrap()
    });
    assert_eq!(first.timestamp, Some(seconds(10)));
    let positions = |message: OutputMessage| -> Vec<_> {
        let stream = message.stream.unwrap();
        assert!(stream.has_objects);
        assert_eq!(stream.objects.len(), 40);
        let objects = stream.objects.into_iter();
        let position = |object: Object| {
            assert_eq!(object.points.len(), 3 * POINT_BYTES);
            object.bbox.unwrap().position.unwrap()
        };
        objects.map(position).collect()
    };
    assert_ne!(positions(first), positions(second));
}
