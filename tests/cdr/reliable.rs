//! Reliable messages and recorded frames.

use r2r::geometry_msgs::msg::{Quaternion, Transform};
use r2r::sensr_bridge::msg;
use r2r::std_msgs::msg::Header;
use sensr_bridge::encode::messages;
use sensr_protocol::health::{Edge, NameMap, Node, SystemHealth};
use sensr_protocol::wire::proto;

use crate::assert_reads_as;
use crate::fixture::{LATER_STAMP, Lengths, STAMP, Values, ros_time, server_stamp};

/// Returns a buffer with the contents of an earlier message.
fn used_buffer() -> Vec<u8> {
    vec![0xaa; 1000]
}

#[test]
fn zone_array_reads_as_the_same_message() {
    for (sequence, lengths) in (u64::MAX - 10_000..).zip(Lengths::all()) {
        let values = Values::default();
        let (wire, zones) = lengths.list(|number| {
            let (pbox, space) = values.polygon_box(number);
            let (id, name, r#type) = (values.int(), lengths.name(number), values.int());
            let zone = msg::Zone {
                id,
                name: name.clone(),
                type_: r#type,
                space,
            };
            let pbox = Some(pbox);
            let wire = proto::ZoneConfig {
                id,
                name: name.into(),
                pbox,
                r#type,
            };
            (wire, zone)
        });
        let expected = msg::ZoneArray {
            header: lengths.header(),
            sequence,
            server_stamp: server_stamp(),
            repeated: false,
            zones,
        };
        let mut buffer = used_buffer();
        messages::zone_array(&mut buffer, lengths.output_header(), sequence, &wire);
        assert_reads_as(&buffer, &expected);
        let expected = msg::ZoneArray {
            header: lengths.later_header(),
            repeated: true,
            ..expected
        };
        messages::mark_as_repeated(&mut buffer, LATER_STAMP);
        assert_reads_as(&buffer, &expected);
    }
}

#[test]
fn zone_event_reads_as_the_same_message() {
    for (sequence, lengths) in (u64::MAX - 10_000..).zip(Lengths::all()) {
        let values = Values::default();
        let (timestamp, event_stamp) = values.time();
        let (position, object_position) = values.point();
        let (velocity, object_velocity) = values.vector();
        let expected = msg::ZoneEvent {
            header: lengths.header(),
            sequence,
            server_stamp: server_stamp(),
            event_stamp,
            zone_id: values.int(),
            type_: values.int(),
            object_id: values.int(),
            object_position,
            object_heading: values.float(),
            object_velocity,
        };
        let object = proto::zone_event::Object {
            id: expected.object_id,
            position: Some(position),
            heading: expected.object_heading,
            velocity: Some(velocity),
        };
        let wire = proto::ZoneEvent {
            timestamp,
            id: expected.zone_id,
            r#type: expected.type_,
            object: Some(object),
        };
        let mut buffer = used_buffer();
        messages::zone_event(&mut buffer, lengths.output_header(), sequence, &wire);
        assert_reads_as(&buffer, &expected);
    }
}

#[test]
fn losing_event_reads_as_the_same_message() {
    for (sequence, lengths) in (0..).zip(Lengths::all()) {
        let values = Values::default();
        let (timestamp, event_stamp) = values.time();
        let (wire_position, position) = values.point();
        let expected = msg::LosingEvent {
            header: lengths.header(),
            sequence,
            server_stamp: server_stamp(),
            event_stamp,
            object_id: values.int(),
            position,
            heading: values.float(),
        };
        let wire = proto::LosingEvent {
            timestamp,
            id: expected.object_id,
            position: Some(wire_position),
            heading: expected.heading,
        };
        let mut buffer = used_buffer();
        messages::losing_event(&mut buffer, lengths.output_header(), sequence, &wire);
        assert_reads_as(&buffer, &expected);
    }
}

#[test]
fn recalibration_event_reads_as_the_same_message() {
    for (sequence, lengths) in (0..).zip(Lengths::all()) {
        let values = Values::default();
        let (timestamp, event_stamp) = values.time();
        let (wire_translation, translation) = values.vector();
        let [qw, qx, qy, qz] = std::array::from_fn(|_| values.float());
        let rotation = Quaternion {
            x: qx.into(),
            y: qy.into(),
            z: qz.into(),
            w: qw.into(),
        };
        let expected = msg::RecalibrationEvent {
            header: lengths.header(),
            sequence,
            server_stamp: server_stamp(),
            event_stamp,
            topic: lengths.text(),
            transform: Transform {
                translation,
                rotation,
            },
        };
        let wire = proto::OnlineRecalibrationEvent {
            timestamp,
            topic: lengths.text().into(),
            translation: Some(wire_translation),
            rotation: Some(proto::Quaternion { qw, qx, qy, qz }),
        };
        let mut buffer = used_buffer();
        messages::recalibration_event(&mut buffer, lengths.output_header(), sequence, &wire);
        assert_reads_as(&buffer, &expected);
    }
}

fn sensors(lengths: Lengths, values: &Values) -> (NameMap<i32>, Vec<msg::SensorHealth>) {
    let (wire, ros): (Vec<_>, _) = lengths.list(|number| {
        let (name, status) = (lengths.name(number), values.int());
        let wire = (name.clone().into(), status);
        (wire, msg::SensorHealth { name, status })
    });
    (wire.into_iter().collect(), ros)
}

fn edges(lengths: Lengths, values: &Values) -> (NameMap<Edge>, Vec<msg::EdgeHealth>) {
    let (wire, ros): (Vec<_>, _) = lengths.list(|number| {
        let (wire_sensors, sensors) = sensors(lengths, values);
        let (name, status) = (lengths.name(number), values.int());
        let edge = Edge {
            status,
            sensors: wire_sensors,
        };
        let ros = msg::EdgeHealth {
            name: name.clone(),
            status,
            sensors,
        };
        ((name.into(), edge), ros)
    });
    (wire.into_iter().collect(), ros)
}

#[test]
fn system_health_reads_as_the_same_message() {
    for (sequence, lengths) in (u64::MAX - 10_000..).zip(Lengths::all()) {
        for is_event in [false, true] {
            let values = Values::default();
            let (wire_nodes, nodes): (Vec<_>, _) = lengths.list(|number| {
                let (wire_sensors, sensors) = sensors(lengths, &values);
                let (wire_edges, edges) = edges(lengths, &values);
                let (name, status) = (lengths.name(number), values.int());
                let node = Node {
                    status,
                    sensors: wire_sensors,
                    edges: wire_edges,
                };
                let ros = msg::NodeHealth {
                    name: name.clone(),
                    status,
                    sensors,
                    edges,
                };
                ((name.into(), node), ros)
            });
            let expected = msg::SystemHealth {
                header: lengths.header(),
                sequence,
                server_stamp: server_stamp(),
                repeated: false,
                is_event,
                master: values.int(),
                nodes,
            };
            let wire = SystemHealth {
                master: expected.master,
                nodes: wire_nodes.into_iter().collect(),
            };
            let mut buffer = used_buffer();
            messages::system_health(
                &mut buffer,
                lengths.output_header(),
                sequence,
                &wire,
                is_event,
            );
            assert_reads_as(&buffer, &expected);
            let expected = msg::SystemHealth {
                header: lengths.later_header(),
                repeated: true,
                ..expected
            };
            messages::mark_as_repeated(&mut buffer, LATER_STAMP);
            assert_reads_as(&buffer, &expected);
        }
    }
}

#[test]
fn wire_frame_reads_as_the_same_message() {
    for length in [0, 1, 2, 3, 4, 5, 1_000_003] {
        let frame: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        for link in [messages::LINK_POINTS, messages::LINK_OUTPUT] {
            let mut buffer = used_buffer();
            messages::wire_frame(&mut buffer, STAMP, link, u64::MAX - 1, &frame);
            let expected = msg::WireFrame {
                header: Header {
                    stamp: ros_time(STAMP),
                    frame_id: String::new(),
                },
                link,
                sequence: u64::MAX - 1,
                data: frame.clone(),
            };
            assert_reads_as(&buffer, &expected);
        }
    }
}

#[test]
fn link_constants_equal_those_of_the_message() {
    assert_eq!(
        i32::from(messages::LINK_POINTS),
        msg::WireFrame::LINK_POINTS as i32
    );
    assert_eq!(
        i32::from(messages::LINK_OUTPUT),
        msg::WireFrame::LINK_OUTPUT as i32
    );
}
