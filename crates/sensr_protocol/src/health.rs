//! Health of the server and its components by name, decoded entry by entry.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::decode_failures::DecodeFailures;
use crate::decode_parts::{decode_map, decode_number_map, decode_optional, decode_or_default};
use crate::heap_size::HeapSize;
use crate::wire::envelope::{self, PartEntry, StatusEntry};
use crate::wire::proto;
use crate::wire::proto::system_health::{EdgeEntry, NodeEntry, SensorEntry, Status};

/// Map of components by name, ordered by it. Names are bytes, because those of SENSR need not be UTF-8.
pub type NameMap<T> = BTreeMap<Vec<u8>, T>;

/// Health of the server and its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemHealth {
    /// `SystemHealth.Status`, or a value that only newer servers know.
    pub master: i32,
    /// Processing nodes.
    pub nodes: NameMap<Node>,
}

/// Health of a processing node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// `SystemHealth.Node.Status`, or a value that only newer servers know.
    pub status: i32,
    /// `SensorStatus` of the sensors connected to the node itself.
    pub sensors: NameMap<i32>,
    /// Edge machines of the node.
    pub edges: NameMap<Edge>,
}

/// Health of an edge machine of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    /// `SystemHealth.Node.Status`, as of [`Node::status`].
    pub status: i32,
    /// `SensorStatus` of its sensors.
    pub sensors: NameMap<i32>,
}

impl SystemHealth {
    /// Status of the master. `NONE` for one that only newer servers know.
    #[must_use]
    pub fn master(&self) -> Status {
        Status::try_from(self.master).unwrap_or_default()
    }

    /// Decodes a health. `None` if it is absent or fails to decode; an entry that fails costs only itself.
    pub(crate) fn decode(
        label: &'static str,
        pieces: Vec<Bytes>,
        failures: &mut DecodeFailures,
    ) -> Option<Self> {
        let health: envelope::Health = decode_optional(label, pieces, failures)?;
        let labels = ["node", "node name"];
        Some(Self {
            master: health.master,
            nodes: decode_map::<PartEntry, _>(labels, health.nodes, failures, Node::decode),
        })
    }
}

impl Node {
    fn decode(pieces: Vec<Bytes>, failures: &mut DecodeFailures) -> Option<Self> {
        let node: envelope::Node = decode_or_default("node", pieces, failures)?;
        let sensor = ["sensor of a node", "sensor name"];
        let edge = ["edge", "edge name"];
        Some(Self {
            status: node.status,
            sensors: decode_number_map::<StatusEntry>(sensor, node.sensors, failures),
            edges: decode_map::<PartEntry, _>(edge, node.edges, failures, Edge::decode),
        })
    }
}

impl Edge {
    fn decode(pieces: Vec<Bytes>, failures: &mut DecodeFailures) -> Option<Self> {
        let edge: envelope::Edge = decode_or_default("edge", pieces, failures)?;
        let sensor = ["sensor of an edge", "sensor name"];
        Some(Self {
            status: edge.status,
            sensors: decode_number_map::<StatusEntry>(sensor, edge.sensors, failures),
        })
    }
}

impl HeapSize for SystemHealth {
    fn heap_size(&self) -> usize {
        self.nodes.heap_size()
    }
}

impl HeapSize for Node {
    fn heap_size(&self) -> usize {
        self.sensors.heap_size() + self.edges.heap_size()
    }
}

impl HeapSize for Edge {
    fn heap_size(&self) -> usize {
        self.sensors.heap_size()
    }
}

impl From<SystemHealth> for proto::SystemHealth {
    fn from(health: SystemHealth) -> Self {
        let nodes = health.nodes.into_iter().map(|(key, node)| NodeEntry {
            key,
            value: Some(node.into()),
        });
        Self {
            master: health.master,
            nodes: nodes.collect(),
        }
    }
}

impl From<Node> for proto::system_health::Node {
    fn from(node: Node) -> Self {
        let edges = node.edges.into_iter().map(|(key, edge)| EdgeEntry {
            key,
            value: Some(edge.into()),
        });
        Self {
            status: node.status,
            sensors: sensor_entries(node.sensors),
            edges: edges.collect(),
        }
    }
}

