//! Decoding of the output stream, part by part: a part that fails to decode costs only itself.

use bytes::Bytes;
use prost_types::Timestamp;

use crate::custom::{Custom, Generation};
use crate::decode_failures::DecodeFailures;
use crate::decode_parts::{decode_optional, decode_repeated};
use crate::field_limits::BoundedMessage;
use crate::health::SystemHealth;
use crate::objects::ObjectParts;
use crate::wire::proto::{LosingEvent, OnlineRecalibrationEvent, ZoneConfig, ZoneEvent};
use crate::wire::{DecodeError, decode_output_envelope, envelope};

/// Message of the output stream. Its objects are views into its frame, and not decoded.
#[derive(Debug, Default)]
pub struct Output {
    /// Time of the message by the server's clock.
    pub time: Option<Timestamp>,
    /// All objects. `None` if the message does not list objects, empty if there are none.
    pub objects: Option<ObjectParts>,
    /// Static objects, which SENSR lists apart.
    pub static_objects: ObjectParts,
    /// Time of the clouds in which the objects were found, by the server's clock.
    pub first_cloud_arrival: Option<Timestamp>,
    /// All zones. `None` if the message does not list zones.
    pub zones: Option<Vec<ZoneConfig>>,
    /// Health in the regular stream.
    pub stream_health: Option<SystemHealth>,
    /// Zone events.
    pub zone_events: Events<ZoneEvent>,
    /// Events of lost objects.
    pub losing_events: Events<LosingEvent>,
    /// Events of recalibrated sensors.
    pub recalibration_events: Events<OnlineRecalibrationEvent>,
    /// Health sent as an event.
    pub event_health: Option<SystemHealth>,
    /// Activity of the server, whose encoding differs between generations.
    pub custom: Option<Custom>,
    /// Parts that failed to decode, events included, and texts that are not UTF-8. Objects are not among them: see
    /// [`ObjectBuffer::decode`](crate::objects::ObjectBuffer::decode).
    pub failures: DecodeFailures,
}

/// Events of one kind in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Events<T> {
    /// Events that decode, in the order of the message.
    pub decoded: Vec<T>,
    /// Number of events that do not decode.
    pub malformed: u64,
}

impl<T> Default for Events<T> {
    fn default() -> Self {
        Self {
            decoded: Vec::new(),
            malformed: 0,
        }
    }
}

/// Decodes one frame of the output stream. `generation` is that of the server's previous messages, for messages that do
/// not show it; it is updated by those that do.
///
/// Fails if the frame is not a protobuf message at all.
pub fn decode_output(frame: Bytes, generation: &mut Generation) -> Result<Output, DecodeError> {
    let envelope = decode_output_envelope(frame)?;
    let mut output = Output::default();
    let mut failures = DecodeFailures::default();
    output.time = decode_optional("timestamp", envelope.timestamp, &mut failures);
    if let Some(stream) = decode_optional("stream", envelope.stream, &mut failures) {
        output.decode_stream(stream, &mut failures);
    }
    if let Some(event) = decode_optional("event", envelope.event, &mut failures) {
        output.decode_event(event, &mut failures);
    }
    if let Some(custom) = decode_optional("custom", envelope.custom, &mut failures) {
        output.custom = Some(Custom::decode(custom, generation, &mut failures));
    }
    output.failures = failures;
    Ok(output)
}

impl Output {
    fn decode_stream(&mut self, stream: envelope::Stream, failures: &mut DecodeFailures) {
        // Objects and zones that the message declares as not valid are left out.
        if stream.has_objects {
            self.objects = Some(ObjectParts::new("object", stream.objects));
        }
        if stream.has_zones {
            let zones: Vec<ZoneConfig> = decode_repeated("zone", stream.zones, failures).0;
            for zone in &zones {
                failures.check_text("zone name", &zone.name);
            }
            self.zones = Some(zones);
        }
        self.static_objects = ObjectParts::new("static object", stream.static_objects);
        let first_cloud_arrival = stream.first_cloud_arrival_timestamp;
        self.first_cloud_arrival =
            decode_optional("first cloud arrival", first_cloud_arrival, failures);
        self.stream_health = SystemHealth::decode("health", stream.health, failures);
    }

