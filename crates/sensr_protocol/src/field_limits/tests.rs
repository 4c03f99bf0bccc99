use super::*;
use crate::health::{Edge, NameMap, Node, SystemHealth};
use crate::profiling::{ProfilingResult, ProfilingResultSet};
use crate::wire::proto;
use crate::wire::proto::history::State;
use crate::wire::proto::prediction::ReachableSet;
use crate::wire::proto::{
    FieldOfRegard, History, Object, PolygonBox, Prediction, Vector2, Vector3, ZoneConfig,
};
use prost::Message;

const MANY: usize = 100;

/// Requires that repeated fields are counted at any depth.
fn assert_counted<T: BoundedMessage>(message: &T) {
    assert_counted_by(T::REPEATED_FIELDS, message);
}

fn assert_counted_by(repeated: &RepeatedFields, message: &impl Message) {
    let fits = |fields| repeated.count_within(&message.encode_to_vec(), &mut { fields });
    assert!(!fits(MANY - 1));
    assert!(fits(10 * MANY));
}

fn polygon() -> PolygonBox {
    PolygonBox {
        points: vec![Vector2::default(); MANY],
        ..PolygonBox::default()
    }
}

fn many_entries<T: Clone>(value: T) -> NameMap<T> {
    (0..MANY)
        .map(|i| (i.to_string().into(), value.clone()))
        .collect()
}

fn one_entry<T>(value: T) -> NameMap<T> {
    [("one".into(), value)].into()
}

#[test]
fn states_and_predictions_of_objects_are_counted() {
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
fn corners_of_zones_and_fields_of_regard_are_counted() {
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
fn entries_of_a_health_are_counted() {
    let with = |nodes| {
        proto::SystemHealth::from(SystemHealth {
            nodes,
            ..SystemHealth::default()
        })
    };
    let sensors = || many_entries(1);
    assert_counted_by(
        envelope::Health::REPEATED_FIELDS,
        &with(many_entries(Node::default())),
    );
    assert_counted_by(
        envelope::Health::REPEATED_FIELDS,
        &with(one_entry(Node {
            sensors: sensors(),
            ..Node::default()
        })),
    );
    assert_counted_by(
        envelope::Health::REPEATED_FIELDS,
        &with(one_entry(Node {
            edges: many_entries(Edge::default()),
            ..Node::default()
        })),
    );
    assert_counted_by(
        envelope::Health::REPEATED_FIELDS,
        &with(one_entry(Node {
            edges: one_entry(Edge {
                sensors: sensors(),
                ..Edge::default()
            }),
            ..Node::default()
        })),
    );
}

fn assert_profiling_counted(set: ProfilingResultSet) {
    assert_counted_by(
        envelope::Profiling::REPEATED_FIELDS,
        &proto::ProfilingResultSet::from(set),
    );
}

#[test]
fn entries_of_profiling_results_are_counted() {
    let result = || ProfilingResult {
        mem_usages: many_entries(7),
        ..ProfilingResult::default()
    };
    assert_profiling_counted(ProfilingResultSet {
        master_node: Some(result()),
        ..ProfilingResultSet::default()
    });
    assert_profiling_counted(ProfilingResultSet {
        algo_nodes: one_entry(result()),
        ..ProfilingResultSet::default()
    });
    assert_profiling_counted(ProfilingResultSet {
        algo_nodes: many_entries(ProfilingResult::default()),
        ..ProfilingResultSet::default()
    });
}

#[test]
fn points_are_not_counted_as_fields() {
    // As fields they would be thousands.
    let object = Object {
        points: [0x0a, 0].repeat(60_000).into(),
        ..Object::default()
    };
    assert!(Object::REPEATED_FIELDS.count_within(&object.encode_to_vec(), &mut 1));
}

#[test]
fn invalid_protobuf_is_left_to_the_decoder() {
    for bytes in [&[0xff][..], &[0x0a, 200], &[0x0d, 1], &[0x0a, 0xff]] {
        assert!(RepeatedFields(&[]).count_within(bytes, &mut 1), "{bytes:?}");
    }
}

#[test]
fn envelopes_without_maps_leave_counting_to_their_parts() {
    assert_eq!(proto::StreamMessage::REPEATED_FIELDS.0.len(), 4);
    for fields in [
        envelope::Output::REPEATED_FIELDS,
        envelope::Stream::REPEATED_FIELDS,
        envelope::Event::REPEATED_FIELDS,
        envelope::Custom::REPEATED_FIELDS,
    ] {
        assert!(fields.0.is_empty(), "{fields:?}");
    }
}
