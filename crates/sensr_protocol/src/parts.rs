//! The parts of a message that decode one by one.

use std::fmt;

use bytes::Bytes;
use prost::Message;

use super::field_limits::{MIN_FIELD_BYTES, Shaped};
use super::health::Named;
use super::invalid_texts::InvalidTexts;
use super::wire::envelope;

/// More objects (or zones, or events) than this in one message are not opened, and count as undecodable. A
/// part of two bytes becomes hundreds in memory: without a limit one frame could take all of it.
const MAX_PARTS: usize = 100_000;

/// Count of the parts that did not decode, and the reason of the first; and the texts that are not UTF-8, which cost
/// nothing.
#[derive(Debug, Default)]
pub struct Undecodable {
    count: u64,
    first: Option<(&'static str, String)>,
    texts: InvalidTexts,
}

/// An entry of a map.
pub(crate) trait Entry: Message + Default {
    /// Of the value.
    type Value;

    /// Key and value.
    fn split(self) -> (Bytes, Self::Value);
}

macro_rules! entries {
    ($($entry:ident: $value:ty,)*) => {
        $(impl Entry for envelope::$entry {
            type Value = $value;

            fn split(self) -> (Bytes, $value) {
                (self.key, self.value)
            }
        })*
    };
}

entries! {
    PartEntry: Vec<Bytes>,
    StatusEntry: i32,
    AmountEntry: u64,
}

impl Undecodable {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Texts that are not UTF-8.
    #[must_use]
    pub fn texts(&self) -> &InvalidTexts {
        &self.texts
    }

    /// Counts a text if it is not UTF-8. `what` stands in the log.
    pub(crate) fn check_text(&mut self, what: &'static str, text: &[u8]) {
        self.texts.check(what, text);
    }

    pub(crate) fn note(&mut self, what: &'static str, count: usize, reason: impl fmt::Display) {
        self.count += count as u64;
        self.first.get_or_insert_with(|| (what, reason.to_string()));
    }

    /// Opens a part that stands at most once. Pieces of it are merged, as protobuf wants it.
    pub(crate) fn one<T: Shaped>(&mut self, what: &'static str, pieces: Vec<Bytes>) -> Option<T> {
        if pieces.is_empty() {
            return None;
        }
        let mut whole = T::default();
        let mut room = Room::for_parts::<T>(&pieces);
        for piece in pieces {
            if !room.takes::<T>(&piece) {
                self.note(what, 1, format_args!("more than {} fields", T::MAX_FIELDS));
                return None;
            }
            if let Err(error) = whole.merge(piece) {
                self.note(what, 1, error);
                return None;
            }
        }
        Some(whole)
    }

    /// Opens a part that is there although it may be empty, such as the value of an entry.
    pub(crate) fn one_or_default<T: Shaped>(
        &mut self,
        what: &'static str,
        pieces: Vec<Bytes>,
    ) -> Option<T> {
        if pieces.is_empty() {
            return Some(T::default());
        }
        self.one(what, pieces)
    }

    /// Opens the entries of a map one by one, each value by `open`. `what` and `name` stand in the log, for an entry and
    /// for its key. Of entries with the same key the last that decodes counts. Their number is limited by the fields of
    /// the part they stand in.
    pub(crate) fn named<E: Entry, T>(
        &mut self,
        [what, name]: [&'static str; 2],
        entries: Vec<Bytes>,
        open: impl Fn(&mut Self, E::Value) -> Option<T>,
    ) -> Named<T> {
        let mut named = Named::new();
        for entry in entries {
            match E::decode(entry) {
                Ok(entry) => {
                    let (key, value) = entry.split();
                    if let Some(value) = open(self, value) {
                        self.check_text(name, &key);
                        named.insert(key.into(), value);
                    }
                }
                Err(error) => self.note(what, 1, error),
            }
        }
        named
    }

    /// Opens parts that stand any number of times. Returns those that decode, and how many do not.
    pub(crate) fn many<T: Shaped>(
        &mut self,
        what: &'static str,
        parts: Vec<Bytes>,
    ) -> (Vec<T>, u64) {
        let before = self.count;
        let too_many = parts.len().saturating_sub(MAX_PARTS);
        if too_many > 0 {
            self.note(what, too_many, format_args!("more than {MAX_PARTS}"));
        }
        let mut whole = Vec::with_capacity(parts.len() - too_many);
        let mut room = Room::for_parts::<T>(&parts);
        for part in parts.into_iter().take(MAX_PARTS) {
            if !room.takes::<T>(&part) {
                self.note(what, 1, format_args!("more than {} fields", T::MAX_FIELDS));
                continue;
            }
            match T::decode(part) {
                Ok(decoded) => whole.push(decoded),
                Err(error) => self.note(what, 1, error),
            }
        }
        (whole, self.count - before)
    }
}

/// The fields that there is room for in all parts of one kind. None if they can only be fewer than allowed:
/// most messages are too short to be measured.
struct Room(Option<usize>);

impl Room {
    fn for_parts<T: Shaped>(parts: &[Bytes]) -> Self {
        let bytes: usize = parts.iter().map(Bytes::len).sum();
        Self((bytes / MIN_FIELD_BYTES > T::MAX_FIELDS).then_some(T::MAX_FIELDS))
    }

    /// Whether there is room for a part, which it takes up then.
    fn takes<T: Shaped>(&mut self, part: &[u8]) -> bool {
        let Some(left) = &mut self.0 else {
            return true;
        };
        let mut left_behind = *left;
        let fits = T::SHAPE.fits(part, &mut left_behind);
        if fits {
            *left = left_behind;
        }
        fits
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            None => f.write_str("every part decodes"),
            Some((what, error)) => {
                write!(
                    f,
                    "parts of a message that do not decode: {}, first of all {what}: {error}",
                    self.count
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field_limits::MAX_FIELDS;
    use super::*;
    use crate::wire::proto::history::State;
    use crate::wire::proto::{History, Object, PolygonBox, Vector2, ZoneConfig, ZoneEvent};

    /// An object whose history takes two bytes a state.
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
    fn an_object_with_a_history_without_end_costs_itself() {
        let mut undecodable = Undecodable::default();
        let parts = vec![
            object(1, 10),
            object(2, MAX_FIELDS),
            object(3, MAX_FIELDS / 2),
            object(4, MAX_FIELDS / 2),
            object(5, 10),
        ];
        let (opened, lost) = undecodable.many::<Object>("object", parts);
        let ids: Vec<i32> = opened.iter().map(|object| object.id).collect();
        assert_eq!((ids, lost), (vec![1, 3, 5], 2));
        let complaint = undecodable.to_string();
        assert!(complaint.contains("1000000 fields"), "{complaint}");
    }

    #[test]
    fn a_zone_with_corners_without_end_costs_itself() {
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
        let (opened, lost) = Undecodable::default().many::<ZoneConfig>("zone", parts);
        assert_eq!((opened.len(), lost), (1, 1));
    }

    #[test]
    fn pieces_of_a_part_share_the_room() {
        let mut undecodable = Undecodable::default();
        let half = object(1, MAX_FIELDS / 2);
        let pieces = vec![half.clone(), half];
        assert_eq!(undecodable.one::<Object>("object", pieces), None);
        assert_eq!(undecodable.count(), 1);
    }

    #[test]
    fn more_parts_than_allowed_are_not_opened() {
        let mut undecodable = Undecodable::default();
        let parts = vec![Bytes::new(); MAX_PARTS + 3];
        let (opened, lost) = undecodable.many::<ZoneEvent>("zone event", parts);
        assert_eq!((opened.len(), lost), (MAX_PARTS, 3));
    }
}
