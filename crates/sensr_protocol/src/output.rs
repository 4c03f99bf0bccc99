//! Decoding the output stream part by part: a part that does not decode costs only itself.

use bytes::Bytes;
use prost_types::Timestamp;

use super::custom::{Custom, Generation};
use super::health::SystemHealth;
use super::parts::Undecodable;
use super::wire::proto::{LosingEvent, Object, OnlineRecalibrationEvent, ZoneConfig, ZoneEvent};
use super::wire::{DecodeError, decode_output_envelope, envelope};

/// One message of the output stream. Byte fields are views into its frame.
#[derive(Debug, Default)]
pub struct Output {
    /// The server's time.
    pub time: Option<Timestamp>,
    /// All objects. None: the message says nothing of objects. Empty: there are none.
    pub objects: Option<Vec<Object>>,
    /// Objects that stand still, listed apart.
    pub static_objects: Vec<Object>,
    /// Of the clouds that the objects were found in.
    pub first_cloud_arrival: Option<Timestamp>,
    /// All zones. None: the message says nothing of zones.
    pub zones: Option<Vec<ZoneConfig>>,
    /// As part of the regular stream.
    pub stream_health: Option<SystemHealth>,
    /// What happened in zones.
    pub zone_events: Events<ZoneEvent>,
    /// Objects lost.
    pub losing_events: Events<LosingEvent>,
    /// Sensors that were calibrated anew.
    pub recalibration_events: Events<OnlineRecalibrationEvent>,
    /// As an event of its own.
    pub event_health: Option<SystemHealth>,
    /// What differs between generations.
    pub custom: Option<Custom>,
    /// Parts that did not decode, and texts that are not UTF-8. Events are in here too.
    pub undecodable: Undecodable,
}

/// The events of one kind in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Events<T> {
    /// Those that decode, in the order of the message.
    pub decoded: Vec<T>,
    /// How many do not.
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

/// Decodes one frame of the output stream. `usual` is what the server was last known to be, for what a
/// message leaves open; it is brought up to date.
///
/// An error means that the frame is no protobuf message at all.
pub fn decode_output(frame: Bytes, usual: &mut Generation) -> Result<Output, DecodeError> {
    let envelope = decode_output_envelope(frame)?;
    let mut output = Output::default();
    let mut undecodable = Undecodable::default();
    output.time = undecodable.one("timestamp", envelope.timestamp);
    if let Some(stream) = undecodable.one("stream", envelope.stream) {
        output.open_stream(stream, &mut undecodable);
    }
    if let Some(event) = undecodable.one("event", envelope.event) {
        output.open_event(event, &mut undecodable);
    }
    if let Some(custom) = undecodable.one("custom", envelope.custom) {
        output.custom = Some(Custom::open(custom, usual, &mut undecodable));
    }
    output.undecodable = undecodable;
    Ok(output)
}

impl Output {
    fn open_stream(&mut self, stream: envelope::Stream, undecodable: &mut Undecodable) {
        // What is not valid is not opened.
        if stream.has_objects {
            self.objects = Some(undecodable.many("object", stream.objects).0);
        }
        if stream.has_zones {
            let zones: Vec<ZoneConfig> = undecodable.many("zone", stream.zones).0;
            for zone in &zones {
                undecodable.check_text("zone name", &zone.name);
            }
            self.zones = Some(zones);
        }
        self.static_objects = undecodable.many("static object", stream.static_objects).0;
        self.first_cloud_arrival =
            undecodable.one("first cloud arrival", stream.first_cloud_arrival_timestamp);
        self.stream_health = SystemHealth::open("health", stream.health, undecodable);
    }

    fn open_event(&mut self, event: envelope::Event, undecodable: &mut Undecodable) {
        self.zone_events = events(undecodable.many("zone event", event.zone));
        self.losing_events = events(undecodable.many("losing event", event.losing));
        self.recalibration_events =
            events(undecodable.many("recalibration event", event.online_recalibration));
        for event in &self.recalibration_events.decoded {
            undecodable.check_text("topic of a recalibration", &event.topic);
        }
        self.event_health = SystemHealth::open("health event", event.health, undecodable);
    }
}

fn events<T>((decoded, malformed): (Vec<T>, u64)) -> Events<T> {
    Events { decoded, malformed }
}

#[cfg(test)]
mod tests {
    use super::super::wire::proto::{EventMessage, OutputMessage, StreamMessage, zone_event};
    use super::*;
    use prost::Message as _;

    fn decode(frame: Vec<u8>) -> Output {
        decode_output(frame.into(), &mut Generation::default()).expect("protobuf")
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
    fn what_the_schema_decodes_the_parts_give_too() {
        let message = message();
        let output = decode(message.encode_to_vec());
        let stream = message.stream.expect("there");
        assert_eq!(output.time, message.timestamp);
        assert_eq!(output.objects, Some(stream.objects));
        assert_eq!(output.static_objects, stream.static_objects);
        assert_eq!(output.zones, Some(stream.zones));
        assert_eq!(
            output.zone_events.decoded,
            message.event.expect("there").zone
        );
        assert_eq!(output.undecodable.count(), 0);
    }

    #[test]
    fn nothing_to_say_of_objects_is_not_an_empty_scene() {
        let with = |has_objects| {
            let stream = StreamMessage {
                has_objects,
                ..StreamMessage::default()
            };
            let message = OutputMessage {
                stream: Some(stream),
                ..OutputMessage::default()
            };
            decode(message.encode_to_vec()).objects
        };
        assert_eq!(with(false), None);
        assert_eq!(with(true), Some(vec![]));
        assert_eq!(decode(vec![]).objects, None);
    }

    #[test]
    fn a_broken_object_costs_itself() {
        let stream = [
            field(1, &object(1).encode_to_vec()),
            field(1, &[0x22, 100]), // a bbox longer than the object
            field(1, &object(3).encode_to_vec()),
            vec![0x18, 1], // has_objects
        ]
        .concat();
        let output = decode(field(3, &stream));
        let ids: Vec<i32> = output
            .objects
            .expect("valid")
            .iter()
            .map(|o| o.id)
            .collect();
        assert_eq!(ids, [1, 3]);
        assert_eq!(output.undecodable.count(), 1);
        assert!(output.undecodable.to_string().contains("object"));
    }

    #[test]
    fn a_broken_stream_costs_the_stream_and_not_the_events() {
        let mut frame = message().encode_to_vec();
        frame.extend(field(3, &[0x0a, 99]));
        let output = decode(frame);
        assert_eq!(output.objects, None);
        assert_eq!(output.zone_events.decoded.len(), 1);
        assert_eq!(output.undecodable.count(), 1);
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
    fn a_part_in_pieces_is_merged() {
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
            decode(frame).objects,
            Some(whole.stream.expect("there").objects)
        );
    }

    #[test]
    fn object_points_are_views_into_the_frame() {
        let frame = Bytes::from(message().encode_to_vec());
        let output = decode_output(frame.clone(), &mut Generation::default()).expect("valid");
        let points = &output.objects.expect("valid")[0].points;
        assert!(frame.as_ptr_range().contains(&points.as_ptr()));
    }

    #[test]
    fn what_is_no_protobuf_is_an_error() {
        let error = decode_output(vec![0x0a, 200].into(), &mut Generation::default());
        assert!(
            error
                .expect_err("cut")
                .to_string()
                .contains("OutputMessage")
        );
    }

    #[test]
    fn a_text_that_is_none_costs_nothing() {
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
        let undecodable = output.undecodable;
        assert_eq!((undecodable.count(), undecodable.texts().count()), (0, 2));
    }
}
