//! Memory of decoded messages beyond their own size: queues are bounded by it.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost_types::Timestamp;

use crate::wire::proto;

/// Value with memory of its own.
pub trait HeapSize {
    /// Bytes that the value occupies beside itself.
    fn heap_size(&self) -> usize;

    /// Bytes that the value occupies, itself included.
    fn total_size(&self) -> usize
    where
        Self: Sized,
    {
        size_of::<Self>() + self.heap_size()
    }
}

// Implementations for the messages of `sensr.proto`, generated from the descriptors by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/message_heap_size.rs"));

/// No memory of its own: a view into the received frame, which is counted once and not for each view.
impl HeapSize for Bytes {
    fn heap_size(&self) -> usize {
        0
    }
}

macro_rules! without_heap {
    ($($plain:ty),*) => {
        $(impl HeapSize for $plain {
            fn heap_size(&self) -> usize {
                0
            }
        })*
    };
}

without_heap!(u8, i32, u64, Timestamp);

impl<T: HeapSize> HeapSize for Option<T> {
    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, T::heap_size)
    }
}

impl<T: HeapSize> HeapSize for Vec<T> {
    fn heap_size(&self) -> usize {
        size_of_val(&**self) + self.iter().map(T::heap_size).sum::<usize>()
    }
}

/// An upper bound, unless half of the nodes are nearly empty.
impl<K: HeapSize, V: HeapSize> HeapSize for BTreeMap<K, V> {
    fn heap_size(&self) -> usize {
        /// Entries that a node of the standard library's map has room for. A node is hardly less than half full unless it
        /// is the only one.
        const NODE_CAPACITY: usize = 11;
        if self.is_empty() {
            return 0;
        }
        let capacity = NODE_CAPACITY.max(2 * self.len());
        let entries = self.iter();
        let beside = entries.map(|(key, value)| key.heap_size() + value.heap_size());
        capacity * size_of::<(K, V)>() + beside.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custom::Custom;
    use crate::health::{Edge, Node, SystemHealth};
    use crate::wire::proto::{FieldOfRegard, PolygonBox, Vector2, ZoneConfig};

    #[test]
    fn defaults_count_although_they_are_nothing_on_the_wire() {
        assert!(ZoneConfig::default().total_size() >= size_of::<ZoneConfig>());
        let custom = |count| Custom {
            fields_of_regard: vec![FieldOfRegard::default(); count],
            ..Custom::default()
        };
        let grown = custom(101).total_size() - custom(1).total_size();
        assert!(grown >= 100 * size_of::<FieldOfRegard>());
    }

    #[test]
    fn corners_count() {
        let pbox = PolygonBox {
            points: vec![Vector2::default(); 100],
            ..PolygonBox::default()
        };
        let zone = ZoneConfig {
            pbox: Some(pbox),
            ..ZoneConfig::default()
        };
        assert!(zone.total_size() >= 100 * size_of::<Vector2>());
    }

    #[test]
    fn maps_in_maps_count() {
        let edge = Edge {
            sensors: [("sensor".into(), 1)].into(),
            ..Edge::default()
        };
        let health = |edges: &[(Vec<u8>, Edge)]| SystemHealth {
            nodes: [(
                "node".into(),
                Node {
                    edges: edges.iter().cloned().collect(),
                    ..Node::default()
                },
            )]
            .into(),
            ..SystemHealth::default()
        };
        let without = health(&[]).heap_size();
        let with = health(&[("edge".into(), edge)]).heap_size();
        assert!(without >= 11 * size_of::<(Vec<u8>, Node)>());
        assert!(
            with >= without + 11 * size_of::<(Vec<u8>, Edge)>() + 11 * size_of::<(Vec<u8>, i32)>()
        );
        assert_eq!(SystemHealth::default().heap_size(), 0);
    }
}