impl From<Edge> for proto::system_health::Edge {
    fn from(edge: Edge) -> Self {
        Self {
            status: edge.status,
            sensors: sensor_entries(edge.sensors),
        }
    }
}

fn sensor_entries(sensors: NameMap<i32>) -> Vec<SensorEntry> {
    let sensors = sensors.into_iter();
    sensors
        .map(|(key, value)| SensorEntry { key, value })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use prost::Message as _;
    use prost::encoding::{WireType, encode_key, encode_varint};

    use super::*;

    fn decode(bytes: Vec<u8>) -> (SystemHealth, DecodeFailures) {
        let mut failures = DecodeFailures::default();
        let health = SystemHealth::decode("health", vec![bytes.into()], &mut failures);
        (health.expect("the rest decodes"), failures)
    }

    fn field(number: u32, contents: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_key(number, WireType::LengthDelimited, &mut bytes);
        encode_varint(contents.len() as u64, &mut bytes);
        bytes.extend(contents);
        bytes
    }

    fn entry(key: &[u8], value: &[u8]) -> Vec<u8> {
        [field(1, key), field(2, value)].concat()
    }

    #[test]
    fn last_decodable_entry_of_a_name_wins() {
        let node = |status: u8| field(2, &entry(b"n", &[8, status]));
        let broken = field(2, &entry(b"n", &[0x0d, 1]));
        let (health, failures) = decode([node(3), node(4), broken].concat());
        assert_eq!(health.nodes[&b"n"[..]].status, 4);
        assert_eq!((health.nodes.len(), failures.count()), (1, 1));
    }

    #[test]
    fn broken_entry_at_any_depth_costs_only_itself() {
        let sensor = |name: &[u8]| [field(1, name), vec![0x10, 1]].concat();
        // A status that is a float.
        let broken = [field(1, b"broken"), vec![0x15, 0, 0, 0, 0]].concat();
        let edge = [field(2, &broken), field(2, &sensor(b"e"))].concat();
        let node = [
            field(3, &sensor(b"s")),
            field(3, &broken),
            field(5, &entry(b"edge", &edge)),
            field(5, &broken),
        ]
        .concat();
        let (health, failures) =
            decode([field(2, &broken), field(2, &entry(b"n", &node))].concat());
        let node = &health.nodes[&b"n"[..]];
        assert_eq!(node.sensors, NameMap::from([(b"s".to_vec(), 1)]));
        assert_eq!(
            node.edges[&b"edge"[..]].sensors,
            NameMap::from([(b"e".to_vec(), 1)])
        );
        assert_eq!(failures.count(), 4);
        assert!(failures.to_string().contains("node"), "{failures}");
    }

    prop_compose! {
        fn any_sensors()(sensors in btree_map(vec(any::<u8>(), 0..6), any::<i32>(), 0..4)) -> NameMap<i32> {
            sensors
        }
    }

    proptest! {
        #[test]
        fn names_of_any_bytes_are_kept(
            names in vec(vec(any::<u8>(), 0..6), 3),
            sensors in vec(any_sensors(), 2),
            master: i32,
        ) {
            let edge = Edge { status: 1, sensors: sensors[0].clone() };
            let node = Node {
                status: 2,
                sensors: sensors[1].clone(),
                edges: [(names[0].clone(), edge)].into(),
            };
            let nodes = [(names[1].clone(), node.clone()), (names[2].clone(), node)].into();
            let health = SystemHealth { master, nodes };
            let (decoded, failures) = decode(proto::SystemHealth::from(health.clone()).encode_to_vec());
            prop_assert_eq!(&decoded, &health);
            prop_assert_eq!(failures.count(), 0);
            let all_text = names.iter().chain(sensors.iter().flat_map(|names| names.keys()));
            let all_text = all_text.into_iter().all(|name| crate::text::is_text(name));
            prop_assert_eq!(failures.texts().count() == 0, all_text);
        }
    }
}
