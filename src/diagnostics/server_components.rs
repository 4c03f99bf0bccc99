//! What the server says of its nodes, edges and sensors: a status for each.

use std::collections::{BTreeSet, HashMap};
use std::iter;

use super::{Finding, Level, Status};
use sensr_protocol::health::{NameMap, SystemHealth};
use sensr_protocol::text::decode_lossy;
use sensr_protocol::wire::proto::SensorStatus;
use sensr_protocol::wire::proto::system_health::node::Status as NodeStatus;

/// So many are shown. A site has some dozens; more come from a server that is broken.
const SHOWN: usize = 1000;

/// One status per part, in the order of their names. `is_current` tells whether `health` still holds.
pub(super) fn examine(health: &SystemHealth, is_current: bool) -> Vec<Status> {
    let mut parts = parts(health);
    let mut statuses: Vec<Status> = parts
        .by_ref()
        .take(SHOWN)
        .map(|part| part.status(is_current))
        .collect();
    statuses.extend(left_out(parts, is_current));
    number_same_tasks(&mut statuses);
    statuses
}

/// Tells apart statuses with the same task, by which diagnostics are known: names that differ only in what is not
/// UTF-8 look the same.
fn number_same_tasks(statuses: &mut [Status]) {
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

/// A node; with an edge, that edge of it; with a sensor, that sensor of either.
#[derive(Debug, Clone, Copy)]
struct ServerComponent<'a> {
    node: &'a [u8],
    edge: Option<&'a [u8]>,
    sensor: Option<&'a [u8]>,
    number: i32,
}

fn parts(health: &SystemHealth) -> impl Iterator<Item = ServerComponent<'_>> {
    health.nodes.iter().flat_map(|(name, node)| {
        let part = ServerComponent {
            node: name,
            edge: None,
            sensor: None,
            number: node.status,
        };
        let edges = node.edges.iter().flat_map(move |(name, edge)| {
            let part = ServerComponent {
                edge: Some(name),
                number: edge.status,
                ..part
            };
            with_sensors(part, &edge.sensors)
        });
        with_sensors(part, &node.sensors).chain(edges)
    })
}

fn with_sensors<'a>(
    part: ServerComponent<'a>,
    sensors: &'a NameMap<i32>,
) -> impl Iterator<Item = ServerComponent<'a>> {
    let sensors = sensors.iter().map(move |(name, number)| ServerComponent {
        sensor: Some(name),
        number: *number,
        ..part
    });
    iter::once(part).chain(sensors)
}

impl ServerComponent<'_> {
    fn status(self, is_current: bool) -> Status {
        let (level, message) = self.judge();
        let level = if is_current { level } else { Level::Stale };
        Status::new(self.task(), (level, message)).with("status number", self.number)
    }

    fn task(self) -> String {
        let mut task = format!("node {}", decode_lossy(self.node));
        for (kind, name) in [("edge", self.edge), ("sensor", self.sensor)] {
            if let Some(name) = name {
                task.extend([" ", kind, " ", &decode_lossy(name)]);
            }
        }
        task
    }

    fn judge(self) -> Finding {
        let known = if self.sensor.is_some() {
            SensorStatus::try_from(self.number).ok().map(judge_sensor)
        } else {
            NodeStatus::try_from(self.number).ok().map(judge_node)
        };
        match known {
            Some((level, name)) => (level, name.to_owned()),
            None => (Level::Warn, format!("unknown status {}", self.number)),
        }
    }
}

fn judge_sensor(status: SensorStatus) -> (Level, &'static str) {
    let level = match status {
        SensorStatus::SensorAlive => Level::Ok,
        SensorStatus::SensorTilted | SensorStatus::SensorSuspended => Level::Warn,
        SensorStatus::SensorDead | SensorStatus::SensorErroneous => Level::Error,
    };
    let name = status.as_str_name();
    (level, name.strip_prefix("SENSOR_").unwrap_or(name))
}

