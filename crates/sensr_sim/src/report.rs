//! What a server has done, in numbers.

use serde::Serialize;

use super::fault::FaultCounts;
use sensr_protocol::wire::CloudType;
use sensr_protocol::wire::proto::OutputMessage;

/// What a server has done so far. Every count is exact, over all connections.
///
/// A fault that costs the connection is the last thing written on it, and what was written before reaches the
/// client. So a client that reads to the end has received, in whole binary messages, what was
/// [`delivered`](LinkReport::delivered) and [`injected`](LinkReport::injected) on its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// The point stream.
    pub points: LinkReport,
    /// The output stream.
    pub output: LinkReport,
    /// The clouds in the point messages that were produced.
    pub clouds: CloudCounts,
    /// What the output messages that were produced carry. Not of a bag, whose messages are not looked into.
    pub contents: OutputCounts,
    /// The clouds in the point messages that were delivered, over all clients.
    pub delivered_clouds: CloudCounts,
    /// What the output messages that were delivered carry, over all clients. Not of a bag.
    pub delivered_contents: OutputCounts,
    /// The clients of both streams.
    pub clients: ClientCounts,
    /// How late the latest tick was, microseconds. Ticks are never skipped.
    pub late_max_us: u64,
}

/// One stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LinkReport {
    /// Messages made, each offered to every client that was connected at its time.
    pub messages: u64,
    /// Ticks at which nobody was connected, so that no message was made.
    pub unheard: u64,
    /// Messages given to a client to be sent, over all clients, what a client is told before it overflows
    /// included. When no client is connected any more, this is [`delivered`](Self::delivered) and
    /// [`cut`](Self::cut) together.
    pub offered: u64,
    /// Of these, written to a socket to their last byte. What a client leaves unread when it goes is among
    /// them.
    pub delivered: u64,
    /// Their bytes, without WebSocket headers.
    pub delivered_bytes: u64,
    /// Of those offered, not written to their last byte: they waited or were half written when the connection
    /// ended, or were forgotten when it overflowed.
    pub cut: u64,
    /// Whole binary messages that a fault added, written to their last byte. Not among those offered.
    pub injected: u64,
    /// Whole text messages that a fault added.
    pub injected_text: u64,
    /// Messages begun whose header announced more than any client takes.
    pub oversized: u64,
    /// The faults carried out on this link.
    pub faults: FaultCounts,
}

/// Clouds by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CloudCounts {
    /// Of type RAW.
    pub raw: u64,
    /// Of type GROUND.
    pub ground: u64,
    /// Of type BACKGROUND.
    pub background: u64,
}

impl CloudCounts {
    fn add(&mut self, kind: CloudType) {
        match kind {
            CloudType::Raw => self.raw += 1,
            CloudType::Ground => self.ground += 1,
            CloudType::Background => self.background += 1,
            CloudType::None => {}
        }
    }

    pub(super) fn merge(&mut self, more: &Self) {
        self.raw += more.raw;
        self.ground += more.ground;
        self.background += more.background;
    }
}

impl FromIterator<CloudType> for CloudCounts {
    fn from_iter<I: IntoIterator<Item = CloudType>>(types: I) -> Self {
        let mut counts = Self::default();
        types.into_iter().for_each(|kind| counts.add(kind));
        counts
    }
}

/// What output messages carry. Zones, static objects and custom parts are not counted: they go to some
/// clients at some times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OutputCounts {
    /// Messages with objects. All others of [`Report::output`] carry events only.
    pub streams: u64,
    /// The objects in them.
    pub objects: u64,
    /// Somebody came into a zone, left it, stayed too long or was too fast.
    pub zone_events: u64,
    /// An object was lost.
    pub losing_events: u64,
    /// The health changed or a client was too slow.
    pub health_events: u64,
    /// A sensor was recalibrated.
    pub recalibration_events: u64,
}

impl OutputCounts {
    pub(super) fn add(&mut self, message: &OutputMessage) {
        if let Some(stream) = &message.stream {
            self.streams += 1;
            self.objects += stream.objects.len() as u64;
        }
        if let Some(event) = &message.event {
            self.zone_events += event.zone.len() as u64;
            self.losing_events += event.losing.len() as u64;
            self.health_events += u64::from(event.health.is_some());
            self.recalibration_events += event.online_recalibration.len() as u64;
        }
    }

    pub(super) fn merge(&mut self, more: &Self) {
        self.streams += more.streams;
        self.objects += more.objects;
        self.zone_events += more.zone_events;
        self.losing_events += more.losing_events;
        self.health_events += more.health_events;
        self.recalibration_events += more.recalibration_events;
    }
}

/// Clients of both streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ClientCounts {
    /// Finished the handshake of the point stream.
    pub points: u64,
    /// Finished the handshake of the output stream.
    pub output: u64,
    /// Connected now.
    pub connected: u64,
    /// Read too slowly and were closed with 1011.
    pub overflowed: u64,
}
