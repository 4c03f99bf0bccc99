//! The reader's half of the output stream.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::config::{Config, StampSource};
use crate::connection::reconnect::FrameHandler;
use crate::connection::status::Endpoint;
use crate::encode::messages::ObjectSet;
use crate::encode::point_cloud::Cloud;
use crate::metrics::Metrics;
use crate::metrics::ledger::Intake;
use crate::metrics::stage_times::Stage;
use crate::pipeline::ingest::wire_tap::WireTap;
use crate::pipeline::object_message::{DueObjects, DueZones, MessageTimes, QueuedOutput};
use crate::pipeline::reliable_message::{QueuedReliable, ReliableMessage};
use crate::pipeline::source::{Source, SourceTracker};
use crate::pipeline::{
    LOG_PERIOD, ObjectQueue, ReliableQueue, count_invalid_texts, settle_as_dropped, warn_throttled,
};
use crate::time::clock_offset::Observation;
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::{QosClass, Topic};
use sensr_protocol::custom::Generation;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::output::{Events, Output, decode_output};
use sensr_protocol::wire::proto::{Object, ZoneConfig};

/// Objects that stand still wait for the next message with objects; more than this is no street any more.
const MAX_STATIC_OBJECTS: usize = 10_000;

/// What a message with objects is due on, in the order of publishing: the small one first.
const OBJECT_TOPICS: [Topic; 3] = [Topic::Objects, Topic::ObjectPoints, Topic::ObjectMarkers];

/// Decodes the messages of the output stream, enters what is in them in the ledger and queues what is due.
/// Never waits.
#[derive(Debug)]
pub struct OutputIngest {
    stats: Arc<Metrics>,
    objects: Arc<ObjectQueue>,
    reliable: Arc<ReliableQueue>,
    config: watch::Receiver<Arc<Config>>,
    object_grid: RateLimiter,
    zone_grid: RateLimiter,
    tap: WireTap,
    source: SourceTracker,
    generation: Generation,
    /// Of the next notice, per topic.
    sequences: [u64; Topic::COUNT],
    /// Topics on which there was a notice of this server.
    has_published: [bool; Topic::COUNT],
    /// The latest `publish.markers`.
    had_pictures: bool,
    /// Came without objects, and wait for a message to go with.
    static_objects: Vec<Object>,
    complaints: LogThrottles,
}

#[derive(Debug)]
struct LogThrottles {
    undecodable: LogThrottle,
    parts: LogThrottle,
    texts: LogThrottle,
    overflow: LogThrottle,
    lost_reliable: LogThrottle,
    clock: LogThrottle,
    standing_clock: LogThrottle,
    server_overflow: LogThrottle,
}

impl OutputIngest {
    /// An intake that follows changes of `config`.
    #[must_use]
    pub fn new(
        stats: Arc<Metrics>,
        objects: Arc<ObjectQueue>,
        reliable: Arc<ReliableQueue>,
        config: watch::Receiver<Arc<Config>>,
    ) -> Self {
        let throttle = || LogThrottle::new(LOG_PERIOD);
        Self {
            stats,
            objects,
            reliable,
            config,
            object_grid: RateLimiter::default(),
            zone_grid: RateLimiter::default(),
            tap: WireTap::default(),
            source: SourceTracker::default(),
            generation: Generation::default(),
            sequences: [0; Topic::COUNT],
            has_published: [false; Topic::COUNT],
            had_pictures: false,
            static_objects: Vec::new(),
            complaints: LogThrottles {
                undecodable: throttle(),
                parts: throttle(),
                texts: throttle(),
                overflow: throttle(),
                lost_reliable: throttle(),
                clock: throttle(),
                standing_clock: throttle(),
                server_overflow: throttle(),
            },
        }
    }

    /// Watches the clocks, and chooses the stamp. On the server's clock a message whose time is not believed
    /// gets what its clouds get: the time it came, moved by the offset of the clocks.
    fn times(&mut self, output: &Output, arrival: Arrival, source: StampSource) -> MessageTimes {
        let server = output.time.and_then(Stamp::from_wire);
        let mut clock = self.stats.clock();
        let seen = clock.observe(arrival, server);
        let stamp = match source {
            StampSource::Receive => arrival.stamp,
            StampSource::Server => server
                .filter(|_| seen.is_plausible)
                .unwrap_or_else(|| arrival.stamp.moved_back(clock.offset_ns().unwrap_or(0))),
        };
        drop(clock);
        self.log_clocks(seen, server);
        MessageTimes {
            arrival,
            stamp,
            server: server.unwrap_or_default(),
        }
    }

    fn log_clocks(&mut self, seen: Observation, server: Option<Stamp>) {
        if let Some(jump_ns) = seen.jump_ns {
            warn_throttled(&mut self.complaints.clock, || {
                let jump_ms = jump_ns / 1_000_000;
                format!("a clock jumped: ours is now {jump_ms} ms further ahead of the server's")
            });
        }
        if seen.has_frozen {
            warn_throttled(&mut self.complaints.standing_clock, || {
                let at = server.unwrap_or_default().utc();
                format!(
                    "the server's clock stands still at {at}: its times are not used for stamps until it goes on; \
                     check the time synchronization of the server"
                )
            });
        }
    }

