//! Check for a duplicate node: a bridge that was started twice by mistake mixes its clouds with this bridge's on the same
//! topics, and two recorders of a bridge record everything twice.

use std::time::{Duration, Instant};

use r2r::Node;

use super::RuntimeError;
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;

/// Time between two polls of the ROS graph.
const POLL_PERIOD: Duration = Duration::from_secs(5);
/// Time between two log lines while the duplicate exists.
const LOG_PERIOD: Duration = Duration::from_secs(300);

/// Detects other nodes of the same kind on the same topics.
pub(super) struct DuplicateNodeCheck {
    /// Kind of the node, as a noun.
    kind: &'static str,
    /// Fully qualified name of the topic.
    topic: String,
    /// Fully qualified name of this node.
    name: String,
    poll_timer: RateLimiter,
    others: Vec<String>,
    warning_throttle: LogThrottle,
}

impl DuplicateNodeCheck {
    /// Creates the check. `topic` is one that every node of this kind publishes, and no other node, relative to its
    /// namespace.
    pub(super) fn new(node: &Node, kind: &'static str, topic: &str) -> Result<Self, RuntimeError> {
        let name = node
            .fully_qualified_name()
            .map_err(RuntimeError::ros("read the node's name"))?;
        let namespace = node
            .namespace()
            .map_err(RuntimeError::ros("read the node's namespace"))?;
        Ok(Self {
            kind,
            topic: format!("{}/{topic}", namespace.trim_end_matches('/')),
            name,
            poll_timer: RateLimiter::default(),
            others: Vec::new(),
            warning_throttle: LogThrottle::new(LOG_PERIOD),
        })
    }

    /// Returns the names of the other nodes, which may equal this node's. Queries the ROS graph when a poll is due.
    pub(super) fn poll(&mut self, node: &Node, now: Instant) -> &[String] {
        if self.poll_timer.is_due(now, POLL_PERIOD) {
            self.others = self.query_graph(node);
            if !self.others.is_empty()
                && let Some(suppressed) = self.warning_throttle.try_acquire(now)
            {
                log::warn!("{}{suppressed}", self.warning());
            }
        }
        &self.others
    }

    fn query_graph(&self, node: &Node) -> Vec<String> {
        // A failed query is repeated at the next poll.
        let found = node.get_publishers_info_by_topic(&self.topic, false);
        let publishers = found.unwrap_or_default().into_iter();
        let names =
            publishers.map(|publisher| full_name(&publisher.node_namespace, &publisher.node_name));
        without_self(names.collect(), &self.name)
    }

    fn warning(&self) -> String {
        format!(
            "another {} publishes on the topics of {}: {}. Stop it, or give each a namespace of its own",
            self.kind,
            self.name,
            self.others.join(", ")
        )
    }
}

fn full_name(namespace: &str, name: &str) -> String {
    format!("{}/{name}", namespace.trim_end_matches('/'))
}

/// Removes one entry of that name, which is this node. Empty if there is none, because the topic was remapped.
fn without_self(mut names: Vec<String>, own: &str) -> Vec<String> {
    match names.iter().position(|name| name == own) {
        Some(index) => {
            names.swap_remove(index);
            names.sort();
            names
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_not_its_own_duplicate() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(without_self(names(&["/a"]), "/a"), names(&[]));
        assert_eq!(
            without_self(names(&["/a", "/b", "/a"]), "/a"),
            names(&["/a", "/b"])
        );
        // Without an entry of its own the topic was remapped.
        assert_eq!(without_self(names(&["/b"]), "/a"), names(&[]));
        assert_eq!(full_name("/", "x"), "/x");
        assert_eq!(full_name("/site", "x"), "/site/x");
    }
}