/// Edges have the same.
fn judge_node(status: NodeStatus) -> (Level, &'static str) {
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

/// As bad as the worst of the parts that are not shown. None if all are.
fn left_out<'a>(
    parts: impl Iterator<Item = ServerComponent<'a>>,
    is_current: bool,
) -> Option<Status> {
    let levels = parts.map(|part| part.judge().0);
    let (count, worst) = levels.fold((0_usize, Level::Ok), |(count, worst), level| {
        (count + 1, worst.max(level))
    });
    let level = if is_current { worst } else { Level::Stale };
    let message = format!("{count} nodes, edges and sensors are not shown");
    (count > 0).then(|| Status::new("nodes not shown", (level, message)).with("count", count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::sample_input;

    fn with_sensors_that_are(numbers: impl IntoIterator<Item = i32>) -> SystemHealth {
        let mut health = sample_input::health();
        let algo = health.nodes.get_mut(&b"algo"[..]).expect("there");
        algo.edges.clear();
        let numbers = numbers.into_iter().enumerate();
        algo.sensors = numbers
            .map(|(i, n)| (format!("{i:06}").into(), n))
            .collect();
        health
    }

    fn judged(statuses: &[Status]) -> Vec<(Level, &str)> {
        let judged = statuses.iter();
        judged
            .map(|status| (status.level, &*status.message))
            .collect()
    }

    #[test]
    fn sensors() {
        let statuses = examine(&with_sensors_that_are([0, 1, 2, 3, 4, 77]), true);
        let expected = [
            (Level::Ok, "OK"),
            (Level::Error, "DEAD"),
            (Level::Ok, "ALIVE"),
            (Level::Error, "ERRONEOUS"),
            (Level::Warn, "TILTED"),
            (Level::Warn, "SUSPENDED"),
            (Level::Warn, "unknown status 77"),
        ];
        assert_eq!(judged(&statuses), expected);
    }

    #[test]
    fn nodes_and_edges() {
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
            let mut health = sample_input::health();
            let algo = health.nodes.get_mut(&b"algo"[..]).expect("there");
            algo.status = number;
            algo.edges.get_mut(&b"east"[..]).expect("there").status = number;
            let statuses = examine(&health, true);
            let judged = judged(&statuses);
            assert_eq!((judged[0], judged[2]), (expected, expected));
            assert_eq!(judged[3], (Level::Ok, "ALIVE"));
        }
    }

    #[test]
    fn what_no_longer_holds_is_stale_with_its_last_text() {
        let statuses = examine(&with_sensors_that_are([0, 1]), false);
        let expected = [
            (Level::Stale, "OK"),
            (Level::Stale, "DEAD"),
            (Level::Stale, "ALIVE"),
        ];
        assert_eq!(judged(&statuses), expected);
    }

    #[test]
    fn names_pass_as_they_are() {
        let mut health = sample_input::health();
        let algo = health.nodes.remove(&b"algo"[..]).expect("there");
        health.nodes.insert("ünïcode #1/2\n".into(), algo);
        let task = &examine(&health, true)[3].task;
        assert_eq!(task, "node ünïcode #1/2\n edge east sensor lidar 2");
    }

    #[test]
    fn names_that_look_the_same_are_told_apart() {
        let mut health = with_sensors_that_are([1]);
        let algo = health.nodes.get_mut(&b"algo"[..]).expect("there");
        let names: [&[u8]; 4] = [b"\xb6", b"\xb7", b"\xb8", "\u{fffd} (2)".as_bytes()];
        algo.sensors = names.map(|name| (name.to_vec(), 1)).into();
        let statuses = examine(&health, true);
        let tasks: BTreeSet<&str> = statuses.iter().map(|status| &*status.task).collect();
        assert_eq!(tasks.len(), 5, "{tasks:?}");
        assert!(tasks.contains("node algo sensor \u{fffd}"), "{tasks:?}");
    }

    #[test]
    fn they_are_bounded_and_the_worst_shows() {
        let health = with_sensors_that_are((0..3000).map(|i| i32::from(i != 2500)));
        let statuses = examine(&health, true);
        assert_eq!(statuses.len(), SHOWN + 1);
        let last = statuses.last().expect("there");
        assert_eq!(last.level, Level::Error);
        assert_eq!(last.message, "2001 nodes, edges and sensors are not shown");
        let stale = examine(&health, false);
        assert_eq!(stale.last().expect("there").level, Level::Stale);
        assert_eq!(
            examine(&with_sensors_that_are((1..SHOWN).map(|_| 1)), true).len(),
            SHOWN
        );
    }
}
