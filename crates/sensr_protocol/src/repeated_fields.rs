//! Where in SENSR's messages there may be any number of something.

use prost_types::Timestamp;

use super::field_limits::{FLAT, Shape, Shaped};
use super::wire::envelope;
use super::wire::proto::profiling_result::Characteristic;
use super::wire::proto::{
    FieldOfRegard, LosingEvent, Object, OnlineRecalibrationEvent, RecordingInfo, ReplayInfo,
    ZoneConfig, ZoneEvent,
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
    FieldOfRegard: FIELD_OF_REGARD,
    // With all that is opened of them entry by entry.
    envelope::Health: HEALTH,
    envelope::Profiling: PROFILING,
    envelope::Node: FLAT,
    envelope::Edge: FLAT,
    envelope::ProfilingResult: FLAT,
    Characteristic: FLAT,
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
    use crate::health::{Edge, Named, Node, SystemHealth};
    use crate::profiling::{ProfilingResult, ProfilingResultSet};
    use crate::wire::proto;
    use crate::wire::proto::history::State;
    use crate::wire::proto::prediction::ReachableSet;
    use crate::wire::proto::{History, PolygonBox, Prediction, Vector2, Vector3};
    use prost::Message;

    const MANY: usize = 100;

    /// All that a message may have any number of is counted, however deep it stands.
    fn assert_counted<T: Shaped>(message: &T) {
        assert_counted_by(T::SHAPE, message);
    }

    fn assert_counted_by(shape: &Shape, message: &impl Message) {
        let fits = |fields| shape.fits(&message.encode_to_vec(), &mut { fields });
        assert!(!fits(MANY - 1));
        assert!(fits(10 * MANY));
    }

    fn polygon() -> PolygonBox {
        PolygonBox {
            points: vec![Vector2::default(); MANY],
            ..PolygonBox::default()
        }
    }

    fn named<T: Clone>(value: T) -> Named<T> {
        (0..MANY)
            .map(|i| (i.to_string().into(), value.clone()))
            .collect()
    }

    fn one<T>(value: T) -> Named<T> {
        [("one".into(), value)].into()
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
        let with = |nodes| {
            proto::SystemHealth::from(SystemHealth {
                nodes,
                ..SystemHealth::default()
            })
        };
        let sensors = || named(1);
        assert_counted_by(HEALTH, &with(named(Node::default())));
        assert_counted_by(
            HEALTH,
            &with(one(Node {
                sensors: sensors(),
                ..Node::default()
            })),
        );
        assert_counted_by(
            HEALTH,
            &with(one(Node {
                edges: named(Edge::default()),
                ..Node::default()
            })),
        );
        assert_counted_by(
            HEALTH,
            &with(one(Node {
                edges: one(Edge {
                    sensors: sensors(),
                    ..Edge::default()
                }),
                ..Node::default()
            })),
        );
    }

    fn assert_profiling_counted(set: ProfilingResultSet) {
        assert_counted_by(PROFILING, &proto::ProfilingResultSet::from(set));
    }

    #[test]
    fn profiling() {
        let result = || ProfilingResult {
            mem_usages: named(7),
            ..ProfilingResult::default()
        };
        assert_profiling_counted(ProfilingResultSet {
            master_node: Some(result()),
            ..ProfilingResultSet::default()
        });
        assert_profiling_counted(ProfilingResultSet {
            algo_nodes: one(result()),
            ..ProfilingResultSet::default()
        });
        assert_profiling_counted(ProfilingResultSet {
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
        assert!(Object::SHAPE.fits(&object.encode_to_vec(), &mut 1));
    }
}
