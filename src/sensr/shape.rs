//! How many fields a message has, told before it is decoded.
//!
//! Two bytes on the wire are enough for one more state in an object's history, or one more corner of a zone.
//! Decoded they take up some 20 times as much, and as a picture 150 times. So a message is measured first.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_types::Timestamp;

use super::part::MAX_FIELDS;
use super::wire::envelope;
use super::wire::proto::{
    FieldOfRegard, LosingEvent, Object, OnlineRecalibrationEvent, ProfilingResultSet,
    RecordingInfo, ReplayInfo, SystemHealth, ZoneConfig, ZoneEvent,
};

/// The fields of a message that hold messages which may themselves hold any number of something.
#[derive(Debug)]
pub(super) struct Shape(&'static [(u32, &'static Shape)]);

/// What a message may be decoded to.
pub(super) trait Shaped: Message + Default {
    /// Its shape.
    const SHAPE: &'static Shape;
    /// A part that would bring the fields of all of its kind in a message above this is not opened.
    const MAX_FIELDS: usize = MAX_FIELDS;
}

/// Nothing in it is worth looking into.
pub(super) const FLAT: &Shape = &Shape(&[]);

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

impl Shape {
    /// Whether `bytes` have no more than `left` fields, those of embedded messages included. Takes them off.
    ///
    /// What is no protobuf ends the count: decoding gets no further either.
    pub(super) fn fits(&self, mut bytes: &[u8], left: &mut usize) -> bool {
        while !bytes.is_empty() {
            let Some(rest) = left.checked_sub(1) else {
                return false;
            };
            *left = rest;
            let Ok((number, wire_type)) = decode_key(&mut bytes) else {
                return true;
            };
            if wire_type != WireType::LengthDelimited {
                if skip_field(wire_type, number, &mut bytes, DecodeContext::default()).is_err() {
                    return true;
                }
                continue;
            }
            let Some((inner, behind)) = delimited(bytes) else {
                return true;
            };
            let embedded = self.0.iter().find(|(field, _)| *field == number);
            if embedded.is_some_and(|(_, shape)| !shape.fits(inner, left)) {
                return false;
            }
            bytes = behind;
        }
        true
    }
}

/// What a length stands before, and what comes behind it. None if there is less than that.
fn delimited(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
    bytes.split_at_checked(length)
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

    #[test]
    fn what_is_no_protobuf_is_left_to_the_decoder() {
        for bytes in [&[0xff][..], &[0x0a, 200], &[0x0d, 1], &[0x0a, 0xff]] {
            assert!(FLAT.fits(bytes, &mut 1), "{bytes:?}");
        }
    }
}
