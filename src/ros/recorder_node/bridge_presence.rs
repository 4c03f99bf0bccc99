//! Presence of the bridge in the ROS graph.

use r2r::Node;

/// Topic that every bridge publishes, and no other node, relative to its namespace.
pub(super) const TOPIC: &str = "statistics";

/// Finds the bridge in the namespace of the node.
pub(super) struct BridgePresence {
    topic: String,
}

impl BridgePresence {
    pub(super) fn new(namespace: &str) -> Self {
        Self {
            topic: format!("{}/{TOPIC}", namespace.trim_end_matches('/')),
        }
    }

    /// Returns whether a bridge is in the graph. If the graph cannot be queried, it is taken to be.
    pub(super) fn is_present(&self, node: &Node) -> bool {
        let found = node.get_publishers_info_by_topic(&self.topic, false);
        found.map_or(true, |publishers| !publishers.is_empty())
    }
}
