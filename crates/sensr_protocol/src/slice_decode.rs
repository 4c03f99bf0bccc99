//! Decoding of messages from slices of a frame, several times as fast as prost does from [`Bytes`]: for messages with
//! tens of thousands of fields.
//!
//! The decoders are generated from the descriptors by `build.rs`. They accept and refuse the same bytes as those of
//! prost, with the same results, and count the fields while they read them.

use bytes::Bytes;
use prost::encoding::{DecodeContext, WireType, skip_field};

use crate::field_limits::FieldBudget;
use crate::wire::proto;

/// Message that is decoded from a slice.
pub(crate) trait SliceMessage {
    /// Merges the fields in `slice`, which is part of `frame`, into the message, and takes them from `budget`. The
    /// message is incomplete if that fails.
    ///
    /// # Panics
    ///
    /// If `slice` is no part of `frame`.
    fn merge_slice(
        &mut self,
        slice: &[u8],
        frame: &Bytes,
        budget: &mut FieldBudget,
    ) -> Result<(), SliceError>;
}

// Implementations for objects and the messages in them, generated from the descriptors by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/slice_decoders.rs"));

/// Reason why a slice is not a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SliceError {
    #[error("the last field is cut")]
    Cut,
    #[error("a number has more than 64 bits")]
    LongVarint,
    #[error("the number of a field is invalid")]
    InvalidKey,
    #[error("field {0} has another type")]
    OtherType(u32),
    #[error("more fields than allowed")]
    TooManyFields,
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
}

/// Bytes of the longest number.
const MAX_VARINT_BYTES: usize = 10;

/// Reader of fields, from the bytes that are left.
struct SliceReader<'a>(&'a [u8]);

impl<'a> SliceReader<'a> {
    /// Reads the key of a field: its number, and the type of its value in the lowest three bits.
    #[inline]
    fn read_key(&mut self) -> Result<u32, SliceError> {
        u32::try_from(self.read_varint()?).map_err(|_| SliceError::InvalidKey)
    }

    #[inline]
    fn read_varint(&mut self) -> Result<u64, SliceError> {
        // Most keys, lengths, and numbers are of one byte.
        match *self.0 {
            [byte @ ..0x80, ref rest @ ..] => {
                self.0 = rest;
                Ok(byte.into())
            }
            _ => self.read_long_varint(),
        }
    }

