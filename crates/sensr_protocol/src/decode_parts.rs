//! Decoding of a message part by part: a part that fails to decode costs only itself.

use bytes::Bytes;
use prost::Message;

use crate::decode_failures::DecodeFailures;
use crate::field_limits::{BoundedMessage, FieldBudget};
use crate::health::NameMap;
use crate::wire::envelope;

/// Limit on the objects (or zones, or events) of one message. Those beyond it are not decoded and count as failures: a
/// part of two bytes becomes hundreds in memory, so that one frame could take all of it.
pub(crate) const MAX_PARTS: usize = 100_000;

/// Entry of a protobuf map.
pub(crate) trait MapEntry: Message + Default {
    /// Type of the value as it is on the wire.
    type Value;

    /// Splits the entry into key and value.
    fn into_key_value(self) -> (Bytes, Self::Value);
}

macro_rules! map_entries {
    ($($entry:ident: $value:ty,)*) => {
        $(impl MapEntry for envelope::$entry {
            type Value = $value;

            fn into_key_value(self) -> (Bytes, $value) {
                (self.key, self.value)
            }
        })*
    };
}

map_entries! {
    PartEntry: Vec<Bytes>,
    StatusEntry: i32,
    AmountEntry: u64,
}

/// Decodes a part that is in a message at most once. `None` if it is absent or fails to decode. Protobuf demands that
/// several pieces of it are merged. `label` names the part in the log.
pub(crate) fn decode_optional<T: BoundedMessage>(
    label: &'static str,
    pieces: Vec<Bytes>,
    failures: &mut DecodeFailures,
) -> Option<T> {
    if pieces.is_empty() {
        return None;
    }
    decode_or_default(label, pieces, failures)
}

/// Decodes a part whose absence means its default, such as the value of a map entry. `None` if it fails to decode.
pub(crate) fn decode_or_default<T: BoundedMessage>(
    label: &'static str,
    pieces: Vec<Bytes>,
    failures: &mut DecodeFailures,
) -> Option<T> {
    let mut whole = T::default();
    let mut budget = FieldBudget::for_parts::<T>(&pieces);
    for piece in pieces {
        if !budget.try_take::<T>(&piece) {
            failures.record_failure(label, 1, too_many_fields::<T>());
            return None;
        }
        if let Err(error) = whole.merge(piece) {
            failures.record_failure(label, 1, error);
            return None;
        }
    }
    Some(whole)
}

/// Decodes parts that are in a message any number of times. Returns those that decode, and the number of those that
/// do not.
pub(crate) fn decode_repeated<T: BoundedMessage>(
    label: &'static str,
    parts: Vec<Bytes>,
    failures: &mut DecodeFailures,
) -> (Vec<T>, u64) {
    let before = failures.count();
    let excess = record_excess(label, parts.len(), failures);
    let mut decoded = Vec::with_capacity(parts.len() - excess);
    let mut budget = FieldBudget::for_parts::<T>(&parts);
    for part in parts.into_iter().take(MAX_PARTS) {
        if !budget.try_take::<T>(&part) {
            failures.record_failure(label, 1, too_many_fields::<T>());
            continue;
        }
        match T::decode(part) {
            Ok(part) => decoded.push(part),
            Err(error) => failures.record_failure(label, 1, error),
        }
    }
    (decoded, failures.count() - before)
}

/// Records the parts beyond [`MAX_PARTS`] as failures. Returns their number.
pub(crate) fn record_excess(
    label: &'static str,
    parts: usize,
    failures: &mut DecodeFailures,
) -> usize {
    let excess = parts.saturating_sub(MAX_PARTS);
    if excess > 0 {
        failures.record_failure(label, excess, format_args!("more than {MAX_PARTS}"));
    }
    excess
}

/// Decodes the entries of a map one by one, each value by `decode_value`. The labels name an entry and its key in the
/// log.
///
/// The last entry that decodes wins among those with the same key. The number of entries is limited by the fields of
/// the message they are in.
pub(crate) fn decode_map<E: MapEntry, T>(
    [label, key_label]: [&'static str; 2],
    entries: Vec<Bytes>,
    failures: &mut DecodeFailures,
    decode_value: impl Fn(E::Value, &mut DecodeFailures) -> Option<T>,
) -> NameMap<T> {
    let mut map = NameMap::new();
    for entry in entries {
        match E::decode(entry) {
            Ok(entry) => {
                let (key, value) = entry.into_key_value();
                if let Some(value) = decode_value(value, failures) {
                    failures.check_text(key_label, &key);
                    map.insert(key.into(), value);
                }
            }
            Err(error) => failures.record_failure(label, 1, error),
        }
    }
    map
}

/// Decodes a map whose values are numbers, as [`decode_map`] does.
pub(crate) fn decode_number_map<E: MapEntry>(
    labels: [&'static str; 2],
    entries: Vec<Bytes>,
    failures: &mut DecodeFailures,
) -> NameMap<E::Value> {
    decode_map::<E, _>(labels, entries, failures, |number, _| Some(number))
}

pub(crate) fn too_many_fields<T: BoundedMessage>() -> String {
    format!("more than {} fields", T::MAX_FIELDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_limits::MAX_FIELDS;
    use crate::wire::proto::history::State;
    use crate::wire::proto::{History, Object, PolygonBox, Vector2, ZoneConfig, ZoneEvent};

    /// Object whose history takes two bytes a state.
    fn object(id: i32, states: usize) -> Bytes {
        let object = Object {
            id,
            history: Some(History {
                states: vec![State::default(); states],
            }),
            ..Object::default()
        };
        object.encode_to_vec().into()
    }

    #[test]
    fn zone_with_endless_corners_costs_itself() {
        let zone = |corners| {
            let zone = ZoneConfig {
                pbox: Some(PolygonBox {
                    points: vec![Vector2::default(); corners],
                    ..PolygonBox::default()
                }),
                ..ZoneConfig::default()
            };
            Bytes::from(zone.encode_to_vec())
        };
        let parts = vec![zone(ZoneConfig::MAX_FIELDS), zone(50)];
        let mut failures = DecodeFailures::default();
        let (decoded, failed) = decode_repeated::<ZoneConfig>("zone", parts, &mut failures);
        assert_eq!((decoded.len(), failed), (1, 1));
    }

    #[test]
    fn pieces_of_a_part_share_the_field_budget() {
        let mut failures = DecodeFailures::default();
        let half = object(1, MAX_FIELDS / 2);
        let pieces = vec![half.clone(), half];
        let object: Option<Object> = decode_optional("object", pieces, &mut failures);
        assert_eq!((object, failures.count()), (None, 1));
    }

    #[test]
    fn parts_beyond_the_limit_are_not_decoded() {
        let mut failures = DecodeFailures::default();
        let parts = vec![Bytes::new(); MAX_PARTS + 3];
        let (decoded, failed) = decode_repeated::<ZoneEvent>("zone event", parts, &mut failures);
        assert_eq!((decoded.len(), failed), (MAX_PARTS, 3));
    }
}
