//! Diagnostics of the server's nodes, edges and sensors: one status for each.

use std::collections::{BTreeSet, HashMap};
use std::iter;

use super::{Level, Status};
use sensr_protocol::health::{NameMap, SystemHealth};
use sensr_protocol::text::decode_lossy;
use sensr_protocol::wire::proto::SensorStatus;
use sensr_protocol::wire::proto::system_health::node::Status as NodeStatus;

/// Maximum number of components with a status of their own. A site has some dozens; more indicate a broken server.
const MAX_SHOWN: usize = 1000;

/// Returns one status per component, in the order of the names. All are stale unless `is_current`.
pub(crate) fn assess_components(health: &SystemHealth, is_current: bool) -> Vec<Status> {
    let mut components = list_components(health);
    let mut statuses: Vec<Status> = components
        .by_ref()
        .take(MAX_SHOWN)
        .map(|component| component.assess_component(is_current))
        .collect();
    statuses.extend(summarize_hidden(components, is_current));
    number_equal_tasks(&mut statuses);
    statuses
}

/// Numbers statuses with equal tasks, because tools identify a status by its task: names that differ only in invalid
/// UTF-8 are equal once decoded.
fn number_equal_tasks(statuses: &mut [Status]) {
    let mut tasks = BTreeSet::new();
    let mut counts = HashMap::<String, usize>::new();
    for status in statuses {
        let mut task = status.task.clone();
        while tasks.contains(&task) {
            let count = counts.entry(status.task.clone()).or_insert(1);
            *count += 1;
            task = format!("{} ({count})", status.task);
        }
        tasks.insert(task.clone());
        status.task = task;
    }
}

/// A node, an edge of a node, or a sensor of either.
#[derive(Debug, Clone, Copy)]
struct ServerComponent<'a> {
    node: &'a [u8],
    edge: Option<&'a [u8]>,
    sensor: Option<&'a [u8]>,
    status_number: i32,
}

fn list_components(health: &SystemHealth) -> impl Iterator<Item = ServerComponent<'_>> {
    health.nodes.iter().flat_map(|(name, node)| {
        let component = ServerComponent {
            node: name,
            edge: None,
            sensor: None,
            status_number: node.status,
        };
        let edges = node.edges.iter().flat_map(move |(name, edge)| {
            let component = ServerComponent {
                edge: Some(name),
                status_number: edge.status,
                ..component
            };
            with_sensors(component, &edge.sensors)
        });
        with_sensors(component, &node.sensors).chain(edges)
    })
}

fn with_sensors<'a>(
    component: ServerComponent<'a>,
    sensors: &'a NameMap<i32>,
) -> impl Iterator<Item = ServerComponent<'a>> {
    let sensors = sensors.iter().map(move |(name, number)| ServerComponent {
        sensor: Some(name),
        status_number: *number,
        ..component
    });
    iter::once(component).chain(sensors)
}

impl ServerComponent<'_> {
    fn assess_component(self, is_current: bool) -> Status {
        let (level, message) = self.describe_status();
        let level = if is_current { level } else { Level::Stale };
        Status::new(self.task_name(), (level, message))
            .with_value("status number", self.status_number)
    }

    fn task_name(self) -> String {
        let mut task = format!("node {}", decode_lossy(self.node));
        for (kind, name) in [("edge", self.edge), ("sensor", self.sensor)] {
            if let Some(name) = name {
                task.extend([" ", kind, " ", &decode_lossy(name)]);
            }
        }
        task
    }

    fn describe_status(self) -> (Level, String) {
        let known = if self.sensor.is_some() {
            SensorStatus::try_from(self.status_number)
                .ok()
                .map(assess_sensor)
        } else {
            NodeStatus::try_from(self.status_number)
                .ok()
                .map(assess_node)
        };
        match known {
            Some((level, name)) => (level, name.to_owned()),
            None => (
                Level::Warn,
                format!("unknown status {}", self.status_number),
            ),
        }
    }
}

fn assess_sensor(status: SensorStatus) -> (Level, &'static str) {
    let level = match status {
        SensorStatus::SensorAlive => Level::Ok,
        SensorStatus::SensorTilted | SensorStatus::SensorSuspended => Level::Warn,
        SensorStatus::SensorDead | SensorStatus::SensorErroneous => Level::Error,
    };
    let name = status.as_str_name();
    (level, name.strip_prefix("SENSOR_").unwrap_or(name))
}

/// Assesses the status of a node or an edge, which share their values.
fn assess_node(status: NodeStatus) -> (Level, &'static str) {
    let level = match status {
        NodeStatus::Ok => Level::Ok,
        NodeStatus::None
        | NodeStatus::NetworkLatency
        | NodeStatus::StorageShortage
        | NodeStatus::EmptyRosbagPlay => Level::Warn,
        NodeStatus::RosError
        | NodeStatus::LostConnection
        | NodeStatus::InvalidGpuConfiguration
        | NodeStatus::InvalidConfig
        | NodeStatus::InputNotAvailable
        | NodeStatus::InitializationError
        | NodeStatus::VersionMismatch => Level::Error,
    };
    (level, status.as_str_name())
}