    /// Events that do not decode have accounts of their own.
    fn count_undecodable(&mut self, output: &Output) {
        let broken_events = [
            (Topic::ZoneEvents, output.zone_events.malformed),
            (Topic::LosingEvents, output.losing_events.malformed),
            (
                Topic::RecalibrationEvents,
                output.recalibration_events.malformed,
            ),
        ];
        let mut parts = output.failures.count();
        for (topic, malformed) in broken_events {
            parts -= malformed;
            for _ in 0..malformed {
                self.sequences[topic.index()] += 1;
                self.stats.ledger.receive(topic, Intake::Malformed);
            }
        }
        self.count_parts(parts);
        if output.failures.count() > 0 {
            warn_throttled(&mut self.complaints.parts, || output.failures.to_string());
        }
        count_invalid_texts(
            &self.stats.output.link,
            output.failures.texts(),
            &mut self.complaints.texts,
        );
    }

    fn count_parts(&self, parts: u64) {
        if parts > 0 {
            let link = &self.stats.output.link;
            link.update(|figures| figures.undecodable_parts += parts);
        }
    }

    /// Queues the notices in a message, and returns the rest of it that is due.
    fn open(
        &mut self,
        output: Output,
        source: &Source,
        times: MessageTimes,
        config: &Config,
    ) -> QueuedOutput {
        let zones = output.zones.map(Arc::<[ZoneConfig]>::from);
        if let Some(zones) = &zones {
            self.queue_reliable(source, times, ReliableMessage::Zones(Arc::clone(zones)));
        }
        self.queue_events(
            source,
            times,
            output.zone_events,
            ReliableMessage::ZoneEvent,
        );
        self.queue_events(
            source,
            times,
            output.losing_events,
            ReliableMessage::LosingEvent,
        );
        self.queue_events(
            source,
            times,
            output.recalibration_events,
            ReliableMessage::RecalibrationEvent,
        );
        self.health(source, times, output.stream_health, false);
        self.health(source, times, output.event_health, true);
        if let Some(custom) = output.custom {
            self.queue_reliable(
                source,
                times,
                ReliableMessage::ServerStatus(Some(Box::new(custom))),
            );
        }
        self.hold_static_objects(output.static_objects);
        let objects = output.objects.and_then(|objects| {
            let set = ObjectSet {
                objects,
                static_objects: Vec::new(),
                first_cloud_arrival: output.first_cloud_arrival,
            };
            self.due_objects(set, times.arrival, config)
        });
        QueuedOutput {
            source: source.clone(),
            times,
            wire: None,
            objects,
            zones: zones.map(|zones| self.due_zones(zones, times.arrival, config)),
        }
    }

    /// Sees to it that nothing of the former server outlives the change to another one.
    fn forget_server(&mut self, config: &Config) {
        self.generation = Generation::default();
        let held = std::mem::take(&mut self.static_objects).len();
        if held > 0 {
            log::info!(
                "dropped {held} static objects of the former server: no message with objects followed them"
            );
        }
        let source = self.source.now(config, config.output_port);
        let arrival = Arrival::now();
        let nothing = QueuedOutput::nothing(source.clone(), arrival);
        for topic in Topic::ALL {
            if self.has_published[topic.index()] {
                self.replace_latched(topic, &source, nothing.times);
            }
        }
        self.has_published = [false; Topic::COUNT];
        // Deletes the pictures.
        self.queue_output(nothing, 0);
    }

    /// Tells subscribers of a latched topic that nothing is known any more: as often as the middleware keeps messages
    /// for late ones, so that these get none of the former server's.
    fn replace_latched(&mut self, topic: Topic, source: &Source, times: MessageTimes) {
        for _ in 0..QosClass::Latched.depth(0) {
            if let Some(message) = ReliableMessage::nothing_known(topic) {
                self.queue_reliable(source, times, message);
            }
        }
    }

    /// They are valid whether or not the message has objects, but go with some.
    fn hold_static_objects(&mut self, static_objects: Vec<Object>) {
        if static_objects.is_empty() {
            return;
        }
        // What SENSR lists is the whole list.
        self.static_objects = static_objects;
        let too_many = self.static_objects.len().saturating_sub(MAX_STATIC_OBJECTS);
        self.static_objects.truncate(MAX_STATIC_OBJECTS);
        self.count_parts(too_many as u64);
    }

    fn due_objects(
        &mut self,
        mut set: ObjectSet,
        arrival: Arrival,
        config: &Config,
    ) -> Option<DueObjects> {
        let is_due = self
            .object_grid
            .is_due(arrival.instant, config.output_data_interval);
        let mut topics = Vec::new();
        for topic in OBJECT_TOPICS {
            let intake = intake(topic, is_due, config);
            self.stats.ledger.receive(topic, intake);
            if intake == Intake::Queued {
                topics.push(topic);
            }
        }
        if topics.is_empty() {
            return None;
        }
        set.static_objects = std::mem::take(&mut self.static_objects);
        let whole = |object: &&Object| {
            Cloud::of_object(object).is_ok_and(|cloud| !cloud.intensity_mismatch())
        };
        let objects = set.objects.iter().chain(&set.static_objects);
        let broken = objects.filter(|object| !whole(object)).count();
        self.count_parts(broken as u64);
        Some(DueObjects { set, topics })
    }

