//! Limits on the number of fields of a message, counted before it is decoded.
//!
//! Two bytes on the wire are enough for one more state in an object's history or one more corner of a zone. Decoded,
//! they take up some 20 times as much, and as a marker 150 times: a limit on bytes would not bound the memory.

use bytes::Bytes;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::wire::{envelope, proto};

/// Limit on the fields of all parts of one kind in a message. A part that exceeds it is not decoded and counts as a
/// failure: an object with an endless history would be as bad as endless objects. A thousand objects with a minute of
/// history at 10 Hz have some 600,000 fields.
pub(crate) const MAX_FIELDS: usize = 1_000_000;

/// Limit on the fields of all zones in a message. A corner grows most: 288 bytes in a marker. A hundred zones of fifty
/// corners have some 5,000 fields.
const MAX_ZONE_FIELDS: usize = 100_000;

/// Bytes of the shortest field.
const MIN_FIELD_BYTES: usize = 2;

/// Fields of a message whose embedded messages can hold any number of fields: number and table of the embedded message.
#[derive(Debug)]
pub(crate) struct RepeatedFields(&'static [(u32, &'static RepeatedFields)]);

/// Message with a limit on its number of fields.
pub(crate) trait BoundedMessage: Message + Default {
    /// Embedded messages that are counted too.
    const REPEATED_FIELDS: &'static RepeatedFields;
    /// Limit on the fields of all messages of this type in one message.
    const MAX_FIELDS: usize = MAX_FIELDS;
}

// Implementations for all messages, generated from the descriptors by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/repeated_fields.rs"));

impl RepeatedFields {
    /// Subtracts the number of fields in `bytes`, including those of embedded messages, from `left`. Returns whether
    /// there were enough left.
    ///
    /// Counting ends where `bytes` are not protobuf: decoding gets no further either.
    fn count_within(&self, mut bytes: &[u8], left: &mut usize) -> bool {
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
            let Some((contents, rest)) = split_length_delimited(bytes) else {
                return true;
            };
            let embedded = self.0.iter().find(|(field, _)| *field == number);
            if embedded.is_some_and(|(_, fields)| !fields.count_within(contents, left)) {
                return false;
            }
            bytes = rest;
        }
        true
    }
}

/// Splits the contents of a length-delimited field from the bytes after it. `None` if there are fewer than its length.
fn split_length_delimited(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
    bytes.split_at_checked(length)
}

/// Returns whether a message has no more than `max_fields` fields, not counting those of embedded messages.
pub(crate) fn has_at_most_fields(message: &[u8], max_fields: usize) -> bool {
    let is_short = message.len() / MIN_FIELD_BYTES <= max_fields;
    is_short || RepeatedFields(&[]).count_within(message, &mut { max_fields })
}

/// Number of fields left for all parts of one kind in a message.
///
/// Unlimited if the parts are too short to exceed the limit, as in most messages: they are not counted then.
#[derive(Clone)]
pub(crate) struct FieldBudget(Option<usize>);

impl FieldBudget {
    /// Budget of `max_fields` fields.
    #[cfg(test)]
    pub(crate) fn new(max_fields: usize) -> Self {
        Self(Some(max_fields))
    }

    /// Budget for these parts together.
    pub(crate) fn for_parts<T: BoundedMessage>(parts: &[Bytes]) -> Self {
        let bytes: usize = parts.iter().map(Bytes::len).sum();
        Self((bytes / MIN_FIELD_BYTES > T::MAX_FIELDS).then_some(T::MAX_FIELDS))
    }

    /// Takes the fields of a part from the budget. Returns whether there were enough left; if not, none are taken.
    pub(crate) fn try_take<T: BoundedMessage>(&mut self, part: &[u8]) -> bool {
        let Some(left) = &mut self.0 else {
            return true;
        };
        let mut rest = *left;
        let fits = T::REPEATED_FIELDS.count_within(part, &mut rest);
        if fits {
            *left = rest;
        }
        fits
    }

    /// Takes one field. Returns whether there was one left.
    #[inline]
    pub(crate) fn try_take_field(&mut self) -> bool {
        let Some(left) = &mut self.0 else {
            return true;
        };
        let rest = left.checked_sub(1);
        *left = rest.unwrap_or(0);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests;