    fn decode_event(&mut self, event: envelope::Event, failures: &mut DecodeFailures) {
        self.zone_events = decode_events("zone event", event.zone, failures);
        self.losing_events = decode_events("losing event", event.losing, failures);
        self.recalibration_events =
            decode_events("recalibration event", event.online_recalibration, failures);
        for event in &self.recalibration_events.decoded {
            failures.check_text("topic of a recalibration", &event.topic);
        }
        self.event_health = SystemHealth::decode("health event", event.health, failures);
    }
}

fn decode_events<T: BoundedMessage>(
    label: &'static str,
    events: Vec<Bytes>,
    failures: &mut DecodeFailures,
) -> Events<T> {
    let (decoded, malformed) = decode_repeated(label, events, failures);
    Events { decoded, malformed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::ObjectBuffer;
    use crate::wire::proto::{EventMessage, Object, OutputMessage, StreamMessage, zone_event};
    use prost::Message as _;

    fn decode(frame: Vec<u8>) -> Output {
        decode_output(frame.into(), &mut Generation::default()).expect("protobuf")
    }

    /// Decodes objects, all of which must be valid.
    fn decoded(parts: &ObjectParts) -> Vec<Object> {
        let mut buffer = ObjectBuffer::default();
        let mut failures = DecodeFailures::default();
        let objects = buffer.decode(parts, &mut failures).to_vec();
        assert_eq!(failures.count(), 0);
        objects
    }

    fn object(id: i32) -> Object {
        Object {
            id,
            points: vec![1; 12].into(),
            ..Object::default()
        }
    }

    fn message() -> OutputMessage {
        OutputMessage {
            timestamp: Some(Timestamp {
                seconds: 7,
                nanos: 8,
            }),
            stream: Some(StreamMessage {
                objects: vec![object(1), object(2)],
                has_objects: true,
                static_objects: vec![object(3)],
                zones: vec![ZoneConfig {
                    id: 5,
                    ..ZoneConfig::default()
                }],
                has_zones: true,
                ..StreamMessage::default()
            }),
            event: Some(EventMessage {
                zone: vec![ZoneEvent {
                    id: 5,
                    r#type: zone_event::Type::Loitering.into(),
                    ..ZoneEvent::default()
                }],
                ..EventMessage::default()
            }),
            ..OutputMessage::default()
        }
    }

    /// A length-delimited field.
    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::encode_key(
            number.into(),
            prost::encoding::WireType::LengthDelimited,
            &mut bytes,
        );
        prost::encoding::encode_varint(payload.len() as u64, &mut bytes);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn parts_decode_to_the_same_as_the_whole_message() {
        let message = message();
        let output = decode(message.encode_to_vec());
        let stream = message.stream.expect("there");
        assert_eq!(output.time, message.timestamp);
        assert_eq!(decoded(&output.objects.expect("there")), stream.objects);
        assert_eq!(decoded(&output.static_objects), stream.static_objects);
        assert_eq!(output.zones, Some(stream.zones));
        assert_eq!(
            output.zone_events.decoded,
            message.event.expect("there").zone
        );
        assert_eq!(output.failures.count(), 0);
    }

    #[test]
    fn message_without_objects_is_not_an_empty_scene() {
        let with = |has_objects| {
            let stream = StreamMessage {
                has_objects,
                ..StreamMessage::default()
            };
            let message = OutputMessage {
                stream: Some(stream),
                ..OutputMessage::default()
            };
            let objects = decode(message.encode_to_vec()).objects;
            objects.map(|parts| parts.len())
        };
        assert_eq!(with(false), None);
        assert_eq!(with(true), Some(0));
        assert!(decode(vec![]).objects.is_none());
    }

    #[test]
    fn broken_object_is_found_when_it_is_decoded() {
        let stream = [
            field(1, &object(1).encode_to_vec()),
            field(1, &[0x22, 100]), // a bbox longer than the object
            field(1, &object(3).encode_to_vec()),
            vec![0x18, 1], // has_objects
        ]
        .concat();
        let output = decode(field(3, &stream));
        assert_eq!(output.failures.count(), 0);
        let mut failures = DecodeFailures::default();
        let mut buffer = ObjectBuffer::default();
        let objects = buffer.decode(&output.objects.expect("valid"), &mut failures);
        let ids: Vec<i32> = objects.iter().map(|object| object.id).collect();
        assert_eq!((ids, failures.count()), (vec![1, 3], 1));
        assert!(failures.to_string().contains("object"));
    }

    #[test]
    fn broken_stream_does_not_cost_the_events() {
        let mut frame = message().encode_to_vec();
        frame.extend(field(3, &[0x0a, 99]));
        let output = decode(frame);
        assert!(output.objects.is_none());
        assert_eq!(output.zone_events.decoded.len(), 1);
        assert_eq!(output.failures.count(), 1);
    }

    #[test]
    fn broken_events_are_counted_by_kind() {
        let good = ZoneEvent::default().encode_to_vec();
        let event = [field(1, &[0xff]), field(1, &good), field(2, &[0xff])].concat();
        let mut bytes = Vec::new();
        prost::encoding::encode_key(201, prost::encoding::WireType::LengthDelimited, &mut bytes);
        prost::encoding::encode_varint(event.len() as u64, &mut bytes);
        bytes.extend(event);
        let output = decode(bytes);
        assert_eq!(output.zone_events.decoded.len(), 1);
        assert_eq!(output.zone_events.malformed, 1);
        assert_eq!(output.losing_events.malformed, 1);
    }

    #[test]
    fn pieces_of_a_part_are_merged() {
        let piece = |stream: StreamMessage| field(3, &stream.encode_to_vec());
        let frame = [
            piece(StreamMessage {
                objects: vec![object(1)],
                ..StreamMessage::default()
            }),
            piece(StreamMessage {
                objects: vec![object(2)],
                has_objects: true,
                ..StreamMessage::default()
            }),
        ]
        .concat();
        let whole = OutputMessage::decode(&frame[..]).expect("valid");
        assert_eq!(
            decoded(&decode(frame).objects.expect("there")),
            whole.stream.expect("there").objects
        );
    }

    #[test]
    fn object_points_are_views_into_the_frame() {
        let frame = Bytes::from(message().encode_to_vec());
        let output = decode_output(frame.clone(), &mut Generation::default()).expect("valid");
        let points = &decoded(&output.objects.expect("valid"))[0].points;
        assert!(frame.as_ptr_range().contains(&points.as_ptr()));
    }

    #[test]
    fn frame_that_is_not_protobuf_is_refused() {
        let error = decode_output(vec![0x0a, 200].into(), &mut Generation::default());
        assert!(
            error
                .expect_err("cut")
                .to_string()
                .contains("OutputMessage")
        );
    }

    #[test]
    fn invalid_text_is_counted_and_costs_nothing() {
        let mut message = message();
        let zones = &mut message.stream.as_mut().expect("there").zones;
        zones[0].name = vec![0xb3, 0xb2];
        let zones = zones.clone();
        let recalibration = OnlineRecalibrationEvent {
            topic: b"a\0".to_vec(),
            ..OnlineRecalibrationEvent::default()
        };
        let event = message.event.as_mut().expect("there");
        event.online_recalibration.push(recalibration.clone());
        let output = decode(message.encode_to_vec());
        assert_eq!(output.zones, Some(zones));
        assert_eq!(output.recalibration_events.decoded, [recalibration]);
        let failures = output.failures;
        assert_eq!((failures.count(), failures.texts().count()), (0, 2));
    }
}
