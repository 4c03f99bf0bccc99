//! Markers that rviz shows, to delete those that are no longer sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{MarkerArrayWriter, MarkerId};

/// Difference between two successive arrays of markers. An object or zone has at most one marker in each of `N`
/// namespaces, with its id.
///
/// Remembers the last array only.
#[derive(Debug)]
pub(super) struct MarkerDiff<const N: usize> {
    namespaces: [&'static str; N],
    /// Namespaces of this array as bits, by id.
    current: HashMap<i32, u8>,
    /// Those of the array before.
    previous: HashMap<i32, u8>,
}

/// Ids of the markers of one object or zone.
#[derive(Debug)]
pub(super) struct MarkerIds<'a> {
    namespaces: &'a [&'static str],
    shown: &'a mut u8,
    id: i32,
}

impl<const N: usize> MarkerDiff<N> {
    pub(super) fn new(namespaces: [&'static str; N]) -> Self {
        const { assert!(N <= 8, "namespaces are bits of a u8") }
        Self {
            namespaces,
            current: HashMap::new(),
            previous: HashMap::new(),
        }
    }

    /// Begins an array.
    pub(super) fn begin_array(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.clear();
    }

    /// Forgets the last array, whose markers have been deleted.
    pub(super) fn forget_shown(&mut self) {
        self.current.clear();
    }

    /// Begins the markers of an object or zone. `None` if the array has one of that id already.
    pub(super) fn begin_markers(&mut self, id: i32) -> Option<MarkerIds<'_>> {
        match self.current.entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => Some(MarkerIds {
                namespaces: &self.namespaces,
                shown: entry.insert(0),
                id,
            }),
        }
    }

    /// Deletes the markers that were in the array before and are not in this one. To be called last.
    pub(super) fn delete_stale(&self, array: &mut MarkerArrayWriter<'_>) {
        for (&id, &previous) in &self.previous {
            let stale = previous & !self.current.get(&id).copied().unwrap_or(0);
            for (bit, namespace) in self.namespaces.into_iter().enumerate() {
                if stale & (1 << bit) != 0 {
                    array.delete(MarkerId { namespace, id });
                }
            }
        }
    }
}

impl MarkerIds<'_> {
    /// Records that a marker is added in the namespace of that index, and returns its id.
    pub(super) fn add_in(&mut self, namespace: usize) -> MarkerId {
        *self.shown |= 1 << namespace;
        MarkerId {
            namespace: self.namespaces[namespace],
            id: self.id,
        }
    }
}
