//! How many fields a message has, told before it is decoded.
//!
//! Two bytes on the wire are enough for one more state in an object's history, or one more corner of a zone.
//! Decoded they take up some 20 times as much, and as a picture 150 times. So a message is measured first.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// A part that would bring the fields of all parts of its kind in a message above this is not opened, and counts as
/// undecodable (zones have less room, see [`Shaped`]): an object with a history without end would be as bad as objects
/// without end. A thousand objects with a minute of history at 10 Hz have some 600,000.
pub(crate) const MAX_FIELDS: usize = 1_000_000;

/// No field is shorter.
pub(crate) const MIN_FIELD_BYTES: usize = 2;

/// The fields of a message that hold messages which may themselves hold any number of something.
#[derive(Debug)]
pub(crate) struct Shape(pub(crate) &'static [(u32, &'static Shape)]);

/// What a message may be decoded to.
pub(crate) trait Shaped: Message + Default {
    /// Its shape.
    const SHAPE: &'static Shape;
    /// A part that would bring the fields of all of its kind in a message above this is not opened.
    const MAX_FIELDS: usize = MAX_FIELDS;
}

/// Nothing in it is worth looking into.
pub(crate) const FLAT: &Shape = &Shape(&[]);

impl Shape {
    /// Whether `bytes` have no more than `left` fields, those of embedded messages included. Takes them off.
    ///
    /// What is no protobuf ends the count: decoding gets no further either.
    pub(crate) fn fits(&self, mut bytes: &[u8], left: &mut usize) -> bool {
        while !bytes.is_empty() {
            let Some(rest) = left.checked_sub(1) else {
                return false;
            };
            *left = rest;
            let Ok((number, wire_type)) = decode_key(&mut bytes) else {
                return true;
            };
            if wire_type != WireType::LengthDelimited {
                if skip_field(wire_type, number, &mut bytes, DecodeContext::default()).is_err() {
                    return true;
                }
                continue;
            }
            let Some((inner, behind)) = delimited(bytes) else {
                return true;
            };
            let embedded = self.0.iter().find(|(field, _)| *field == number);
            if embedded.is_some_and(|(_, shape)| !shape.fits(inner, left)) {
                return false;
            }
            bytes = behind;
        }
        true
    }
}

/// What a length stands before, and what comes behind it. None if there is less than that.
fn delimited(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
    bytes.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_protobuf_is_left_to_the_decoder() {
        for bytes in [&[0xff][..], &[0x0a, 200], &[0x0d, 1], &[0x0a, 0xff]] {
            assert!(FLAT.fits(bytes, &mut 1), "{bytes:?}");
        }
    }
}
