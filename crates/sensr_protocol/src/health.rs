//! The server's health with its parts by name, opened entry by entry.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::parts::Undecodable;
use super::wire::envelope::{self, PartEntry, StatusEntry};
use super::wire::proto;
use super::wire::proto::system_health::{EdgeEntry, NodeEntry, SensorEntry, Status};

/// Parts by their names, which are bytes: SENSR's names need not be UTF-8. In the order of the names.
pub type Named<T> = BTreeMap<Vec<u8>, T>;

/// The server and its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemHealth {
    /// `SystemHealth.Status`, or what a newer server sends.
    pub master: i32,
    /// The processing nodes.
    pub nodes: Named<Node>,
}

/// A processing node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// `SystemHealth.Node.Status`, or what a newer server sends.
    pub status: i32,
    /// `SensorStatus` of its own sensors.
    pub sensors: Named<i32>,
    /// Its edge machines.
    pub edges: Named<Edge>,
}

/// An edge machine of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    /// As [`Node::status`].
    pub status: i32,
    /// `SensorStatus` of its sensors.
    pub sensors: Named<i32>,
}

impl SystemHealth {
    /// The master's status. `NONE` for one that only newer servers know.
    #[must_use]
    pub fn master(&self) -> Status {
        Status::try_from(self.master).unwrap_or_default()
    }

    /// Opens a health; an entry that does not decode costs itself.
    pub(crate) fn open(
        what: &'static str,
        pieces: Vec<Bytes>,
        undecodable: &mut Undecodable,
    ) -> Option<Self> {
        let health: envelope::Health = undecodable.one(what, pieces)?;
        Some(Self {
            master: health.master,
            nodes: undecodable.named::<PartEntry, _>(
                ["node", "node name"],
                health.nodes,
                Node::open,
            ),
        })
    }
}

impl Node {
    fn open(undecodable: &mut Undecodable, pieces: Vec<Bytes>) -> Option<Self> {
        let node: envelope::Node = undecodable.one_or_default("node", pieces)?;
        let sensor = ["sensor of a node", "sensor name"];
        Some(Self {
            status: node.status,
            sensors: undecodable.named::<StatusEntry, _>(sensor, node.sensors, as_it_is),
            edges: undecodable.named::<PartEntry, _>(["edge", "edge name"], node.edges, Edge::open),
        })
    }
}

impl Edge {
    fn open(undecodable: &mut Undecodable, pieces: Vec<Bytes>) -> Option<Self> {
        let edge: envelope::Edge = undecodable.one_or_default("edge", pieces)?;
        let sensor = ["sensor of an edge", "sensor name"];
        Some(Self {
            status: edge.status,
            sensors: undecodable.named::<StatusEntry, _>(sensor, edge.sensors, as_it_is),
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as those that open a part")]
fn as_it_is(_: &mut Undecodable, number: i32) -> Option<i32> {
    Some(number)
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

fn sensor_entries(sensors: Named<i32>) -> Vec<SensorEntry> {
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

    fn open(bytes: Vec<u8>) -> (SystemHealth, Undecodable) {
        let mut undecodable = Undecodable::default();
        let health = SystemHealth::open("health", vec![bytes.into()], &mut undecodable);
        (health.expect("the rest decodes"), undecodable)
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
    fn of_entries_with_one_name_the_last_that_decodes_counts() {
        let node = |status: u8| field(2, &entry(b"n", &[8, status]));
        let broken = field(2, &entry(b"n", &[0x0d, 1]));
        let (health, undecodable) = open([node(3), node(4), broken].concat());
        assert_eq!(health.nodes[&b"n"[..]].status, 4);
        assert_eq!((health.nodes.len(), undecodable.count()), (1, 1));
    }

    #[test]
    fn a_broken_entry_costs_itself_wherever_it_stands() {
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
        let (health, undecodable) =
            open([field(2, &broken), field(2, &entry(b"n", &node))].concat());
        let node = &health.nodes[&b"n"[..]];
        assert_eq!(node.sensors, Named::from([(b"s".to_vec(), 1)]));
        assert_eq!(
            node.edges[&b"edge"[..]].sensors,
            Named::from([(b"e".to_vec(), 1)])
        );
        assert_eq!(undecodable.count(), 4);
        assert!(undecodable.to_string().contains("node"), "{undecodable}");
    }

    prop_compose! {
        fn any_sensors()(sensors in btree_map(vec(any::<u8>(), 0..6), any::<i32>(), 0..4)) -> Named<i32> {
            sensors
        }
    }

    proptest! {
        /// Any bytes in any name.
        #[test]
        fn names_lose_nothing(
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
            let (opened, undecodable) = open(proto::SystemHealth::from(health.clone()).encode_to_vec());
            prop_assert_eq!(&opened, &health);
            prop_assert_eq!(undecodable.count(), 0);
            let all_text = names.iter().chain(sensors.iter().flat_map(|names| names.keys()));
            let all_text = all_text.into_iter().all(|name| crate::text::is_text(name));
            prop_assert_eq!(undecodable.texts().count() == 0, all_text);
        }
    }
}
