//! Messages of the output stream.
//!
//! Every tick has one message with the objects. Events since the previous tick follow in a separate message with the same
//! time.

mod custom;
mod field_of_regard;
mod frames;
mod health;
mod object;
mod profiling;
mod recalibration;
mod tracker;
mod zone;
mod zone_events;

use bytes::Bytes;

use super::convert::{timestamp, to_f32, vector3};
use super::options::Generation;
use super::queue_item::Message;
use super::report::OutputCounts;
use super::scene::Track;
use frames::{PeriodicParts, encode_output};
use sensr_protocol::wire::proto::system_health::Status;
use sensr_protocol::wire::proto::{
    EventMessage, LosingEvent, Object, OutputMessage, StreamMessage, SystemHealth,
};
use tracker::{LostTrack, Tracker};
use zone::Zone;
use zone_events::ZoneEventDetector;

pub(super) use frames::OutputFrames;

/// Time between the arrival of the first cloud and the message with its objects, nanoseconds.
const PROCESSING_NS: i64 = 40_000_000;

/// Time and number of an output message.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputTime {
    /// Number of the message since the start.
    pub k: u64,
    /// Server time, nanoseconds since 1970.
    pub now_ns: i64,
    /// Seconds since the scene clock started; `None` before.
    pub scene_secs: Option<f64>,
}

/// Surroundings of the tracks.
#[derive(Debug)]
pub(super) enum Surroundings {
    /// Street with zones, parked cars, and incidents of sensors and machines.
    Street { parked: Vec<Track> },
    /// Empty surroundings in good health.
    Empty,
}

/// Encoder of tracks as output messages; keeps the state needed for events.
#[derive(Debug)]
pub(super) struct OutputEncoder {
    generation: Generation,
    has_incidents: bool,
    zones: Vec<Zone>,
    parked: Vec<Track>,
    tracker: Tracker,
    zone_events: ZoneEventDetector,
    /// Time of the previous message.
    previous: Option<OutputTime>,
}

impl OutputEncoder {
    pub(super) fn new(surroundings: Surroundings, generation: Generation) -> Self {
        let (zones, parked, has_incidents) = match surroundings {
            Surroundings::Street { parked } => (zone::street_zones(), parked, true),
            Surroundings::Empty => (Vec::new(), Vec::new(), false),
        };
        // The parked cars have the first ids.
        let first_id = i32::try_from(parked.len() + 1).unwrap_or(1);
        Self {
            generation,
            has_incidents,
            zones,
            parked,
            tracker: Tracker::new(first_id),
            zone_events: ZoneEventDetector::default(),
            previous: None,
        }
    }

    /// Returns the messages of one tick.
    pub(super) fn encode_tick(
        &mut self,
        output_time: &OutputTime,
        tracks: Vec<Track>,
    ) -> OutputFrames {
        let now_ns = output_time.now_ns;
        let update = self.tracker.update(now_ns, tracks);
        let sightings = update.sightings.into_iter();
        let objects: Vec<Object> = sightings
            .map(|sighting| object::to_object(sighting, &self.zones, self.generation))
            .collect();
        let event = self.events_since_previous(output_time, &objects, &update.lost);
        let event = (event != EventMessage::default()).then(|| OutputMessage {
            timestamp: Some(timestamp(now_ns)),
            event: Some(event),
            ..OutputMessage::default()
        });
        self.previous = Some(*output_time);
        let periodic = self.periodic_parts(output_time, &objects);
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
        OutputFrames::new(output_time, message, event.as_ref(), periodic)
    }

    /// Returns the event sent to a client that reads too slowly, before it is closed.
    pub(super) fn overflow_event(&self, output_time: &OutputTime) -> Message {
        encode_overflow(output_time.now_ns, self.health_at(output_time))
    }

    /// Returns the events since the previous message. Empty if it was not the directly preceding tick, because no client
    /// was connected or the scene clock did not run.
    fn events_since_previous(
        &mut self,
        output_time: &OutputTime,
        objects: &[Object],
        lost: &[LostTrack],
    ) -> EventMessage {
        let now_ns = output_time.now_ns;
        let Some(previous) = self
            .previous
            .filter(|previous| output_time.directly_follows(previous))
        else {
            self.zone_events.reset(now_ns, &self.zones, objects);
            return EventMessage::default();
        };
        let health = self.health_at(output_time);
        let has_changed = health != self.health_at(&previous);
        let recalibrations = if self.has_incidents {
            recalibration::count_until(previous.scene_secs_or_zero())
                ..recalibration::count_until(output_time.scene_secs_or_zero())
        } else {
            0..0
        };
        EventMessage {
            zone: self.zone_events.update(now_ns, &self.zones, objects),
            losing: lost.iter().map(|lost| losing_event(lost, now_ns)).collect(),
            health: has_changed.then_some(health),
            online_recalibration: recalibrations
                .map(|index| recalibration::recalibration_event(index, now_ns))
                .collect(),
        }
    }

    fn periodic_parts(&self, output_time: &OutputTime, objects: &[Object]) -> PeriodicParts {
        let parked = self.parked.iter().zip(1..);
        PeriodicParts {
            zones: self.zones.iter().map(|zone| zone.config.clone()).collect(),
            static_objects: parked
                .map(|(car, id)| object::parked_object(id, car, output_time.now_ns, &self.zones))
                .collect(),
            health: self.health_at(output_time),
            custom: custom::encode_custom(self.generation, output_time, objects),
        }
    }

    fn health_at(&self, output_time: &OutputTime) -> SystemHealth {
        let secs = output_time.scene_secs.filter(|_| self.has_incidents);
        health::health_at(secs, self.generation).into()
    }
}

impl OutputTime {
    /// Returns whether this tick directly follows `previous` while the scene clock runs.
    fn directly_follows(&self, previous: &Self) -> bool {
        self.scene_secs.is_some() && previous.scene_secs.is_some() && self.k == previous.k + 1
    }

    fn scene_secs_or_zero(&self) -> f64 {
        self.scene_secs.unwrap_or_default()
    }
}

/// Returns the event sent to a client that reads too slowly, before it is closed, with otherwise good health.
pub(super) fn overflow_event(now_ns: i64) -> Message {
    encode_overflow(
        now_ns,
        health::health_at(None, Generation::default()).into(),
    )
}

fn encode_overflow(now_ns: i64, health: SystemHealth) -> Message {
    let data = encode_output(&OutputMessage {
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
pub(super) fn timestamp_only(now_ns: i64) -> Bytes {
    encode_output(&OutputMessage {
        timestamp: Some(timestamp(now_ns)),
        ..OutputMessage::default()
    })
}

fn losing_event(lost: &LostTrack, now_ns: i64) -> LosingEvent {
    LosingEvent {
        timestamp: Some(timestamp(now_ns)),
        id: lost.id,
        position: Some(vector3(lost.bottom_centre)),
        heading: to_f32(lost.yaw),
    }
}

#[cfg(test)]
mod tests;
