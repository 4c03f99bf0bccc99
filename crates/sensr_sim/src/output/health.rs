//! Health of machines and sensors: everything is well except for one incident at a time.

use crate::options::Generation;
use sensr_protocol::health::{Edge, NameMap, Node, SystemHealth};
use sensr_protocol::wire::proto::SensorStatus;
use sensr_protocol::wire::proto::system_health::{Status, node};

/// Seconds from the start to the first incident, and the period of all incidents.
const FIRST_SECS: f64 = 8.0;
const PERIOD_SECS: f64 = 60.0;

/// Names of all sensors.
pub(super) const SENSORS: [&str; 5] = ["lidar_0", "lidar_1", "lidar_2", "lidar_3", "lidar_4"];

/// Names of the tracking machines. Sensors 0 and 1 belong to the first, 2 to the second, 3 and 4 to the second's edge.
pub(super) const NODES: [&str; 2] = ["algo_0", "algo_1"];
const EDGE: &str = "edge_0";

/// Incidents, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Incident {
    /// A sensor sends nothing.
    Dead,
    /// A sensor sends nonsense.
    Erroneous,
    /// A sensor was moved.
    Tilted,
    /// A sensor of the edge is paused because of a slow network.
    Suspended,
}

/// Begin and end of each incident, seconds after [`FIRST_SECS`].
const INCIDENTS: [(f64, f64, Incident); 4] = [
    (0.0, 6.0, Incident::Dead),
    (12.0, 17.0, Incident::Erroneous),
    (24.0, 30.0, Incident::Tilted),
    (36.0, 42.0, Incident::Suspended),
];

/// Returns the health after `scene_secs`; `None` means without incidents.
pub(super) fn health_at(scene_secs: Option<f64>, generation: Generation) -> SystemHealth {
    let mut master = Status::Ok;
    let mut nodes = [node::Status::Ok; 2];
    let mut edge = node::Status::Ok;
    let mut sensors = [SensorStatus::SensorAlive; SENSORS.len()];
    match scene_secs.and_then(incident_at) {
        None => {}
        Some(Incident::Dead) => {
            master = Status::Slowdown;
            sensors[1] = SensorStatus::SensorDead;
            if generation == Generation::V2_5 {
                nodes[0] = node::Status::InputNotAvailable;
            }
        }
        Some(Incident::Erroneous) => {
            nodes[1] = node::Status::RosError;
            sensors[2] = SensorStatus::SensorErroneous;
        }
        Some(Incident::Tilted) => sensors[0] = SensorStatus::SensorTilted,
        Some(Incident::Suspended) => {
            master = Status::Slowdown;
            edge = node::Status::NetworkLatency;
            sensors[4] = SensorStatus::SensorSuspended;
        }
    }
    let named = |range: std::ops::Range<usize>| -> NameMap<i32> {
        let named = SENSORS[range.clone()].iter().zip(&sensors[range]);
        named
            .map(|(&name, &status)| (name.into(), status.into()))
            .collect()
    };
    let edge = Edge {
        status: edge.into(),
        sensors: named(3..5),
    };
    let node = |index: usize, sensors, edges| {
        let status = nodes[index].into();
        let node = Node {
            status,
            sensors,
            edges,
        };
        (NODES[index].into(), node)
    };
    let edges = NameMap::from([(EDGE.into(), edge)]);
    SystemHealth {
        master: master.into(),
        nodes: NameMap::from([
            node(0, named(0..2), NameMap::new()),
            node(1, named(2..3), edges),
        ]),
    }
}

fn incident_at(scene_secs: f64) -> Option<Incident> {
    let since = scene_secs - FIRST_SECS;
    let in_period = since.rem_euclid(PERIOD_SECS);
    let mut incidents = INCIDENTS.iter();
    let now = incidents.find(|(from, until, _)| (*from..*until).contains(&in_period));
    now.filter(|_| since >= 0.0)
        .map(|&(_, _, incident)| incident)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn after(secs: f64, generation: Generation) -> SystemHealth {
        health_at(Some(secs), generation)
    }

    #[test]
    fn all_is_well_at_first_and_a_sensor_dies_after_8_s_and_recovers() {
        let generation = Generation::V3;
        let well = health_at(None, generation);
        for secs in [0.0, 7.9, 14.0, 19.9, 67.9, 74.0] {
            assert_eq!(after(secs, generation), well, "at {secs}");
        }
        for secs in [8.0, 13.9, 68.0] {
            let health = after(secs, generation);
            assert_eq!(health.master(), Status::Slowdown);
            let dead = i32::from(SensorStatus::SensorDead);
            assert_eq!(health.nodes[&b"algo_0"[..]].sensors[&b"lidar_1"[..]], dead);
        }
    }

    #[test]
    fn every_sensor_status_occurs_within_a_period() {
        let mut seen = BTreeSet::new();
        for tenths in 0..600 {
            let health = after(f64::from(tenths) / 10.0, Generation::V3);
            assert_eq!(health.nodes.len(), 2);
            for node in health.nodes.values() {
                let edges = node.edges.values().flat_map(|edge| edge.sensors.values());
                seen.extend(node.sensors.values().chain(edges).copied());
            }
        }
        assert_eq!(seen, (0..=4).collect());
    }

    #[test]
    fn only_2_5_reports_a_missing_input() {
        let status = |generation| after(9.0, generation).nodes[&b"algo_0"[..]].status;
        let expected = i32::from(node::Status::InputNotAvailable);
        assert_eq!(status(Generation::V2_5), expected);
        assert_eq!(status(Generation::V3), i32::from(node::Status::Ok));
    }
}
