//! Output messages of one instant, each encoded at most once.

use bytes::Bytes;
use prost::Message as _;

use super::OutputTime;
use crate::report::OutputCounts;
use sensr_protocol::wire::proto::{Object, OutputMessage, StreamMessage, SystemHealth, ZoneConfig};

/// Period, in messages, at which every client gets zones, health and static objects: 10 s.
const FULL_EVERY: u64 = 100;

/// Period, in messages, at which every client gets the custom part: 1 s.
const CUSTOM_EVERY: u64 = 10;

/// Parts of a message that are sent only periodically.
#[derive(Debug)]
pub(super) struct PeriodicParts {
    pub zones: Vec<ZoneConfig>,
    pub static_objects: Vec<Object>,
    pub health: SystemHealth,
    pub custom: Bytes,
}

/// Output messages of one instant.
#[derive(Debug)]
pub(crate) struct OutputFrames {
    /// Events since the previous instant, to be sent after the objects, if any.
    pub event: Option<Bytes>,
    /// Contents of the message with the objects.
    pub message_counts: OutputCounts,
    /// Contents of the event message.
    pub event_counts: OutputCounts,
    regular: OutputMessage,
    periodic: PeriodicParts,
    is_full_for_all: bool,
    regular_bytes: Option<Bytes>,
    full_bytes: Option<Bytes>,
}

impl OutputFrames {
    /// Takes a message with time and objects and one with only an event.
    pub(super) fn new(
        output_time: &OutputTime,
        message: OutputMessage,
        event: Option<&OutputMessage>,
        periodic: PeriodicParts,
    ) -> Self {
        let counts = |message| {
            let mut counts = OutputCounts::default();
            counts.add(message);
            counts
        };
        let custom_is_due = output_time.k.is_multiple_of(CUSTOM_EVERY);
        let custom = periodic.custom.clone();
        Self {
            message_counts: counts(&message),
            event_counts: event.map(counts).unwrap_or_default(),
            event: event.map(encode_output),
            regular: OutputMessage {
                custom: if custom_is_due { custom } else { Bytes::new() },
                ..message
            },
            periodic,
            is_full_for_all: output_time.k.is_multiple_of(FULL_EVERY),
            regular_bytes: None,
            full_bytes: None,
        }
    }

    /// Returns the encoded message with the objects; with all periodic parts if it is a client's `first` one or the parts
    /// are due for everyone.
    pub(crate) fn encoded_for(&mut self, first: bool) -> Bytes {
        let Self {
            regular, periodic, ..
        } = self;
        let bytes = if first || self.is_full_for_all {
            self.full_bytes
                .get_or_insert_with(|| encode_output(&full_message(regular, periodic)))
        } else {
            self.regular_bytes
                .get_or_insert_with(|| encode_output(regular))
        };
        bytes.clone()
    }
}

fn full_message(regular: &OutputMessage, periodic: &PeriodicParts) -> OutputMessage {
    let stream = regular.stream.clone().unwrap_or_default();
    OutputMessage {
        timestamp: regular.timestamp,
        stream: Some(StreamMessage {
            has_zones: true,
            zones: periodic.zones.clone(),
            health: Some(periodic.health.clone()),
            static_objects: periodic.static_objects.clone(),
            ..stream
        }),
        event: None,
        custom: periodic.custom.clone(),
    }
}

pub(super) fn encode_output(message: &OutputMessage) -> Bytes {
    message.encode_to_vec().into()
}