    fn due_zones(
        &mut self,
        zones: Arc<[ZoneConfig]>,
        arrival: Arrival,
        config: &Config,
    ) -> DueZones {
        let is_due = self
            .zone_grid
            .is_due(arrival.instant, config.output_data_interval);
        let intake = intake(Topic::ZoneMarkers, is_due, config);
        self.stats.ledger.receive(Topic::ZoneMarkers, intake);
        DueZones {
            zones,
            is_due: intake == Intake::Queued,
        }
    }

    fn health(
        &mut self,
        source: &Source,
        times: MessageTimes,
        health: Option<SystemHealth>,
        is_event: bool,
    ) {
        let Some(health) = health else { return };
        let stats = &self.stats;
        let is_overflow = stats.server.note_health(times.arrival.stamp, &health, || {
            let queued = self.objects.fill().bytes + self.reliable.fill().bytes;
            (stats.ledger.snapshot(), queued as u64)
        });
        if is_overflow {
            warn_throttled(&mut self.complaints.server_overflow, || {
                "SENSR reports OUTPUT_BUFFER_OVERFLOW: a client was too slow and lost data"
                    .to_owned()
            });
        }
        self.queue_reliable(source, times, ReliableMessage::Health { health, is_event });
    }

    fn queue_events<T>(
        &mut self,
        source: &Source,
        times: MessageTimes,
        events: Events<T>,
        message: fn(T) -> ReliableMessage,
    ) {
        for event in events.decoded {
            self.queue_reliable(source, times, message(event));
        }
    }

    /// Numbers a notice, enters it in the ledger and queues it.
    fn queue_reliable(&mut self, source: &Source, times: MessageTimes, message: ReliableMessage) {
        let topic = message.topic();
        let next = &mut self.sequences[topic.index()];
        self.has_published[topic.index()] = true;
        let queued = QueuedReliable {
            source: source.clone(),
            times,
            sequence: *next,
            message,
        };
        *next += 1;
        let ledger = &self.stats.ledger;
        ledger.receive(topic, Intake::Queued);
        let cost = queued.cost();
        let gone = self.reliable.push(queued, cost);
        if !gone.is_empty() {
            let lost = settle_as_dropped(ledger, gone);
            if let Some(suppressed) = self
                .complaints
                .lost_reliable
                .try_acquire(times.arrival.instant)
            {
                log::error!("lost the {lost} oldest events: their queue is full{suppressed}");
            }
        }
    }

    /// What nothing is due in goes on too as long as there may be pictures: whoever came to see the zones gets
    /// them with the next message, whatever it is. So does the first after they were switched off, to delete them.
    fn push(&mut self, message: QueuedOutput, length: usize, config: &Config) {
        let draws = config.publishes(Topic::ZoneMarkers);
        let drew_before = std::mem::replace(&mut self.had_pictures, draws);
        if message.is_empty() && !draws && !drew_before {
            return;
        }
        self.queue_output(message, length);
    }

    fn queue_output(&mut self, message: QueuedOutput, length: usize) {
        let length = if message.is_empty() { 0 } else { length };
        let cost = message.cost(length);
        let gone = self.objects.push(message, cost);
        if !gone.is_empty() {
            let count = settle_as_dropped(&self.stats.ledger, gone);
            warn_throttled(&mut self.complaints.overflow, || {
                format!("the queue is full: dropped the {count} oldest messages of objects")
            });
        }
    }
}

impl FrameHandler for OutputIngest {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        let length = payload.len();
        let config = Arc::clone(&self.config.borrow());
        let source = self.source.now(&config, config.output_port);
        let wire = self.tap.take(&payload, &config, &self.stats.ledger);
        let decoded = decode_output(payload, &mut self.generation);
        let stream = &self.stats.output;
        stream.stages.add(Stage::Decode, arrival.instant.elapsed());
        let message = match decoded {
            Ok(output) => {
                let times = self.times(&output, arrival, config.stamp_source);
                self.count_undecodable(&output);
                self.open(output, &source, times, &config)
            }
            Err(error) => {
                stream
                    .link
                    .update(|figures| figures.undecodable_frames += 1);
                warn_throttled(&mut self.complaints.undecodable, || error.to_string());
                QueuedOutput::nothing(source, arrival)
            }
        };
        self.push(QueuedOutput { wire, ..message }, length, &config);
    }

    fn handle_server(&mut self, server: &Endpoint) {
        self.stats.forget_server(&server.address);
        let config = Arc::clone(&self.config.borrow());
        if self.source.change_to(server, &config, config.output_port) {
            self.forget_server(&config);
        }
    }
}

fn intake(topic: Topic, is_due: bool, config: &Config) -> Intake {
    if !config.publishes(topic) {
        Intake::Unsubscribed
    } else if is_due {
        Intake::Queued
    } else {
        Intake::Thinned
    }
}

#[cfg(test)]
mod tests;
