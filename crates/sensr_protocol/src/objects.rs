//! Objects of a message: parts of its frame, which are decoded only when they are needed, into reused memory.

use bytes::{Bytes, BytesMut};

use crate::decode_failures::DecodeFailures;
use crate::decode_parts::{MAX_PARTS, record_excess, too_many_fields};
use crate::field_limits::FieldBudget;
use crate::heap_size::HeapSize;
use crate::slice_decode::{SliceError, SliceMessage as _};
use crate::wire::proto::history::State;
use crate::wire::proto::{History, Object, Prediction, Vector3};

/// Objects that are not decoded. Views into their frame, which they keep alive, or copies.
#[derive(Debug, Clone, Default)]
pub struct ObjectParts {
    /// Name of such an object in the log.
    label: &'static str,
    parts: Vec<Bytes>,
    /// Bytes of copies. 0 for views.
    copied_bytes: usize,
}

impl ObjectParts {
    pub(crate) fn new(label: &'static str, parts: Vec<Bytes>) -> Self {
        Self {
            label,
            parts,
            copied_bytes: 0,
        }
    }

    /// Number of objects, those that will not decode included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Returns whether there are no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Removes the objects beyond the first `count`. Returns their number.
    pub fn truncate(&mut self, count: usize) -> usize {
        let excess = self.len().saturating_sub(count);
        self.parts.truncate(count);
        excess
    }

    /// Replaces views by copies, so that they no longer keep their frame alive.
    pub fn detach(&mut self) {
        if self.copied_bytes > 0 {
            return;
        }
        self.copied_bytes = self.parts.iter().map(Bytes::len).sum();
        let mut copies = BytesMut::with_capacity(self.copied_bytes);
        for part in &mut self.parts {
            copies.extend_from_slice(part);
            *part = copies.split().freeze();
        }
    }
}

/// Memory beside the frame.
impl HeapSize for ObjectParts {
    fn heap_size(&self) -> usize {
        self.parts.capacity() * size_of::<Bytes>() + self.copied_bytes
    }
}

/// Memory for decoded objects that is kept between messages, if the present one needs less: that of a thousand objects
/// with some seconds of history.
const KEPT_BYTES: usize = 4 << 20;

/// Decoded objects of one message, in memory that is reused from message to message.
///
/// An object without a history or prediction may have an empty one instead.
#[derive(Debug, Default)]
pub struct ObjectBuffer {
    /// Objects of the message, and behind them those of a message with more objects, emptied.
    objects: Vec<Object>,
    /// Number of objects of the message.
    len: usize,
}

impl ObjectBuffer {
    /// Replaces the objects by `parts`, except those that fail to decode, and returns them. Points and intensities are
    /// views. Of objects with more fields than fit in memory, at most 100,000, and those with more than a million fields
    /// together, the rest fails.
    pub fn decode(&mut self, parts: &ObjectParts, failures: &mut DecodeFailures) -> &[Object] {
        self.clear();
        let label = parts.label;
        record_excess(label, parts.len(), failures);
        let mut budget = FieldBudget::for_parts::<Object>(&parts.parts);
        for part in parts.parts.iter().take(MAX_PARTS) {
            let before = budget.clone();
            match self.decode_next(part, &mut budget) {
                Ok(()) => self.len += 1,
                Err(error) => {
                    self.objects[self.len].empty();
                    match error {
                        SliceError::TooManyFields => {
                            // An object that is left out takes nothing from the others.
                            budget = before;
                            failures.record_failure(label, 1, too_many_fields::<Object>());
                        }
                        error => failures.record_failure(label, 1, error),
                    }
                }
            }
        }
        self.as_slice()
    }

    /// Decodes an object behind the others.
    fn decode_next(&mut self, part: &Bytes, budget: &mut FieldBudget) -> Result<(), SliceError> {
        if self.len == self.objects.len() {
            self.objects.push(Object::default());
        }
        self.objects[self.len].merge_slice(part, part, budget)
    }

    /// Objects of the message.
    #[must_use]
    pub fn as_slice(&self) -> &[Object] {
        &self.objects[..self.len]
    }

    /// Removes the objects, which then no longer keep their frame alive. Keeps memory for as many of them, within bounds.
    pub fn clear(&mut self) {
        let used: usize = self.as_slice().iter().map(used_bytes).sum();
        if self.kept_bytes() > KEPT_BYTES.max(2 * used) {
            self.objects = Vec::new();
        }
        for object in self.objects.iter_mut().take(self.len) {
            object.empty();
        }
        self.len = 0;
    }

    /// Memory that is reused for the next message.
    fn kept_bytes(&self) -> usize {
        let objects = self.objects.capacity() * size_of::<Object>();
        objects + self.objects.iter().map(kept_bytes).sum::<usize>()
    }
}

/// Memory that an object needs of what [`Object::empty`] keeps, itself included.
fn used_bytes(object: &Object) -> usize {
    let states = object.history.as_ref().map_or(0, |it| it.states.len());
    let positions = object
        .prediction
        .as_ref()
        .map_or(0, |it| it.positions.len());
    size_of::<Object>() + bytes_of(states, positions, object.zone_ids.len())
}

/// Memory that [`Object::empty`] keeps beside the object.
fn kept_bytes(object: &Object) -> usize {
    let history = object.history.as_ref();
    let states = history.map_or(0, |it| it.states.capacity());
    let prediction = object.prediction.as_ref();
    let positions = prediction.map_or(0, |it| it.positions.capacity());
    bytes_of(states, positions, object.zone_ids.capacity())
}

