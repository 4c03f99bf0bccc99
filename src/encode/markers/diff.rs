//! Which markers rviz shows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{MarkerArrayWriter, MarkerId};

/// The markers of things that have an id each, and at most one marker in each of `N` namespaces.
///
/// Remembers the last array, no more.
#[derive(Debug)]
pub(super) struct MarkerDiff<const N: usize> {
    namespaces: [&'static str; N],
    /// By id, the namespaces as bits.
    now: HashMap<i32, u8>,
    before: HashMap<i32, u8>,
}

/// The markers of one thing.
#[derive(Debug)]
pub(super) struct Markers<'a> {
    namespaces: &'a [&'static str],
    shown: &'a mut u8,
    id: i32,
}

impl<const N: usize> MarkerDiff<N> {
    pub(super) fn new(namespaces: [&'static str; N]) -> Self {
        const { assert!(N <= 8, "they are the bits of an u8") }
        Self {
            namespaces,
            now: HashMap::new(),
            before: HashMap::new(),
        }
    }

    /// Begins an array.
    pub(super) fn begin(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.clear();
    }

    /// Forgets what was shown: it is deleted already.
    pub(super) fn forget(&mut self) {
        self.now.clear();
    }

    /// Begins a thing. None if the array has one of that id already.
    pub(super) fn begin_thing(&mut self, id: i32) -> Option<Markers<'_>> {
        match self.now.entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => Some(Markers {
                namespaces: &self.namespaces,
                shown: entry.insert(0),
                id,
            }),
        }
    }

    /// Deletes what the array before showed and this one does not. Comes last.
    pub(super) fn delete_the_rest(&self, array: &mut MarkerArrayWriter<'_>) {
        for (&id, &before) in &self.before {
            let gone = before & !self.now.get(&id).copied().unwrap_or(0);
            for (bit, namespace) in self.namespaces.into_iter().enumerate() {
                if gone & (1 << bit) != 0 {
                    array.delete(MarkerId { namespace, id });
                }
            }
        }
    }
}

impl Markers<'_> {
    /// The key of a marker that is now added in a namespace.
    pub(super) fn key(&mut self, namespace: usize) -> MarkerId {
        *self.shown |= 1 << namespace;
        MarkerId {
            namespace: self.namespaces[namespace],
            id: self.id,
        }
    }
}
