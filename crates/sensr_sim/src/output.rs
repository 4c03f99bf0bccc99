//! Messages of the output stream.
//!
//! Every tick has one message with the objects. Events since the previous tick follow in a separate message with the same
//! time.

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

/// Time between the arrival of the first cloud and the message with its objects, nanoseconds.
const PROCESSING_NS: i64 = 40_000_000;

/// Time and number of an output message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Number of the message since the start.
    pub k: u64,
    /// Server time, nanoseconds since 1970.
    pub now_ns: i64,
    /// Seconds since the scene clock started; `None` before.
    pub world_secs: Option<f64>,
}

/// Surroundings of the tracks.
#[derive(Debug)]
pub(super) enum Setting {
    /// Street with zones, parked cars, and incidents of sensors and machines.
    Street { parked: Vec<Track> },
    /// Empty surroundings in good health.
    Empty,
}

/// Encoder of tracks as output messages; keeps the state needed for events.
#[derive(Debug)]
pub(super) struct OutputMaker {
    generation: Generation,
    has_troubles: bool,
    zones: Vec<Zone>,
    parked: Vec<Track>,
    tracker: Tracker,
    watch: ZoneWatch,
    /// Time of the previous message.
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

    /// Returns the messages of one tick.
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

    /// Returns the event sent to a client that reads too slowly, before it is closed.
    pub(super) fn overflow_event(&self, moment: &Moment) -> Message {
        overflow(moment.now_ns, self.health(moment))
    }

    /// Returns the events since the previous message. Empty if it was not the directly preceding tick, because no client
    /// was connected or the scene clock did not run.
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
    /// Returns whether this tick directly follows `before` while the scene clock runs.
    fn follows(&self, before: &Self) -> bool {
        self.world_secs.is_some() && before.world_secs.is_some() && self.k == before.k + 1
    }

    fn secs(&self) -> f64 {
        self.world_secs.unwrap_or_default()
    }
}

/// Returns the event sent to a client that reads too slowly, before it is closed, with otherwise good health.
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

/// Returns a message with only a timestamp.
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
