//! Examination of the ROS graph for `sensr_check`: whether the middleware loads, and whether another bridge or recorder
//! uses the names already.

use std::collections::BTreeSet;
use std::env;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use r2r::Node;

use super::node::create_context;
use super::{Error, RuntimeError};
use crate::check::finding::Finding;
use crate::check::run::GraphTarget;
use crate::config::ros_arguments::RosArguments;

/// Time to discover other nodes, which mostly takes some tenths of a second. Nodes of Fast DDS announce themselves every
/// three seconds, and the first announcement may be lost on a busy machine.
const DISCOVERY_TIME: Duration = Duration::from_secs(5);
/// Time between two queries of the graph.
const POLL_PERIOD: Duration = Duration::from_millis(100);

/// Node whose name is not known yet.
const UNNAMED: &str = "a node whose name is not known yet";

/// Kind of node: subject of the finding, topic that only such nodes publish, and its name for people.
struct NodeKind {
    subject: &'static str,
    topic: &'static str,
    name: &'static str,
}

const BRIDGE: NodeKind = NodeKind {
    subject: "other bridge",
    topic: "statistics",
    name: "bridge",
};
const RECORDER: NodeKind = NodeKind {
    subject: "other recorder",
    topic: "recording",
    name: "recorder",
};

/// Examines the middleware, and the names of each bridge and recorder. Takes [`DISCOVERY_TIME`].
#[must_use]
pub fn check_graph(targets: &[GraphTarget], ros: &RosArguments) -> Vec<Finding> {
    const SUBJECT: &str = "middleware";
    let rmw = env::var("RMW_IMPLEMENTATION").unwrap_or_default();
    let rmw = if rmw.is_empty() {
        "the default middleware"
    } else {
        &*rmw
    };
    let node = match create_node(ros) {
        Ok(node) => node,
        Err(error) => {
            let cure = "correct the arguments after --ros-args, or unset RMW_IMPLEMENTATION, and source the setup.bash of \
                        the ROS 2 distribution";
            let message = format!("{rmw} does not start: {error}");
            return vec![Finding::fail(SUBJECT, message, cure)];
        }
    };
    let mut findings = vec![Finding::pass(SUBJECT, format!("{rmw} starts"))];
    let deadline = Instant::now() + DISCOVERY_TIME;
    let mut graph = GraphQuery {
        node,
        found: targets
            .iter()
            .map(|_| [BTreeSet::new(), BTreeSet::new()])
            .collect(),
        error: None,
    };
    while !targets.is_empty() && Instant::now() < deadline {
        graph.query(targets);
        thread::sleep(POLL_PERIOD);
    }
    findings.extend(graph.findings(targets));
    findings
}

fn create_node(ros: &RosArguments) -> Result<Node, Error> {
    let context = create_context(ros)?;
    // A name of its own, so that it is not the namesake of another check.
    let name = format!("sensr_check_{}", process::id());
    Ok(Node::create(context, &name, "/").map_err(RuntimeError::ros("create a node"))?)
}

/// Nodes found on the graph so far.
struct GraphQuery {
    node: Node,
    /// Names of bridges and recorders, for each target.
    found: Vec<[BTreeSet<String>; 2]>,
    /// Reason why the last query failed.
    error: Option<String>,
}

impl GraphQuery {
    /// Queries the graph. Nodes that end meanwhile are no reason to forget them.
    fn query(&mut self, targets: &[GraphTarget]) {
        self.error = None;
        for (target, found) in targets.iter().zip(&mut self.found) {
            for (kind, names) in [&BRIDGE, &RECORDER].into_iter().zip(found) {
                let topic = topic_of(target, kind);
                match self.node.get_publishers_info_by_topic(&topic, false) {
                    Ok(publishers) => {
                        names.extend(publishers.into_iter().map(|publisher| {
                            full_name(&publisher.node_namespace, &publisher.node_name)
                        }));
                    }
                    Err(error) => self.error = Some(error.to_string()),
                }
            }
        }
    }

