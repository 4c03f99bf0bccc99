//! Messages of the output stream.
//!
//! Every moment has one message with the objects. What happened since the moment before follows in a
//! message of its own, with the same time.

mod convert;
mod custom;
mod frames;
mod health;
mod object;
mod profiling;
mod recalibration;
mod regard;
mod tracker;
mod zone;
mod zone_events;

use bytes::Bytes;

use super::number::narrow;
use super::options::Generation;
use super::outgoing::Message;
use super::report::OutputCounts;
use super::scene::Track;
use convert::{timestamp, vector};
use frames::{Extras, encode};
use sensr_protocol::wire::proto::system_health::Status;
use sensr_protocol::wire::proto::{
    EventMessage, LosingEvent, Object, OutputMessage, StreamMessage, SystemHealth,
};
use tracker::{Lost, Tracker};
use zone::Zone;
use zone_events::ZoneWatch;

pub(super) use frames::OutputFrames;

/// Nanoseconds between the arrival of the first cloud and the message made of it.
const PROCESSING_NS: i64 = 40_000_000;

/// When a message is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Number of the message since the start.
    pub k: u64,
    /// Server time, nanoseconds since 1970.
    pub now_ns: i64,
    /// Seconds since the start; `None` while the world stands still.
    pub world_secs: Option<f64>,
}

/// What there is besides the tracks.
#[derive(Debug)]
pub(super) enum Setting {
    /// Zones, parked cars, and machines that have their troubles.
    Street { parked: Vec<Track> },
    /// Nothing, in good health.
    Empty,
}

/// Turns tracks into messages; remembers what was.
#[derive(Debug)]
pub(super) struct OutputMaker {
    generation: Generation,
    has_troubles: bool,
    zones: Vec<Zone>,
    parked: Vec<Track>,
    tracker: Tracker,
    watch: ZoneWatch,
    /// The moment before.
    before: Option<Moment>,
}

impl OutputMaker {
    pub(super) fn new(setting: Setting, generation: Generation) -> Self {
        let (zones, parked, has_troubles) = match setting {
            Setting::Street { parked } => (zone::street(), parked, true),
            Setting::Empty => (Vec::new(), Vec::new(), false),
        };
        // The parked cars have the first ids.
        let first_id = i32::try_from(parked.len() + 1).unwrap_or(1);
        Self {
            generation,
            has_troubles,
            zones,
            parked,
            tracker: Tracker::new(first_id),
            watch: ZoneWatch::default(),
            before: None,
        }
    }

    /// The messages of one moment.
    pub(super) fn frames(&mut self, moment: &Moment, tracks: Vec<Track>) -> OutputFrames {
        let now_ns = moment.now_ns;
        let update = self.tracker.update(now_ns, tracks);
        let sightings = update.sightings.into_iter();
        let objects: Vec<Object> = sightings
            .map(|sighting| object::object(sighting, &self.zones, self.generation))
            .collect();
        let event = self.event(moment, &objects, &update.lost);
        let event = (event != EventMessage::default()).then(|| OutputMessage {
            timestamp: Some(timestamp(now_ns)),
            event: Some(event),
            ..OutputMessage::default()
        });
        self.before = Some(*moment);
        let extras = self.extras(moment, &objects);
        let message = OutputMessage {
            timestamp: Some(timestamp(now_ns)),
            stream: Some(StreamMessage {
                objects,
                has_objects: true,
                first_cloud_arrival_timestamp: Some(timestamp(now_ns - PROCESSING_NS)),
                ..StreamMessage::default()
            }),
            ..OutputMessage::default()
        };
        OutputFrames::new(moment, message, event.as_ref(), extras)
    }

    /// What a client that reads too slowly is told before it is closed.
    pub(super) fn overflow_event(&self, moment: &Moment) -> Message {
        overflow(moment.now_ns, self.health(moment))
    }

    /// What happened since the moment before. Nothing, if that was not just before: nobody was there to
    /// hear of it, or the world stood still.
    fn event(&mut self, moment: &Moment, objects: &[Object], lost: &[Lost]) -> EventMessage {
        let now_ns = moment.now_ns;
        let Some(before) = self.before.filter(|before| moment.follows(before)) else {
            self.watch.restart(now_ns, &self.zones, objects);
            return EventMessage::default();
        };
        let health = self.health(moment);
        let has_changed = health != self.health(&before);
        let recalibrations = if self.has_troubles {
            recalibration::count(before.secs())..recalibration::count(moment.secs())
        } else {
            0..0
        };
        EventMessage {
            zone: self.watch.update(now_ns, &self.zones, objects),
            losing: lost.iter().map(|lost| losing(lost, now_ns)).collect(),
            health: has_changed.then_some(health),
            online_recalibration: recalibrations
                .map(|index| recalibration::event(index, now_ns))
                .collect(),
        }
    }

    fn extras(&self, moment: &Moment, objects: &[Object]) -> Extras {
        let parked = self.parked.iter().zip(1..);
        Extras {
            zones: self.zones.iter().map(|zone| zone.config.clone()).collect(),
            static_objects: parked
                .map(|(car, id)| object::parked(id, car, moment.now_ns, &self.zones))
                .collect(),
            health: self.health(moment),
            custom: custom::encode(self.generation, moment, objects),
        }
    }

    fn health(&self, moment: &Moment) -> SystemHealth {
        let secs = moment.world_secs.filter(|_| self.has_troubles);
        health::at(secs, self.generation).into()
    }
}

impl Moment {
    /// Is this the one just after another, in a world that moves?
    fn follows(&self, before: &Self) -> bool {
        self.world_secs.is_some() && before.world_secs.is_some() && self.k == before.k + 1
    }

    fn secs(&self) -> f64 {
        self.world_secs.unwrap_or_default()
    }
}

/// What a client that reads too slowly is told before it is closed, if all else is well.
pub(super) fn overflow_event(now_ns: i64) -> Message {
    overflow(now_ns, health::at(None, Generation::default()).into())
}

fn overflow(now_ns: i64, health: SystemHealth) -> Message {
    let data = encode(&OutputMessage {
        timestamp: Some(timestamp(now_ns)),
        event: Some(EventMessage {
            health: Some(SystemHealth {
                master: Status::OutputBufferOverflow.into(),
                ..health
            }),
            ..EventMessage::default()
        }),
        ..OutputMessage::default()
    });
    let counts = OutputCounts {
        health_events: 1,
        ..OutputCounts::default()
    };
    Message::output(data, counts)
}

/// A message that says nothing but what time it is.
pub(super) fn only_time(now_ns: i64) -> Bytes {
    encode(&OutputMessage {
        timestamp: Some(timestamp(now_ns)),
        ..OutputMessage::default()
    })
}

fn losing(lost: &Lost, now_ns: i64) -> LosingEvent {
    LosingEvent {
        timestamp: Some(timestamp(now_ns)),
        id: lost.id,
        position: Some(vector(lost.bottom_centre)),
        heading: narrow(lost.yaw),
    }
}

#[cfg(test)]
mod tests;
