//! Bridges and recorders in the ROS graph.

use std::collections::{BTreeMap, BTreeSet};

use r2r::Node;

use crate::monitor::site::Source;
use crate::ros::RuntimeError;

/// Type of the topic that every bridge publishes, and no other node.
const STATISTICS_TYPE: &str = "sensr_bridge/msg/BridgeStatistics";
/// Name of this topic, relative to the namespace of the bridge.
pub(super) const STATISTICS: &str = "statistics";
/// Name of the topic that every recorder publishes, and no other node, relative to its namespace.
pub(super) const RECORDING: &str = "recording";

/// Identities of the publishers of a topic.
pub(super) type Publishers = BTreeSet<Vec<u8>>;

/// Bridges and recorders that were found.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Namespace and kind of each node, by its full name.
    nodes: BTreeMap<String, (String, Source)>,
}

impl Graph {
    /// Looks for bridges. Returns their namespaces, `/` for none.
    pub(super) fn poll(&mut self, node: &Node) -> Result<Vec<String>, RuntimeError> {
        let topics = node
            .get_topic_names_and_types()
            .map_err(RuntimeError::ros("read the ROS graph"))?;
        let topics = topics.into_iter();
        let of_bridges =
            topics.filter(|(_, types)| types.iter().any(|kind| kind == STATISTICS_TYPE));
        let namespaces = of_bridges.filter_map(|(topic, _)| namespace_of(&topic));
        let mut found = Vec::new();
        for namespace in namespaces {
            if self.find_nodes(node, &namespace, STATISTICS, Source::Bridge) {
                self.find_nodes(node, &namespace, RECORDING, Source::Recorder);
                found.push(namespace);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Returns the namespace and the kind of a node.
    pub(super) fn node(&self, name: &str) -> Option<(&str, Source)> {
        let (namespace, source) = self.nodes.get(name)?;
        Some((namespace, *source))
    }

    /// Notes the nodes that publish a topic. Returns whether there are any: a recorder alone subscribes.
    fn find_nodes(&mut self, node: &Node, namespace: &str, topic: &str, source: Source) -> bool {
        // A query that fails is repeated at the next poll.
        let found = node.get_publishers_info_by_topic(&absolute(namespace, topic), false);
        let found = found.unwrap_or_default();
        for publisher in &found {
            let name = absolute(&publisher.node_namespace, &publisher.node_name);
            self.nodes.insert(name, (namespace.to_owned(), source));
        }
        !found.is_empty()
    }
}

/// Returns the publishers of a bridge's statistics: another one is another run of it.
pub(super) fn bridge_publishers(node: &Node, namespace: &str) -> Publishers {
    let found = node.get_publishers_info_by_topic(&absolute(namespace, STATISTICS), false);
    let found = found.unwrap_or_default().into_iter();
    found
        .map(|publisher| publisher.endpoint_gid.to_vec())
        .collect()
}

/// Returns the full name of something in a namespace.
pub(super) fn absolute(namespace: &str, name: &str) -> String {
    format!("{}/{name}", namespace.trim_end_matches('/'))
}

/// Returns the namespace of a bridge by the name of its statistics. `None` if the topic is remapped: nothing tells where
/// the others are.
fn namespace_of(topic: &str) -> Option<String> {
    let namespace = topic.strip_suffix(STATISTICS)?;
    let namespace = namespace.strip_suffix('/')?;
    Some(match namespace {
        "" => "/".to_owned(),
        namespace => namespace.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_is_in_the_namespace_of_its_statistics() {
        let cases = [
            ("/statistics", Some("/")),
            ("/samyang/statistics", Some("/samyang")),
            ("/north/samyang/statistics", Some("/north/samyang")),
            ("/samyang/bridge_statistics", None),
            ("/samyang/other", None),
        ];
        for (topic, namespace) in cases {
            assert_eq!(namespace_of(topic).as_deref(), namespace, "{topic}");
        }
        assert_eq!(absolute("/", "recording"), "/recording");
        assert_eq!(absolute("/a", "recording"), "/a/recording");
    }
}
