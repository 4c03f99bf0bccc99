//! Counts of a server's run, printed at its end.

use serde::Serialize;

use super::fault::FaultCounts;
use sensr_protocol::wire::CloudType;
use sensr_protocol::wire::proto::OutputMessage;

/// Counts of a server's run so far, exact over all connections.
///
/// A fault that ends the connection is the last thing written on it, and everything written before reaches the client.
/// Therefore a client that reads to the end has received, in whole binary messages, the sum of
/// [`delivered`](LinkReport::delivered) and [`injected`](LinkReport::injected) of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// The point stream.
    pub points: LinkReport,
    /// The output stream.
    pub output: LinkReport,
    /// Clouds in the point messages that were made.
    pub clouds: CloudCounts,
    /// Contents of the output messages that were made. Zero for a bag, whose output messages are not decoded.
    pub contents: OutputCounts,
    /// Clouds in the point messages that were delivered, over all clients.
    pub delivered_clouds: CloudCounts,
    /// Contents of the output messages that were delivered, over all clients. Zero for a bag.
    pub delivered_contents: OutputCounts,
    /// The clients of both streams.
    pub clients: ClientCounts,
    /// Largest delay of a tick, microseconds. Ticks are never skipped.
    pub late_max_us: u64,
}

/// Counts of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LinkReport {
    /// Messages made, each offered to every client connected at its time.
    pub messages: u64,
    /// Ticks without a connected client, for which no message was made.
    pub unheard: u64,
    /// Messages queued for a client or refused because its queue was full, over all clients; includes the message sent to
    /// a client before it is closed for overflow. Once no client is connected, this is the sum of
    /// [`delivered`](Self::delivered) and [`cut`](Self::cut).
    pub offered: u64,
    /// Offered messages that were written to a socket to their last byte, including those that the client left unread.
    pub delivered: u64,
    /// Bytes of the delivered messages, without WebSocket headers.
    pub delivered_bytes: u64,
    /// Offered messages that were not written to their last byte: queued or half written when the connection ended, or
    /// dropped on overflow.
    pub cut: u64,
    /// Whole binary messages added by faults, written to their last byte. Not counted as offered.
    pub injected: u64,
    /// Whole text messages added by faults.
    pub injected_text: u64,
    /// Messages begun with a header that declares more than any client accepts.
    pub oversized: u64,
    /// Faults run on this link.
    pub faults: FaultCounts,
}

/// Number of clouds by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CloudCounts {
    /// Clouds of type RAW.
    pub raw: u64,
    /// Clouds of type GROUND.
    pub ground: u64,
    /// Clouds of type BACKGROUND.
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

/// Contents of output messages. Zones, static objects and custom parts are not counted: different clients get them at
/// different times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OutputCounts {
    /// Messages with objects. The other messages of [`Report::output`] carry events only.
    pub streams: u64,
    /// The objects in them.
    pub objects: u64,
    /// Zone entries, exits, loitering and speeding.
    pub zone_events: u64,
    /// Lost objects.
    pub losing_events: u64,
    /// Changes of health and reports that a client was too slow.
    pub health_events: u64,
    /// Recalibrations of sensors.
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

/// Number of clients of both streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ClientCounts {
    /// Clients that finished the handshake of the point stream.
    pub points: u64,
    /// Clients that finished the handshake of the output stream.
    pub output: u64,
    /// Clients connected now.
    pub connected: u64,
    /// Clients that read too slowly and were closed with 1011.
    pub overflowed: u64,
}
