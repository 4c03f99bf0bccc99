//! Decoding the point stream cloud by cloud: a cloud that does not decode costs only itself.

use bytes::{Buf as _, Bytes};
use prost::Message as _;
use prost::encoding::{self, DecodeContext, WireType, decode_key, skip_field};

use super::parts::Undecodable;
use super::wire::{DecodeError, PointCloud, require_few_fields};

/// A message of the point stream with more clouds than this is none. A cloud of two bytes becomes a hundred in
/// memory, and a message of its own. SENSR sends three, or one per sensor.
const MAX_CLOUDS: usize = 10_000;

const MESSAGE: &str = "PointResult";

/// Field numbers of `PointResult`.
const POINTS: u32 = 1;
const UID: u32 = 201;

/// Field number of `PointCloud.type`.
const TYPE: u32 = 1;

/// One message of the point stream. Points and intensities are views into its frame.
#[derive(Debug, Default)]
pub struct Points {
    /// The clouds that decode, in the order of the message.
    pub clouds: Vec<PointCloud>,
    /// The types of those that do not, where they can be read.
    pub broken: Vec<i32>,
    /// Parts that did not decode, and texts that are not UTF-8. Broken clouds with a type are in here too.
    pub undecodable: Undecodable,
}

/// Decodes one frame of the point stream.
///
/// An error means that the frame is no protobuf message at all.
pub fn decode_points(frame: Bytes) -> Result<Points, DecodeError> {
    require_few_fields(&frame, MESSAGE, MAX_CLOUDS)?;
    let length = frame.len();
    let mut points = Points::default();
    let mut rest = frame;
    points
        .take_fields(&mut rest)
        .map_err(|error| DecodeError::new(MESSAGE, length, error))?;
    Ok(points)
}

impl Points {
    fn take_fields(&mut self, rest: &mut Bytes) -> Result<(), prost::DecodeError> {
        while rest.has_remaining() {
            let (number, wire_type) = decode_key(rest)?;
            match (number, wire_type) {
                (POINTS, WireType::LengthDelimited) => {
                    let cloud = take_bytes(rest)?;
                    self.open(&cloud);
                }
                (UID, WireType::LengthDelimited) => {
                    let uid = take_bytes(rest)?;
                    self.undecodable.check_text("uid", &uid);
                }
                _ => {
                    // Of another kind than it should be, a field is one that nobody knows.
                    skip_field(wire_type, number, rest, DecodeContext::default())?;
                    if number == POINTS {
                        self.undecodable.note("cloud", 1, "it is a number");
                    }
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, bytes: &Bytes) {
        match PointCloud::decode(bytes.clone()) {
            Ok(cloud) => {
                self.undecodable.check_text("cloud id", &cloud.id);
                self.clouds.push(cloud);
            }
            Err(error) => {
                self.undecodable.note("cloud", 1, error);
                self.broken.extend(readable_type(bytes));
            }
        }
    }
}

/// A field of bytes: a view.
fn take_bytes(rest: &mut Bytes) -> Result<Bytes, prost::DecodeError> {
    let mut taken = Bytes::new();
    let wire_type = WireType::LengthDelimited;
    encoding::bytes::merge(wire_type, &mut taken, rest, DecodeContext::default())?;
    Ok(taken)
}

/// The type of a cloud that does not decode. None if it cannot be read either.
fn readable_type(mut cloud: &[u8]) -> Option<i32> {
    let mut readable = None;
    while let Ok((number, wire_type)) = decode_key(&mut cloud) {
        let mut number_read = 0;
        let context = DecodeContext::default();
        let passed = if (number, wire_type) == (TYPE, WireType::Varint) {
            encoding::int32::merge(wire_type, &mut number_read, &mut cloud, context)
                .inspect(|()| readable = Some(number_read))
        } else {
            skip_field(wire_type, number, &mut cloud, context)
        };
        if passed.is_err() {
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
        assert_eq!(decoded.clouds.len(), MAX_CLOUDS);
        let error = decode_points(frame(MAX_CLOUDS + 1)).expect_err("one too many");
        assert!(error.to_string().contains("10000 fields"), "{error}");
    }

    /// A field of the frame or of a cloud.
    fn field(number: u32, contents: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encoding::encode_key(number, WireType::LengthDelimited, &mut bytes);
        encoding::encode_varint(contents.len() as u64, &mut bytes);
        bytes.extend(contents);
        bytes
    }

    #[test]
    fn a_broken_cloud_costs_itself_and_shows_its_type_where_it_can_be_read() {
        let good = field(1, &[8, 1]);
        // Points that are a number, behind the type, before it and without one; a type that is a float.
        let behind = field(1, &[8, 3, 0x18, 5]);
        let before = field(1, &[0x18, 5, 8, 2]);
        let without = field(1, &[0x18, 5]);
        let float = field(1, &[0x0d, 0, 0, 0, 0]);
        // Points that end behind the cloud.
        let cut = field(1, &[8, 3, 0x1a, 100, 1]);
        let number = vec![8, 5];
        let parts = [
            &good, &behind, &before, &without, &float, &cut, &number, &good,
        ];
        let frame: Vec<u8> = parts.into_iter().flatten().copied().collect();
        let decoded = decode_points(frame.into()).expect("a message");
        let types: Vec<i32> = decoded.clouds.iter().map(|cloud| cloud.r#type).collect();
        assert_eq!((types, decoded.broken), (vec![1, 1], vec![3, 2, 3]));
        assert_eq!(decoded.undecodable.count(), 6);
    }

    #[test]
    fn texts_cost_nothing_whatever_they_are() {
        let mut message = result_with(vec![0; 12].into());
        message.uid = vec![0xb6, 0xf3].into();
        message.points[0].id = vec![0xff].into();
        let decoded = decode_points(message.encode_to_vec().into()).expect("a message");
        assert_eq!(decoded.clouds, message.points);
        let undecodable = decoded.undecodable;
        assert_eq!((undecodable.count(), undecodable.texts().count()), (0, 2));
        // A uid that is a number is a field that nobody knows.
        let decoded = decode_points(vec![0x0a, 0, 0xc8, 0x0c, 5].into()).expect("a message");
        assert_eq!((decoded.clouds.len(), decoded.undecodable.count()), (1, 0));
    }

    proptest! {
        /// Any bytes in any text, and clouds that are anything at all.
        #[test]
        fn good_clouds_come_out_whatever_stands_beside(
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