/// Summarizes the components without a status of their own, with the worst of their levels. None if there are none.
fn summarize_hidden<'a>(
    components: impl Iterator<Item = ServerComponent<'a>>,
    is_current: bool,
) -> Option<Status> {
    let levels = components.map(|component| component.describe_status().0);
    let (count, worst) = levels.fold((0_usize, Level::Ok), |(count, worst), level| {
        (count + 1, worst.max(level))
    });
    let level = if is_current { worst } else { Level::Stale };
    let message = format!("{count} nodes, edges and sensors are not shown");
    (count > 0).then(|| Status::new("nodes not shown", (level, message)).with_value("count", count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::sample_input;

    fn health_with_sensors(numbers: impl IntoIterator<Item = i32>) -> SystemHealth {
        let mut health = sample_input::healthy_system();
        let algo = health
            .nodes
            .get_mut(&b"algo"[..])
            .expect("part of the sample");
        algo.edges.clear();
        let numbers = numbers.into_iter().enumerate();
        algo.sensors = numbers
            .map(|(i, n)| (format!("{i:06}").into(), n))
            .collect();
        health
    }

    fn levels_and_messages(statuses: &[Status]) -> Vec<(Level, &str)> {
        statuses
            .iter()
            .map(|status| (status.level, &*status.message))
            .collect()
    }

    #[test]
    fn sensor_statuses_have_levels() {
        let statuses = assess_components(&health_with_sensors([0, 1, 2, 3, 4, 77]), true);
        let expected = [
            (Level::Ok, "OK"),
            (Level::Error, "DEAD"),
            (Level::Ok, "ALIVE"),
            (Level::Error, "ERRONEOUS"),
            (Level::Warn, "TILTED"),
            (Level::Warn, "SUSPENDED"),
            (Level::Warn, "unknown status 77"),
        ];
        assert_eq!(levels_and_messages(&statuses), expected);
    }

    #[test]
    fn node_and_edge_statuses_have_levels() {
        let expected = [
            (Level::Warn, "NONE"),
            (Level::Ok, "OK"),
            (Level::Error, "ROS_ERROR"),
            (Level::Error, "LOST_CONNECTION"),
            (Level::Error, "INVALID_GPU_CONFIGURATION"),
            (Level::Warn, "NETWORK_LATENCY"),
            (Level::Error, "INVALID_CONFIG"),
            (Level::Error, "INPUT_NOT_AVAILABLE"),
            (Level::Error, "INITIALIZATION_ERROR"),
            (Level::Error, "VERSION_MISMATCH"),
            (Level::Warn, "EMPTY_ROSBAG_PLAY"),
            (Level::Warn, "STORAGE_SHORTAGE"),
            (Level::Warn, "unknown status 12"),
        ];
        for (number, expected) in (0..).zip(expected) {
            let mut health = sample_input::healthy_system();
            let algo = health
                .nodes
                .get_mut(&b"algo"[..])
                .expect("part of the sample");
            algo.status = number;
            algo.edges
                .get_mut(&b"east"[..])
                .expect("part of the sample")
                .status = number;
            let statuses = assess_components(&health, true);
            let assessed = levels_and_messages(&statuses);
            assert_eq!((assessed[0], assessed[2]), (expected, expected));
            assert_eq!(assessed[3], (Level::Ok, "ALIVE"));
        }
    }

    #[test]
    fn outdated_components_are_stale_with_their_last_message() {
        let statuses = assess_components(&health_with_sensors([0, 1]), false);
        let expected = [
            (Level::Stale, "OK"),
            (Level::Stale, "DEAD"),
            (Level::Stale, "ALIVE"),
        ];
        assert_eq!(levels_and_messages(&statuses), expected);
    }

    #[test]
    fn names_are_shown_unchanged() {
        let mut health = sample_input::healthy_system();
        let algo = health
            .nodes
            .remove(&b"algo"[..])
            .expect("part of the sample");
        health.nodes.insert("ünïcode #1/2\n".into(), algo);
        let task = &assess_components(&health, true)[3].task;
        assert_eq!(task, "node ünïcode #1/2\n edge east sensor lidar 2");
    }

    #[test]
    fn equal_names_are_numbered() {
        let mut health = health_with_sensors([1]);
        let algo = health
            .nodes
            .get_mut(&b"algo"[..])
            .expect("part of the sample");
        let names: [&[u8]; 4] = [b"\xb6", b"\xb7", b"\xb8", "\u{fffd} (2)".as_bytes()];
        algo.sensors = names.map(|name| (name.to_vec(), 1)).into();
        let statuses = assess_components(&health, true);
        let tasks: BTreeSet<&str> = statuses.iter().map(|status| &*status.task).collect();
        assert_eq!(tasks.len(), 5, "{tasks:?}");
        assert!(tasks.contains("node algo sensor \u{fffd}"), "{tasks:?}");
    }

    #[test]
    fn components_are_bounded_and_the_summary_has_the_worst_level() {
        let health = health_with_sensors((0..3000).map(|i| i32::from(i != 2500)));
        let statuses = assess_components(&health, true);
        assert_eq!(statuses.len(), MAX_SHOWN + 1);
        let last = statuses.last().expect("part of the sample");
        assert_eq!(last.level, Level::Error);
        assert_eq!(last.message, "2001 nodes, edges and sensors are not shown");
        let stale = assess_components(&health, false);
        assert_eq!(
            stale.last().expect("part of the sample").level,
            Level::Stale
        );
        assert_eq!(
            assess_components(&health_with_sensors((1..MAX_SHOWN).map(|_| 1)), true).len(),
            MAX_SHOWN
        );
    }
}
