//! What SENSR's messages take up in memory once they are opened: what queues count.

use sensr_protocol::custom::Custom;
use sensr_protocol::health::{Named, SystemHealth};
use sensr_protocol::profiling::ProfilingResult;
use sensr_protocol::wire::proto::profiling_result::Characteristic;
use sensr_protocol::wire::proto::{FieldOfRegard, Object, PolygonBox, ZoneConfig};

/// Without its points, which are views into the frame.
pub(in crate::pipeline) fn of_object(object: &Object) -> usize {
    let mut bytes = size_of::<Object>() + size_of_val(&*object.zone_ids);
    if let Some(history) = &object.history {
        bytes += size_of_val(&*history.states);
    }
    if let Some(prediction) = &object.prediction {
        let spaces = prediction.reachable_set.iter();
        let corners = spaces.filter_map(|set| set.space.as_ref().map(of_corners));
        bytes += size_of_val(&*prediction.positions)
            + size_of_val(&*prediction.reachable_set)
            + corners.sum::<usize>();
    }
    bytes
}

pub(in crate::pipeline) fn of_zone(zone: &ZoneConfig) -> usize {
    size_of::<ZoneConfig>() + zone.name.len() + zone.pbox.as_ref().map_or(0, of_corners)
}

pub(in crate::pipeline) fn of_health(health: &SystemHealth) -> usize {
    of_map(&health.nodes, |node| {
        let edges = of_map(&node.edges, |edge| of_map(&edge.sensors, |_| 0));
        edges + of_map(&node.sensors, |_| 0)
    })
}

pub(in crate::pipeline) fn of_custom(custom: &Custom) -> usize {
    let fields = custom.fields_of_regard.iter().map(of_field_of_regard);
    let profiling = custom.profiling.as_ref().map_or(0, |profiling| {
        let master = profiling.master_node.as_ref();
        master.map_or(0, of_profiling_result) + of_map(&profiling.algo_nodes, of_profiling_result)
    });
    size_of::<Custom>() + fields.sum::<usize>() + profiling
}

fn of_field_of_regard(field: &FieldOfRegard) -> usize {
    let spaces = &field.field_of_regard;
    size_of::<FieldOfRegard>()
        + size_of_val(&**spaces)
        + spaces.iter().map(of_corners).sum::<usize>()
}

fn of_profiling_result(result: &ProfilingResult) -> usize {
    use sensr_protocol::wire::proto::profiling_result::characteristic::Value;
    let text = |characteristic: &Characteristic| match &characteristic.value {
        Some(Value::Text(text)) => text.len(),
        _ => 0,
    };
    of_map(&result.processing_times, |_| 0)
        + of_map(&result.mem_usages, |_| 0)
        + of_map(&result.characteristics, text)
}

fn of_corners(space: &PolygonBox) -> usize {
    size_of_val(&*space.points)
}

/// `of_value`: what a value takes up beside itself.
fn of_map<V>(map: &Named<V>, of_value: impl Fn(&V) -> usize) -> usize {
    /// A node has room for so many, and is hardly less than half full unless it is the only one.
    const NODE: usize = 11;
    if map.is_empty() {
        return 0;
    }
    let room = NODE.max(2 * map.len());
    let beside = map.iter().map(|(key, value)| key.len() + of_value(value));
    room * size_of::<(Vec<u8>, V)>() + beside.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensr_protocol::health::{Edge, Node};
    use sensr_protocol::wire::proto::Vector2;

    #[test]
    fn defaults_count_although_they_are_nothing_on_the_wire() {
        assert!(of_zone(&ZoneConfig::default()) >= size_of::<ZoneConfig>());
        let custom = |count| Custom {
            fields_of_regard: vec![FieldOfRegard::default(); count],
            ..Custom::default()
        };
        let grown = of_custom(&custom(101)) - of_custom(&custom(1));
        assert!(grown >= 100 * size_of::<FieldOfRegard>());
    }

    #[test]
    fn corners_count() {
        let pbox = PolygonBox {
            points: vec![Vector2::default(); 100],
            ..PolygonBox::default()
        };
        let zone = ZoneConfig {
            pbox: Some(pbox),
            ..ZoneConfig::default()
        };
        assert!(of_zone(&zone) >= 100 * size_of::<Vector2>());
    }

    #[test]
    fn maps_in_maps_count() {
        let edge = Edge {
            sensors: [("sensor".into(), 1)].into(),
            ..Edge::default()
        };
        let node = |edges: &[(Vec<u8>, Edge)]| SystemHealth {
            nodes: [(
                "node".into(),
                Node {
                    edges: edges.iter().cloned().collect(),
                    ..Node::default()
                },
            )]
            .into(),
            ..SystemHealth::default()
        };
        let without = of_health(&node(&[]));
        let with = of_health(&node(&[("edge".into(), edge)]));
        assert!(without >= 11 * size_of::<(Vec<u8>, Node)>());
        assert!(
            with >= without + 11 * size_of::<(Vec<u8>, Edge)>() + 11 * size_of::<(Vec<u8>, i32)>()
        );
        assert_eq!(of_health(&SystemHealth::default()), 0);
    }
}
