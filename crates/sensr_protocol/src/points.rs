//! Decoding of the point stream, cloud by cloud: a cloud that fails to decode costs only itself.

use bytes::{Buf as _, Bytes};
use prost::Message as _;
use prost::encoding::{self, DecodeContext, WireType, decode_key, skip_field};

use crate::decode_failures::DecodeFailures;
use crate::wire::{DecodeError, PointCloud, require_few_fields};

/// Limit on the clouds of one message; with more, the whole message is refused. A cloud of two bytes becomes a hundred
/// in memory, and a message of its own. SENSR sends three, or one per sensor.
const MAX_CLOUDS: usize = 10_000;

const MESSAGE: &str = "PointResult";

/// Field numbers of `PointResult`.
const POINTS: u32 = 1;
const UID: u32 = 201;

/// Field number of `PointCloud.type`.
const TYPE: u32 = 1;

/// Message of the point stream. Points and intensities are views into its frame.
#[derive(Debug, Default)]
pub struct Points {
    /// Clouds that decode, in the order of the message.
    pub clouds: Vec<PointCloud>,
    /// Types of the clouds that do not decode, where they are readable.
    pub broken_types: Vec<i32>,
    /// Parts that failed to decode, clouds with a readable type included, and texts that are not UTF-8.
    pub failures: DecodeFailures,
}

/// Decodes one frame of the point stream.
///
/// Fails if the frame is not a protobuf message at all.
pub fn decode_points(frame: Bytes) -> Result<Points, DecodeError> {
    let mut points = Points::default();
    decode_points_into(frame, &mut points)?;
    Ok(points)
}

/// Decodes one frame like [`decode_points`], into a message whose former contents are discarded and whose memory is used
/// again.
pub fn decode_points_into(frame: Bytes, points: &mut Points) -> Result<(), DecodeError> {
    points.clear();
    require_few_fields(&frame, MESSAGE, MAX_CLOUDS)?;
    let length = frame.len();
    let mut rest = frame;
    points
        .decode_fields(&mut rest)
        .map_err(|error| DecodeError::new(MESSAGE, length, error))
}

impl Points {
    fn clear(&mut self) {
        self.clouds.clear();
        self.broken_types.clear();
        self.failures = DecodeFailures::default();
    }

    fn decode_fields(&mut self, rest: &mut Bytes) -> Result<(), prost::DecodeError> {
        while rest.has_remaining() {
            let (number, wire_type) = decode_key(rest)?;
            match (number, wire_type) {
                (POINTS, WireType::LengthDelimited) => {
                    let cloud = split_off_bytes(rest)?;
                    self.decode_cloud(&cloud);
                }
                (UID, WireType::LengthDelimited) => {
                    let uid = split_off_bytes(rest)?;
                    self.failures.check_text("uid", &uid);
                }
                _ => {
                    // A field of the wrong wire type is an unknown field.
                    skip_field(wire_type, number, rest, DecodeContext::default())?;
                    if number == POINTS {
                        self.failures.record_failure("cloud", 1, "it is a number");
                    }
                }
            }
        }
        Ok(())
    }

    fn decode_cloud(&mut self, bytes: &Bytes) {
        match PointCloud::decode(bytes.clone()) {
            Ok(cloud) => {
                self.failures.check_text("cloud id", &cloud.id);
                self.clouds.push(cloud);
            }
            Err(error) => {
                self.failures.record_failure("cloud", 1, error);
                self.broken_types.extend(readable_type(bytes));
            }
        }
    }
}

/// Splits the contents of a length-delimited field off, as a view.
fn split_off_bytes(rest: &mut Bytes) -> Result<Bytes, prost::DecodeError> {
    let mut contents = Bytes::new();
    let wire_type = WireType::LengthDelimited;
    encoding::bytes::merge(wire_type, &mut contents, rest, DecodeContext::default())?;
    Ok(contents)
}

