//! Whether somebody else publishes where this bridge does: started twice by mistake, two bridges mix their clouds on
//! the same topics and each shows half the truth.

use std::time::{Duration, Instant};

use r2r::Node;

use super::RuntimeError;
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(5);
/// One log line in this time as long as it lasts.
const LOG_PERIOD: Duration = Duration::from_secs(300);
/// Every bridge publishes it, and nobody else does.
const TOPIC: &str = "statistics";

/// Looks for others.
pub(super) struct DuplicateBridgeCheck {
    /// Fully qualified.
    topic: String,
    /// This node.
    name: String,
    looks: RateLimiter,
    others: Vec<String>,
    complaint: LogThrottle,
}

impl DuplicateBridgeCheck {
    pub(super) fn new(node: &Node) -> Result<Self, RuntimeError> {
        let name = node
            .fully_qualified_name()
            .map_err(RuntimeError::ros("read the node's name"))?;
        let namespace = node
            .namespace()
            .map_err(RuntimeError::ros("read the node's namespace"))?;
        Ok(Self {
            topic: format!("{}/{TOPIC}", namespace.trim_end_matches('/')),
            name,
            looks: RateLimiter::default(),
            others: Vec::new(),
            complaint: LogThrottle::new(LOG_PERIOD),
        })
    }

    /// The names of the others, some of them this node's own. Looks when it is time.
    pub(super) fn look(&mut self, node: &Node, now: Instant) -> &[String] {
        if self.looks.is_due(now, PERIOD) {
            self.others = self.ask(node);
            if !self.others.is_empty()
                && let Some(suppressed) = self.complaint.try_acquire(now)
            {
                log::warn!("{}{suppressed}", self.in_words());
            }
        }
        &self.others
    }

    fn ask(&self, node: &Node) -> Vec<String> {
        // What the graph does not tell now it tells the next time.
        let found = node.get_publishers_info_by_topic(&self.topic, false);
        let publishers = found.unwrap_or_default().into_iter();
        let names =
            publishers.map(|publisher| full_name(&publisher.node_namespace, &publisher.node_name));
        without_self(names.collect(), &self.name)
    }

    fn in_words(&self) -> String {
        format!(
            "another bridge publishes on the topics of {}: {}. Stop it, or give each a namespace of its own",
            self.name,
            self.others.join(", ")
        )
    }
}

fn full_name(namespace: &str, name: &str) -> String {
    format!("{}/{name}", namespace.trim_end_matches('/'))
}

/// All but one of that name: this node itself is among them, unless its topic was remapped.
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
    fn a_bridge_is_not_its_own_namesake() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(without_self(names(&["/a"]), "/a"), names(&[]));
        assert_eq!(
            without_self(names(&["/a", "/b", "/a"]), "/a"),
            names(&["/a", "/b"])
        );
        // Whoever is not there has another topic.
        assert_eq!(without_self(names(&["/b"]), "/a"), names(&[]));
        assert_eq!(full_name("/", "x"), "/x");
        assert_eq!(full_name("/site", "x"), "/site/x");
    }
}
