//! Observer of the frames of the output stream.

use bytes::Bytes;
use sensr_protocol::custom::Generation;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::objects::ObjectBuffer;
use sensr_protocol::output::decode_output;

use super::points_observer::FrameTimes;
use super::stream_kind;
use crate::config::ResolvedConfig;
use crate::connection::probe::ProbeHandler;
use crate::time::clock_offset::ClockOffsetEstimator;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::Topic;

/// Number of messages from which a rate is known.
const MIN_MESSAGES: u64 = 3;

/// Counts messages, observes the clock, and keeps the latest health.
#[derive(Debug, Default)]
pub(super) struct OutputObserver {
    pub(super) times: FrameTimes,
    generation: Generation,
    /// Messages of the output stream.
    messages: u64,
    /// Frames that are not of the output stream at all.
    pub(super) undecodable: u64,
    /// Messages with parts that do not decode.
    pub(super) damaged: u64,
    /// Frames of the point stream.
    pub(super) foreign: u64,
    /// Largest number of objects in a message. `None` if no message listed objects.
    pub(super) objects: Option<usize>,
    /// Number of zones in the latest list of them.
    pub(super) zones: Option<usize>,
    pub(super) health: Option<SystemHealth>,
    pub(super) clock: ClockOffsetEstimator,
    /// Memory for the objects of one message.
    decoded: ObjectBuffer,
}

impl ProbeHandler for OutputObserver {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        self.times.record_frame(payload.len(), arrival.instant);
        let Ok(output) = decode_output(payload.clone(), &mut self.generation) else {
            if stream_kind::is_points_frame(payload) {
                self.foreign += 1;
            } else {
                self.undecodable += 1;
            }
            return;
        };
        if !stream_kind::is_output(&output) && stream_kind::is_points_frame(payload) {
            self.foreign += 1;
            return;
        }
        self.messages += 1;
        let mut failures = output.failures;
        let objects = output.objects.map(|parts| {
            let decoded = self.decoded.decode(&parts, &mut failures).len();
            self.decoded.clear();
            decoded
        });
        self.decoded.decode(&output.static_objects, &mut failures);
        self.decoded.clear();
        self.damaged += u64::from(failures.count() > 0);
        self.clock
            .observe(arrival, output.time.and_then(Stamp::from_wire));
        self.objects = self.objects.max(objects);
        if let Some(zones) = &output.zones {
            self.zones = Some(zones.len());
        }
        if let Some(health) = output.event_health.or(output.stream_health) {
            self.health = Some(health);
        }
    }

    fn is_complete(&self) -> bool {
        let has_clock = self.clock.offset_ns().is_some() || self.clock.anomalies().is_frozen;
        self.health.is_some() && has_clock && self.messages >= MIN_MESSAGES
    }
}

impl OutputObserver {
    /// Returns whether messages of the output stream were received.
    pub(super) fn has_messages(&self) -> bool {
        self.messages > 0
    }

    /// Estimates the rate of what is recorded of the messages, bytes per second.
    pub(super) fn recorded_bytes_per_second(&self, config: &ResolvedConfig) -> Option<f64> {
        let limited = config
            .publishes(Topic::Objects)
            .then(|| self.times.limited_byte_rate(config.output_data_interval));
        let wire = config
            .publishes(Topic::Wire)
            .then(|| self.times.byte_rate());
        let rates = [limited.flatten(), wire.flatten()];
        rates
            .iter()
            .any(Option::is_some)
            .then(|| rates.iter().flatten().sum())
    }
}