/// Type of a cloud that does not decode. `None` if it is not readable either.
fn readable_type(mut cloud: &[u8]) -> Option<i32> {
    let mut readable = None;
    while let Ok((number, wire_type)) = decode_key(&mut cloud) {
        let mut value = 0;
        let context = DecodeContext::default();
        let result = if (number, wire_type) == (TYPE, WireType::Varint) {
            encoding::int32::merge(wire_type, &mut value, &mut cloud, context)
                .inspect(|()| readable = Some(value))
        } else {
            skip_field(wire_type, number, &mut cloud, context)
        };
        if result.is_err() {
            break;
        }
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{CloudType, POINT_BYTES, proto};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn result_with(points: Bytes) -> proto::PointResult {
        proto::PointResult {
            points: vec![PointCloud {
                r#type: CloudType::Raw.into(),
                id: "algo#lidar".into(),
                points,
                intensities: Bytes::new(),
            }],
            uid: "uid".into(),
        }
    }

    #[test]
    fn clouds_are_views_into_the_frame() {
        let frame = Bytes::from(result_with(vec![7; 1200].into()).encode_to_vec());
        let decoded = decode_points(frame.clone()).expect("valid");
        let cloud = &decoded.clouds[0];
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
        let cloud = &decoded.clouds[0];
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
        assert_eq!(decoded.clouds[0].r#type, 77);
    }

    #[test]
    fn truncated_frame_is_refused_by_name() {
        let mut frame = result_with(vec![0; 24].into()).encode_to_vec();
        frame.truncate(frame.len() - 8);
        let error = decode_points(frame.into())
            .expect_err("truncated")
            .to_string();
        assert!(error.contains("PointResult"), "{error}");
    }

    #[test]
    fn frame_with_too_many_clouds_is_refused() {
        let frame = |clouds| Bytes::from([0x0a, 0].repeat(clouds));
        let decoded = decode_points(frame(MAX_CLOUDS)).expect("as many as allowed");
        assert_eq!(decoded.clouds.len(), MAX_CLOUDS);
        let error = decode_points(frame(MAX_CLOUDS + 1)).expect_err("one too many");
        assert!(error.to_string().contains("10000 fields"), "{error}");
    }

    /// Length-delimited field of the frame or of a cloud.
    fn field(number: u32, contents: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encoding::encode_key(number, WireType::LengthDelimited, &mut bytes);
        encoding::encode_varint(contents.len() as u64, &mut bytes);
        bytes.extend(contents);
        bytes
    }

    #[test]
    fn broken_cloud_costs_only_itself_and_its_type_is_read_where_possible() {
        let good = field(1, &[8, 1]);
        // Points that are a number, after the type, before it and without a type; a type that is a float.
        let after = field(1, &[8, 3, 0x18, 5]);
        let before = field(1, &[0x18, 5, 8, 2]);
        let without = field(1, &[0x18, 5]);
        let float = field(1, &[0x0d, 0, 0, 0, 0]);
        // Points longer than the cloud.
        let cut = field(1, &[8, 3, 0x1a, 100, 1]);
        let number = vec![8, 5];
        let parts = [
            &good, &after, &before, &without, &float, &cut, &number, &good,
        ];
        let frame: Vec<u8> = parts.into_iter().flatten().copied().collect();
        let decoded = decode_points(frame.into()).expect("a message");
        let types: Vec<i32> = decoded.clouds.iter().map(|cloud| cloud.r#type).collect();
        assert_eq!((types, decoded.broken_types), (vec![1, 1], vec![3, 2, 3]));
        assert_eq!(decoded.failures.count(), 6);
    }

    #[test]
    fn former_contents_are_discarded() {
        let mut points = Points::default();
        let broken = field(1, &[8, 3, 0x18, 5]);
        decode_points_into(broken.into(), &mut points).expect("a message");
        assert_eq!((points.failures.count(), points.broken_types.len()), (1, 1));
        let good = result_with(vec![7; 12].into());
        for _ in 0..2 {
            decode_points_into(good.encode_to_vec().into(), &mut points).expect("a message");
            assert_eq!(points.clouds, good.points);
            assert_eq!((points.failures.count(), points.broken_types.len()), (0, 0));
        }
        decode_points_into(vec![0x0a, 200].into(), &mut points).expect_err("truncated");
        assert!(points.clouds.is_empty());
    }

    #[test]
    fn invalid_texts_are_counted_and_cost_nothing() {
        let mut message = result_with(vec![0; 12].into());
        message.uid = vec![0xb6, 0xf3].into();
        message.points[0].id = vec![0xff].into();
        let decoded = decode_points(message.encode_to_vec().into()).expect("a message");
        assert_eq!(decoded.clouds, message.points);
        let failures = decoded.failures;
        assert_eq!((failures.count(), failures.texts().count()), (0, 2));
        // A uid that is a number is an unknown field.
        let decoded = decode_points(vec![0x0a, 0, 0xc8, 0x0c, 5].into()).expect("a message");
        assert_eq!((decoded.clouds.len(), decoded.failures.count()), (1, 0));
    }

    proptest! {
        /// Texts and broken clouds of any bytes.
        #[test]
        fn good_clouds_decode_beside_anything_else(
            id: Vec<u8>,
            uid: Vec<u8>,
            noise in vec(vec(any::<u8>(), 0..8), 0..4),
        ) {
            let mut message = result_with(vec![7; 24].into());
            message.uid = uid.into();
            message.points[0].id = id.into();
            let noise = noise.iter().flat_map(|noise| field(1, noise));
            let frame: Vec<u8> = noise.chain(message.encode_to_vec()).collect();
            let decoded = decode_points(frame.into()).expect("a message");
            prop_assert_eq!(decoded.clouds.last(), message.points.last());
        }
    }
}
