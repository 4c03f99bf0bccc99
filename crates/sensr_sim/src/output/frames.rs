//! Output messages of one instant, each encoded at most once.

use bytes::Bytes;
use prost::Message as _;

use super::Moment;
use crate::report::OutputCounts;
use sensr_protocol::wire::proto::{Object, OutputMessage, StreamMessage, SystemHealth, ZoneConfig};

/// Period, in messages, at which every client gets zones, health and static objects: 10 s.
const FULL_EVERY: u64 = 100;

/// Period, in messages, at which every client gets the custom part: 1 s.
const CUSTOM_EVERY: u64 = 10;

/// Parts of a message that are sent only periodically.
#[derive(Debug)]
pub(super) struct Extras {
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
    extras: Extras,
    everyone_gets_all: bool,
    regular_bytes: Option<Bytes>,
    full_bytes: Option<Bytes>,
}

impl OutputFrames {
    /// Takes a message with time and objects and one with only an event.
    pub(super) fn new(
        moment: &Moment,
        message: OutputMessage,
        event: Option<&OutputMessage>,
        extras: Extras,
    ) -> Self {
        let counts = |message| {
            let mut counts = OutputCounts::default();
            counts.add(message);
            counts
        };
        let custom_is_due = moment.k.is_multiple_of(CUSTOM_EVERY);
        let custom = extras.custom.clone();
        Self {
            message_counts: counts(&message),
            event_counts: event.map(counts).unwrap_or_default(),
            event: event.map(encode),
            regular: OutputMessage {
                custom: if custom_is_due { custom } else { Bytes::new() },
                ..message
            },
            extras,
            everyone_gets_all: moment.k.is_multiple_of(FULL_EVERY),
            regular_bytes: None,
            full_bytes: None,
        }
    }

    /// Returns the encoded message with the objects; with all periodic parts if it is a client's `first` one or the parts
    /// are due for everyone.
    pub(crate) fn encoded(&mut self, first: bool) -> Bytes {
        let Self {
            regular, extras, ..
        } = self;
        let bytes = if first || self.everyone_gets_all {
            self.full_bytes
                .get_or_insert_with(|| encode(&full(regular, extras)))
        } else {
            self.regular_bytes.get_or_insert_with(|| encode(regular))
        };
        bytes.clone()
    }
}

fn full(regular: &OutputMessage, extras: &Extras) -> OutputMessage {
    let stream = regular.stream.clone().unwrap_or_default();
    OutputMessage {
        timestamp: regular.timestamp,
        stream: Some(StreamMessage {
            has_zones: true,
            zones: extras.zones.clone(),
            health: Some(extras.health.clone()),
            static_objects: extras.static_objects.clone(),
            ..stream
        }),
        event: None,
        custom: extras.custom.clone(),
    }
}

pub(super) fn encode(message: &OutputMessage) -> Bytes {
    message.encode_to_vec().into()
}
