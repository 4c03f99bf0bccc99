//! One moment, encoded as often as somebody needs it.

use bytes::Bytes;
use prost::Message as _;

use super::Moment;
use crate::report::OutputCounts;
use sensr_protocol::wire::proto::{Object, OutputMessage, StreamMessage, SystemHealth, ZoneConfig};

/// Every how many messages zones, health and static objects are sent to everyone: 10 s.
const FULL_EVERY: u64 = 100;

/// Every how many messages the custom part is sent to everyone: 1 s.
const CUSTOM_EVERY: u64 = 10;

/// What a message has only now and then.
#[derive(Debug)]
pub(super) struct Extras {
    pub zones: Vec<ZoneConfig>,
    pub static_objects: Vec<Object>,
    pub health: SystemHealth,
    pub custom: Bytes,
}

/// The messages of one moment.
#[derive(Debug)]
pub(crate) struct OutputFrames {
    /// What happened since the last moment, to be sent after the objects; `None`: nothing.
    pub event: Option<Bytes>,
    /// What the message with the objects carries.
    pub message_counts: OutputCounts,
    /// What the event carries.
    pub event_counts: OutputCounts,
    regular: OutputMessage,
    extras: Extras,
    everyone_gets_all: bool,
    regular_bytes: Option<Bytes>,
    full_bytes: Option<Bytes>,
}

impl OutputFrames {
    /// `message` has time and objects, `event` nothing else than an event.
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

    /// The message with the objects, and with all else when it is a client's `first` or its turn has
    /// come.
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