fn bytes_of(states: usize, positions: usize, zone_ids: usize) -> usize {
    states * size_of::<State>() + positions * size_of::<Vector3>() + zone_ids * size_of::<i32>()
}

impl Object {
    /// Resets all fields, and keeps the memory of those that most objects have.
    fn empty(&mut self) {
        let Self {
            history,
            prediction,
            mut zone_ids,
            ..
        } = std::mem::take(self);
        zone_ids.clear();
        *self = Self {
            history: history.map(|History { mut states }| {
                states.clear();
                History { states }
            }),
            prediction: prediction.map(|Prediction { mut positions, .. }| {
                positions.clear();
                Prediction {
                    positions,
                    reachable_set: Vec::new(),
                }
            }),
            zone_ids,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_limits::MAX_FIELDS;
    use proptest::prelude::*;
    use prost::Message as _;

    /// Object whose history takes two bytes a state.
    fn object(id: i32, states: usize) -> Object {
        Object {
            id,
            history: Some(History {
                states: vec![State::default(); states],
            }),
            ..Object::default()
        }
    }

    fn parts(objects: &[Object]) -> ObjectParts {
        let encoded = objects.iter().map(|object| object.encode_to_vec().into());
        ObjectParts::new("object", encoded.collect())
    }

    fn ids(objects: &[Object]) -> Vec<i32> {
        objects.iter().map(|object| object.id).collect()
    }

    #[test]
    fn object_with_an_endless_history_costs_itself() {
        let mut failures = DecodeFailures::default();
        let parts = parts(&[
            object(1, 10),
            object(2, MAX_FIELDS),
            object(3, MAX_FIELDS / 2),
            object(4, MAX_FIELDS / 2),
            object(5, 10),
        ]);
        let mut buffer = ObjectBuffer::default();
        let decoded = ids(buffer.decode(&parts, &mut failures));
        assert_eq!((decoded, failures.count()), (vec![1, 3, 5], 2));
        let line = failures.to_string();
        assert!(line.contains("1000000 fields"), "{line}");
    }

    #[test]
    fn objects_beyond_the_limit_are_not_decoded() {
        let parts = ObjectParts::new("object", vec![Bytes::new(); MAX_PARTS + 3]);
        let mut failures = DecodeFailures::default();
        let mut buffer = ObjectBuffer::default();
        assert_eq!(buffer.decode(&parts, &mut failures).len(), MAX_PARTS);
        assert_eq!(failures.count(), 3);
    }

    #[test]
    fn broken_object_leaves_nothing_to_the_next() {
        let mut broken = object(1, 3).encode_to_vec();
        broken.push(0x08);
        let good = Object {
            label: 2,
            ..object(3, 1)
        };
        let encoded = [broken, good.encode_to_vec()].map(Bytes::from);
        let parts = ObjectParts::new("object", encoded.into());
        let mut failures = DecodeFailures::default();
        let mut buffer = ObjectBuffer::default();
        assert_eq!(buffer.decode(&parts, &mut failures), [good]);
        assert_eq!(failures.count(), 1);
    }

    #[test]
    fn cleared_buffer_does_not_keep_the_frame() {
        let message = Object {
            points: vec![7; 1200].into(),
            intensities: vec![7; 400].into(),
            ..Object::default()
        };
        let frame = Bytes::from(message.encode_to_vec());
        let parts = ObjectParts::new("object", vec![frame.clone()]);
        let mut copies = parts.clone();
        copies.detach();
        let mut buffer = ObjectBuffer::default();
        buffer.decode(&parts, &mut DecodeFailures::default());
        drop(parts);
        assert!(!frame.is_unique());
        buffer.clear();
        assert!(frame.is_unique());
        let decoded = buffer.decode(&copies, &mut DecodeFailures::default());
        assert_eq!(decoded, [message]);
        assert!(copies.heap_size() >= frame.len());
    }

    #[test]
    fn memory_is_reused_for_equal_messages_and_freed_after_a_huge_one() {
        let mut failures = DecodeFailures::default();
        let mut buffer = ObjectBuffer::default();
        let few = parts(&[object(1, 30), object(2, 30)]);
        let address = |objects: &[Object]| {
            let history = objects[1].history.as_ref();
            history.expect("there").states.as_ptr()
        };
        let before = address(buffer.decode(&few, &mut failures));
        assert_eq!(address(buffer.decode(&few, &mut failures)), before);
        let huge = parts(&[object(1, 500_000)]);
        buffer.decode(&huge, &mut failures);
        // The first small message still finds the memory of the huge one, the second does not.
        buffer.decode(&few, &mut failures);
        buffer.decode(&few, &mut failures);
        assert!(buffer.kept_bytes() <= KEPT_BYTES);
    }

    proptest! {
        #[test]
        fn reused_memory_shows_in_no_message(messages in proptest::collection::vec(proptest::collection::vec((any::<i32>(), 0..4usize), 0..6), 1..6)) {
            let mut buffer = ObjectBuffer::default();
            for message in messages {
                let objects: Vec<Object> = message.iter().map(|&(id, states)| object(id, states)).collect();
                let decoded = buffer.decode(&parts(&objects), &mut DecodeFailures::default());
                prop_assert_eq!(decoded, &objects[..]);
            }
        }
    }
}