    fn findings(self, targets: &[GraphTarget]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (target, found) in targets.iter().zip(&self.found) {
            for (kind, names) in [&BRIDGE, &RECORDER].into_iter().zip(found) {
                if kind.subject == RECORDER.subject && !target.has_recorder {
                    continue;
                }
                let finding = check_names(target, kind, names, self.error.as_deref());
                findings.push(finding.of_site(&target.site));
            }
        }
        findings
    }
}

/// Returns the name of a node. Its publishers may be discovered before its name.
fn full_name(namespace: &str, name: &str) -> String {
    if name.contains("_UNKNOWN_") {
        return UNNAMED.to_owned();
    }
    format!("{}/{name}", namespace.trim_end_matches('/'))
}

fn topic_of(target: &GraphTarget, kind: &NodeKind) -> String {
    format!("{}/{}", target.namespace.trim_end_matches('/'), kind.topic)
}

fn check_names(
    target: &GraphTarget,
    kind: &NodeKind,
    names: &BTreeSet<String>,
    error: Option<&str>,
) -> Finding {
    let GraphTarget { namespace, .. } = target;
    let name = kind.name;
    if !names.is_empty() {
        let is_one_named = names.iter().any(|name| name != UNNAMED);
        let shown = names.iter().map(String::as_str);
        let shown = shown.filter(|name| !is_one_named || *name != UNNAMED);
        let names = shown.collect::<Vec<_>>().join(", ");
        let topic = topic_of(target, kind);
        return Finding::fail(
            kind.subject,
            format!("a {name} publishes in {namespace} already: {names}"),
            format!(
                "ros2 topic info --verbose {topic}   (stop that {name} or give this one a namespace of its own; if it is \
                 the one that you want, it runs already)"
            ),
        );
    }
    match error {
        None => Finding::pass(kind.subject, format!("no other {name} in {namespace}")),
        Some(error) => Finding::warn(
            kind.subject,
            format!("unknown, the ROS graph cannot be queried for {namespace}: {error}"),
            format!("ros2 topic info --verbose {}", topic_of(target, kind)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Verdict;

    #[test]
    fn another_bridge_is_a_failure_and_an_unknown_graph_a_warning() {
        let target = GraphTarget {
            site: "samyang".to_owned(),
            namespace: "/samyang".to_owned(),
            has_recorder: false,
        };
        let check = |names: &[&str], error| {
            let names = names.iter().map(ToString::to_string).collect();
            check_names(&target, &BRIDGE, &names, error)
        };
        assert_eq!(check(&[], None).verdict, Verdict::Pass);
        assert_eq!(check(&[], Some("invalid name")).verdict, Verdict::Warn);
        let other = check(&["/samyang/sensr_bridge"], None);
        assert_eq!(other.verdict, Verdict::Fail);
        assert!(other.message.contains("/samyang/sensr_bridge"), "{other:?}");
        assert!(other.cure.contains("/samyang/statistics"), "{other:?}");
    }

    #[test]
    fn node_without_a_name_is_shown_only_if_it_is_the_only_one() {
        assert_eq!(full_name("/", "sensr_bridge"), "/sensr_bridge");
        let unnamed = full_name("_NODE_NAMESPACE_UNKNOWN_", "_NODE_NAME_UNKNOWN_");
        let target = GraphTarget {
            site: "a".to_owned(),
            namespace: "/".to_owned(),
            has_recorder: false,
        };
        let message = |names: &[&str]| {
            let names = names.iter().map(ToString::to_string).collect();
            check_names(&target, &BRIDGE, &names, None).message
        };
        assert!(message(&[&unnamed]).ends_with("already: a node whose name is not known yet"));
        assert!(message(&["/sensr_bridge", &unnamed]).ends_with("already: /sensr_bridge"));
    }
}
