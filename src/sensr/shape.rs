//! Where in SENSR's messages there may be any number of something.

use prost_types::Timestamp;

use super::measure::{FLAT, Shape, Shaped};
use super::wire::envelope;
use super::wire::proto::{
    FieldOfRegard, LosingEvent, Object, OnlineRecalibrationEvent, ProfilingResultSet,
    RecordingInfo, ReplayInfo, SystemHealth, ZoneConfig, ZoneEvent,
};

const POLYGON: &Shape = FLAT;
const REACHABLE_SET: &Shape = &Shape(&[(2, POLYGON)]);
const PREDICTION: &Shape = &Shape(&[(2, REACHABLE_SET)]);
const HISTORY: &Shape = FLAT;
const OBJECT: &Shape = &Shape(&[(102, HISTORY), (103, PREDICTION)]);
const ZONE: &Shape = &Shape(&[(3, POLYGON)]);
const EDGE: &Shape = FLAT;
const NODE: &Shape = &Shape(&[(5, &Shape(&[(2, EDGE)]))]);
const HEALTH: &Shape = &Shape(&[(2, &Shape(&[(2, NODE)]))]);
const FIELD_OF_REGARD: &Shape = &Shape(&[(2, POLYGON)]);
const PROFILING_RESULT: &Shape = FLAT;
const PROFILING: &Shape = &Shape(&[(1, PROFILING_RESULT), (2, &Shape(&[(2, PROFILING_RESULT)]))]);

macro_rules! shapes {
    ($($message:ty: $shape:expr,)*) => {
        $(impl Shaped for $message {
            const SHAPE: &'static Shape = $shape;
        })*
    };
}

shapes! {
    Object: OBJECT,
    SystemHealth: HEALTH,
    FieldOfRegard: FIELD_OF_REGARD,
    ProfilingResultSet: PROFILING,
    ZoneEvent: FLAT,
    LosingEvent: FLAT,
    OnlineRecalibrationEvent: FLAT,
    RecordingInfo: FLAT,
    ReplayInfo: FLAT,
    Timestamp: FLAT,
    // Their parts are opened one by one.
    envelope::Stream: FLAT,
    envelope::Event: FLAT,
    envelope::Custom: FLAT,
}

impl Shaped for ZoneConfig {
    const SHAPE: &'static Shape = ZONE;
    /// A corner grows most: 288 bytes in a picture. A hundred zones of fifty corners have some 5,000 fields.
    const MAX_FIELDS: usize = 100_000;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensr::wire::proto::history::State;
    use crate::sensr::wire::proto::prediction::ReachableSet;
    use crate::sensr::wire::proto::system_health::{Edge, Node};
    use crate::sensr::wire::proto::{
        History, PolygonBox, Prediction, ProfilingResult, Vector2, Vector3,
    };
    use std::collections::BTreeMap;

    const MANY: usize = 100;

    fn fits<T: Shaped>(message: &T, fields: usize) -> bool {
        T::SHAPE.fits(&message.encode_to_vec(), &mut { fields })
    }

    /// All that a message may have any number of is counted, however deep it stands.
    fn assert_counted<T: Shaped>(message: &T) {
        assert!(!fits(message, MANY - 1));
        assert!(fits(message, 10 * MANY));
    }

    fn polygon() -> PolygonBox {
        PolygonBox {
            points: vec![Vector2::default(); MANY],
            ..PolygonBox::default()
        }
    }

    fn named<T: Clone>(value: T) -> BTreeMap<String, T> {
        (0..MANY).map(|i| (i.to_string(), value.clone())).collect()
    }

    fn one<T>(value: T) -> BTreeMap<String, T> {
        [("one".to_owned(), value)].into()
    }

    #[test]
    fn objects() {
        assert_counted(&Object {
            history: Some(History {
                states: vec![State::default(); MANY],
            }),
            ..Object::default()
        });
        let predicted = |prediction| Object {
            prediction: Some(prediction),
            ..Object::default()
        };
        assert_counted(&predicted(Prediction {
            positions: vec![Vector3::default(); MANY],
            ..Prediction::default()
        }));
        assert_counted(&predicted(Prediction {
            reachable_set: vec![ReachableSet::default(); MANY],
            ..Prediction::default()
        }));
        assert_counted(&predicted(Prediction {
            reachable_set: vec![ReachableSet {
                space: Some(polygon()),
                ..ReachableSet::default()
            }],
            ..Prediction::default()
        }));
    }

    #[test]
    fn zones_and_fields_of_regard() {
        assert_counted(&ZoneConfig {
            pbox: Some(polygon()),
            ..ZoneConfig::default()
        });
        assert_counted(&FieldOfRegard {
            field_of_regard: vec![polygon()],
            ..FieldOfRegard::default()
        });
        assert_counted(&FieldOfRegard {
            field_of_regard: vec![PolygonBox::default(); MANY],
            ..FieldOfRegard::default()
        });
    }

    #[test]
    fn health() {
        let with = |nodes| SystemHealth {
            nodes,
            ..SystemHealth::default()
        };
        let sensors = || named(1);
        assert_counted(&with(named(Node::default())));
        assert_counted(&with(one(Node {
            sensors: sensors(),
            ..Node::default()
        })));
        assert_counted(&with(one(Node {
            edges: named(Edge::default()),
            ..Node::default()
        })));
        assert_counted(&with(one(Node {
            edges: one(Edge {
                sensors: sensors(),
                ..Edge::default()
            }),
            ..Node::default()
        })));
    }

    #[test]
    fn profiling() {
        let result = || ProfilingResult {
            mem_usages: named(7),
            ..ProfilingResult::default()
        };
        assert_counted(&ProfilingResultSet {
            master_node: Some(result()),
            ..ProfilingResultSet::default()
        });
        assert_counted(&ProfilingResultSet {
            algo_nodes: one(result()),
            ..ProfilingResultSet::default()
        });
        assert_counted(&ProfilingResultSet {
            algo_nodes: named(ProfilingResult::default()),
            ..ProfilingResultSet::default()
        });
    }

    #[test]
    fn points_are_not_looked_into() {
        // Read as fields they would be thousands.
        let object = Object {
            points: [0x0a, 0].repeat(60_000).into(),
            ..Object::default()
        };
        assert!(fits(&object, 1));
    }
}