    /// Reads a number of several bytes, seven bits of it in each.
    fn read_long_varint(&mut self) -> Result<u64, SliceError> {
        let mut value = 0;
        for (position, &byte) in self.0.iter().enumerate().take(MAX_VARINT_BYTES) {
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte < 0x80 {
                // The tenth byte has room for one bit.
                if position + 1 == MAX_VARINT_BYTES && byte > 1 {
                    return Err(SliceError::LongVarint);
                }
                self.0 = &self.0[position + 1..];
                return Ok(value);
            }
        }
        Err(if self.0.len() < MAX_VARINT_BYTES {
            SliceError::Cut
        } else {
            SliceError::LongVarint
        })
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "protobuf extends the sign of an int32 to 64 bits"
    )]
    fn read_i32(&mut self) -> Result<i32, SliceError> {
        Ok(self.read_varint()? as i32)
    }

    fn read_packed_i32(&mut self, values: &mut Vec<i32>) -> Result<(), SliceError> {
        let mut packed = Self(self.read_slice()?);
        while !packed.0.is_empty() {
            values.push(packed.read_i32()?);
        }
        Ok(())
    }

    #[inline]
    fn read_f32(&mut self) -> Result<f32, SliceError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(SliceError::Cut)?;
        self.0 = rest;
        Ok(f32::from_le_bytes(*bytes))
    }

    /// Reads a length and as many bytes.
    #[inline]
    fn read_slice(&mut self) -> Result<&'a [u8], SliceError> {
        let length = usize::try_from(self.read_varint()?).map_err(|_| SliceError::Cut)?;
        let (slice, rest) = self.0.split_at_checked(length).ok_or(SliceError::Cut)?;
        self.0 = rest;
        Ok(slice)
    }

    /// Skips a field that the message does not have. Fails if its number is among those of the message's fields: its
    /// type then is another one.
    #[cold]
    fn skip_unknown(&mut self, key: u32, numbers: &[u32]) -> Result<(), SliceError> {
        let number = key >> 3;
        let wire_type = WireType::try_from(u64::from(key & 7))?;
        if number == 0 {
            return Err(SliceError::InvalidKey);
        }
        if numbers.contains(&number) {
            return Err(SliceError::OtherType(number));
        }
        skip_field(wire_type, number, &mut self.0, DecodeContext::default())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_limits::MAX_FIELDS;
    use crate::wire::proto::history::State;
    use crate::wire::proto::prediction::ReachableSet;
    use crate::wire::proto::{
        BoundingBox, History, Object, PolygonBox, Prediction, Vector2, Vector3,
    };
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use prost::Message as _;
    use prost_types::Timestamp;

    fn decode(bytes: &Bytes) -> Result<Object, SliceError> {
        let mut object = Object::default();
        let mut budget = FieldBudget::new(MAX_FIELDS);
        object.merge_slice(bytes, bytes, &mut budget)?;
        Ok(object)
    }

    /// Compares what the two decoders make of the bytes. By `Debug`, in which a NaN equals itself.
    fn assert_same(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let expected = Object::decode(bytes.clone()).ok();
        let decoded = decode(&bytes).ok();
        assert_eq!(format!("{decoded:?}"), format!("{expected:?}"), "{bytes:?}");
    }

    #[test]
    fn points_are_views_into_the_frame() {
        let object = Object {
            points: vec![1; 24].into(),
            ..Object::default()
        };
        let frame = Bytes::from(object.encode_to_vec());
        let points = decode(&frame).expect("valid").points;
        assert!(frame.as_ptr_range().contains(&points.as_ptr()));
    }

    #[test]
    fn odd_encodings_are_read_as_prost_reads_them() {
        let cases: &[&[u8]] = &[
            b"",
            // The id in more bytes than needed, negative, and in too many.
            &[0x08, 0x81, 0x80, 0x00],
            &[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
            ],
            // A key in more bytes than needed, of field 0, and of more than 32 bits.
            &[0x88, 0x00, 5],
            &[0x00, 5],
            &[0x88, 0x80, 0x80, 0x80, 0x80, 0x01, 5],
            // The id as a float, and a type that does not exist.
            &[0x0d, 0, 0, 0, 0],
            &[0x0e, 0, 0, 0, 0],
            // A velocity in two pieces, with the fields in another order, and cut.
            &[
                0x2a, 5, 0x15, 0, 0, 0x80, 0x3f, 0x2a, 5, 0x0d, 0, 0, 0, 0x40,
            ],
            &[0x2a, 10, 0x1d, 0, 0, 0x80, 0x3f, 0x0d, 0, 0, 0, 0x40],
            &[0x2a, 4, 0x0d, 0, 0, 0],
            // Zones, packed and not.
            &[0xc2, 0x06, 2, 7, 8, 0xc0, 0x06, 9],
            &[0xc2, 0x06, 2, 7, 0x80],
            // Unknown fields: a number, 64 bits, bytes, a group, 32 bits.
            &[0xf8, 0x0f, 1],
            &[0xf9, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xfa, 0x0f, 1, 2],
            &[0xfb, 0x0f, 0x08, 1, 0xfc, 0x0f],
            &[0xfb, 0x0f, 0x08, 1],
            &[0xfc, 0x0f],
            &[0xfd, 0x0f, 1, 2, 3, 4],
        ];
        for case in cases {
            assert_same(case.to_vec());
        }
    }

    fn any_vector() -> impl Strategy<Value = Vector3> {
        any::<[f32; 3]>().prop_map(|[x, y, z]| Vector3 { x, y, z })
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        any::<(i64, i32)>().prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
    }

    prop_compose! {
        fn any_set()(t_offset: f32, space in option::of((vec(any::<(f32, f32)>(), 0..4), any::<f32>(), any::<f32>()))) -> ReachableSet {
            let space = space.map(|(points, min_z, max_z)| PolygonBox {
                points: points.into_iter().map(|(x, y)| Vector2 { x, y }).collect(),
                min_z,
                max_z,
            });
            ReachableSet { t_offset, space }
        }
    }

    prop_compose! {
        fn any_object()(
            (id, label, tracking_status, confidence, yaw_rate) in any::<(i32, i32, i32, f32, f32)>(),
            (retro_reflective, is_static) in any::<(bool, bool)>(),
            (position, size, velocity) in (option::of(any_vector()), option::of(any_vector()), option::of(any_vector())),
            time in option::of(any_time()),
            (points, intensities, zone_ids) in (vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..20), vec(any::<i32>(), 0..4)),
            states in option::of(vec((option::of(any_vector()), option::of(any_time())), 0..5)),
            prediction in option::of((vec(any_vector(), 0..5), vec(any_set(), 0..4))),
        ) -> Object {
            let state = |(position, timestamp)| State { position, timestamp };
            Object {
                id,
                label,
                confidence,
                bbox: size.map(|size| BoundingBox { position, size: Some(size), yaw: yaw_rate }),
                velocity,
                tracking_status,
                yaw_rate,
                retro_reflective,
                last_observed_timestamp: time,
                is_static,
                points: points.into(),
                history: states.map(|states| History { states: states.into_iter().map(state).collect() }),
                prediction: prediction.map(|(positions, reachable_set)| Prediction { positions, reachable_set }),
                zone_ids,
                intensities: intensities.into(),
            }
        }
    }

    proptest! {
        #[test]
        fn objects_decode_as_prost_decodes_them(object in any_object(), other in any_object()) {
            let mut bytes = object.encode_to_vec();
            assert_same(bytes.clone());
            // Both merged.
            bytes.extend(other.encode_to_vec());
            assert_same(bytes);
        }

        #[test]
        fn damaged_objects_decode_or_fail_as_with_prost(
            object in any_object(),
            damages in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = object.encode_to_vec();
            for (index, byte) in damages {
                if !bytes.is_empty() {
                    let index = index.index(bytes.len());
                    bytes[index] = byte;
                }
            }
            assert_same(bytes.clone());
            bytes.truncate(end.index(bytes.len() + 1));
            assert_same(bytes);
        }

        #[test]
        fn any_bytes_decode_or_fail_as_with_prost(bytes: Vec<u8>) {
            assert_same(bytes);
        }
    }
}
