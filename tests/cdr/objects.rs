//! Serialized `ObjectArray`.

use r2r::geometry_msgs::msg::{Point, Pose, Quaternion};
use r2r::sensr_bridge::msg;
use sensr_bridge::encode::messages::{self, ObjectSet};
use sensr_protocol::wire::POINT_BYTES;
use sensr_protocol::wire::proto;

use crate::assert_reads_as;
use crate::fixture::{Lengths, Values, server_stamp};

fn bounding_box(values: &Values) -> (proto::BoundingBox, msg::BoundingBox) {
    let (position, bottom) = values.point();
    let (wire_size, size) = values.vector();
    let yaw = values.float();
    let half = f64::from(yaw) / 2.0;
    let center = Pose {
        position: Point {
            z: bottom.z + size.z / 2.0,
            ..bottom
        },
        orientation: Quaternion {
            x: 0.0,
            y: 0.0,
            z: half.sin(),
            w: half.cos(),
        },
    };
    let wire = proto::BoundingBox {
        position: Some(position),
        size: Some(wire_size),
        yaw,
    };
    (wire, msg::BoundingBox { center, size, yaw })
}

fn history(lengths: Lengths, values: &Values) -> (proto::History, Vec<msg::TrackState>) {
    let (states, ros) = lengths.list(|_| {
        let (wire_position, position) = values.point();
        let (timestamp, server_stamp) = values.time();
        let wire = proto::history::State {
            position: Some(wire_position),
            timestamp,
        };
        let ros = msg::TrackState {
            position,
            server_stamp,
        };
        (wire, ros)
    });
    (proto::History { states }, ros)
}

fn reachable_sets(
    lengths: Lengths,
    values: &Values,
) -> (Vec<proto::prediction::ReachableSet>, Vec<msg::ReachableSet>) {
    lengths.list(|number| {
        let (wire_space, space) = values.polygon_box(number);
        let t_offset = values.float();
        let wire = proto::prediction::ReachableSet {
            t_offset,
            space: Some(wire_space),
        };
        let ros = msg::ReachableSet {
            time_offset: t_offset,
            space,
        };
        (wire, ros)
    })
}

fn object(lengths: Lengths, values: &Values, number: usize) -> (proto::Object, msg::Object) {
    let (wire_bbox, bbox) = bounding_box(values);
    let (wire_velocity, velocity) = values.vector();
    let (last_observed_timestamp, last_observed) = values.time();
    let (history, states) = history(lengths, values);
    let (positions, predicted_positions) = lengths.list(|_| values.point());
    let (reachable_set, reachable_sets) = reachable_sets(lengths, values);
    let (zone_ids, _): (Vec<_>, Vec<_>) = lengths.list(|_| (values.int(), ()));
    let ros = msg::Object {
        id: values.int(),
        label: values.int(),
        confidence: values.float(),
        bbox,
        velocity,
        yaw_rate: values.float(),
        tracking_status: values.int(),
        retro_reflective: number.is_multiple_of(2),
        last_observed,
        is_static: !number.is_multiple_of(2),
        zone_ids,
        num_points: 7,
        history: states,
        predicted_positions,
        reachable_sets,
    };
    let wire = proto::Object {
        id: ros.id,
        label: ros.label,
        confidence: ros.confidence,
        bbox: Some(wire_bbox),
        velocity: Some(wire_velocity),
        tracking_status: ros.tracking_status,
        yaw_rate: ros.yaw_rate,
        retro_reflective: ros.retro_reflective,
        last_observed_timestamp,
        is_static: ros.is_static,
        points: vec![1; 7 * POINT_BYTES].into(),
        history: Some(history),
        prediction: Some(proto::Prediction {
            positions,
            reachable_set,
        }),
        zone_ids: ros.zone_ids.clone(),
        intensities: vec![2; 7].into(),
    };
    (wire, ros)
}

#[test]
fn object_array_reads_as_the_same_message() {
    for lengths in Lengths::all() {
        for static_count in 0..2 {
            let values = Values::default();
            let (first_cloud, first_cloud_arrival) = values.time();
            let (wire_objects, objects) = lengths.list(|number| object(lengths, &values, number));
            let (wire_static_objects, static_objects): (Vec<_>, _) = (0..static_count)
                .map(|number| object(lengths, &values, number))
                .unzip();
            let set = ObjectSet {
                objects: &wire_objects,
                static_objects: &wire_static_objects,
                first_cloud_arrival: first_cloud,
            };
            let expected = msg::ObjectArray {
                header: lengths.header(),
                server_stamp: server_stamp(),
                first_cloud_arrival,
                objects,
                static_objects,
            };
            let mut buffer = Vec::new();
            messages::object_array(&mut buffer, lengths.output_header(), &set);
            assert_reads_as(&buffer, &expected);
        }
    }
}

#[test]
fn empty_object_reads_as_defaults() {
    let lengths = Lengths {
        frame: 5,
        text: 0,
        list: 0,
    };
    let set = ObjectSet {
        objects: &[proto::Object::default()],
        ..ObjectSet::default()
    };
    let mut expected = msg::ObjectArray {
        header: lengths.header(),
        server_stamp: server_stamp(),
        objects: vec![msg::Object::default()],
        ..msg::ObjectArray::default()
    };
    expected.objects[0].bbox.center.orientation.w = 1.0;
    let mut buffer = Vec::new();
    messages::object_array(&mut buffer, lengths.output_header(), &set);
    assert_reads_as(&buffer, &expected);
}
