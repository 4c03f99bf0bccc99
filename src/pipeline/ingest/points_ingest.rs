//! Ingest of the point stream, in stages: decode, check, rate limit, ledger, queue.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use super::failure_recorder::FailureRecorder;
use super::sensor_split::SensorSplit;
use super::wire_tap::WireTap;
use super::{decide, warn_throttled};
use crate::config::{ResolvedConfig, StampSource};
use crate::connection::reconnect::FrameHandler;
use crate::connection::status::Endpoint;
use crate::encode::point_cloud::Cloud;
use crate::metrics::Metrics;
use crate::metrics::ledger::IngestDecision;
use crate::metrics::stage_times::Stage;
use crate::metrics::startup::Phase;
use crate::pipeline::LOG_PERIOD;
use crate::pipeline::queued_clouds::{
    DueCloud, DueClouds, PreviewClouds, QueuedClouds, cloud_topics,
};
use crate::pipeline::queues::{CloudOutput, Queued as _, settle_as_dropped};
use crate::pipeline::stream_source::SourceTracker;
use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::{SensorSlot, Topic};
use sensr_protocol::points::{Points, decode_points_into};
use sensr_protocol::wire::PointCloud;

/// Decodes the frames of the point stream, enters their clouds in the ledger and queues those that are due.
#[derive(Debug)]
pub struct PointsIngest<O> {
    metrics: Arc<Metrics>,
    config: watch::Receiver<Arc<ResolvedConfig>>,
    output: O,
    source: SourceTracker,
    tap: WireTap,
    /// Memory for the decoded message, empty between frames.
    decoded: Points,
    failures: FailureRecorder,
    sensors: SensorSplit,
    limiters: [RateLimiter; Topic::COUNT],
    throttles: LogThrottles,
}

#[derive(Debug)]
struct LogThrottles {
    unknown_types: LogThrottle,
    malformed: LogThrottle,
    intensities: LogThrottle,
    overflow: LogThrottle,
}

impl<O: CloudOutput> PointsIngest<O> {
    /// Creates an ingest that puts clouds into `output` and follows changes of `config`.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        output: O,
        config: watch::Receiver<Arc<ResolvedConfig>>,
    ) -> Self {
        let throttle = || LogThrottle::new(LOG_PERIOD);
        Self {
            metrics,
            config,
            output,
            source: SourceTracker::default(),
            tap: WireTap::default(),
            decoded: Points::default(),
            failures: FailureRecorder::default(),
            sensors: SensorSplit::default(),
            limiters: Default::default(),
            throttles: LogThrottles {
                unknown_types: throttle(),
                malformed: throttle(),
                intensities: throttle(),
                overflow: throttle(),
            },
        }
    }

    /// Returns the stamp of clouds, which carry no time: their receive time, on the server's clock minus the offset of
    /// the clocks as soon as that is known.
    fn stamp(&self, arrival: Arrival, source: StampSource) -> Stamp {
        let offset_ns = match source {
            StampSource::Receive => None,
            StampSource::Server => self.metrics.clock_offset_ns_of(self.source.address()),
        };
        arrival.stamp.moved_back(offset_ns.unwrap_or(0))
    }

    /// Decodes a frame. Returns its clouds that are due, and those of the preview.
    fn due_clouds(
        &mut self,
        payload: Bytes,
        arrival: Arrival,
        config: &ResolvedConfig,
    ) -> (DueClouds, PreviewClouds) {
        let mut message = std::mem::take(&mut self.decoded);
        let result = decode_points_into(payload, &mut message);
        let stream = &self.metrics.points;
        let elapsed = arrival.instant.elapsed();
        stream.stages.record(Stage::Decode, elapsed);
        let (mut due, mut preview) = (DueClouds::new(), PreviewClouds::new());
        match result {
            Ok(()) => {
                self.record_failures(&message);
                let mut decisions = RateDecisions::new(config, arrival.instant);
                for cloud in message.clouds.drain(..) {
                    let sensor_topics = &self.metrics.sensor_topics;
                    let sensor = self.sensors.sensor_of(&cloud, config, sensor_topics);
                    let Some((topic, cloud)) = self.check_cloud(cloud, sensor) else {
                        continue;
                    };
                    if self.decide_on_preview(&mut decisions) {
                        preview.push(cloud.clone());
                    }
                    let decision = decisions.decide(topic, &mut self.limiters);
                    for topic in cloud_topics(topic, sensor) {
                        self.metrics.ledger.record_received(topic, decision);
                    }
                    if decision == IngestDecision::Queued {
                        due.push(DueCloud {
                            topic,
                            sensor,
                            cloud,
                        });
                    }
                }
            }
            Err(error) => {
                self.failures.record_frame(&stream.link, &error);
                // It may hold views of the frame.
                message.clouds.clear();
            }
        }
        self.decoded = message;
        (due, preview)
    }

    /// Enters clouds that do not decode in the ledger, as far as their type can be read, and records all failures.
    fn record_failures(&mut self, message: &Points) {
        let broken = message.broken_types.iter().copied();
        let mut malformed = 0;
        for topic in broken.filter_map(Topic::of_cloud_type) {
            malformed += 1;
            let ledger = &self.metrics.ledger;
            ledger.record_received(topic, IngestDecision::Malformed);
        }
        let link = &self.metrics.points.link;
        self.failures
            .record_parts(link, &message.failures, malformed);
    }

    /// Returns whether the preview of a frame is due. It is entered in the ledger with the first valid cloud of the frame.
    fn decide_on_preview(&mut self, decisions: &mut RateDecisions) -> bool {
        let topic = Topic::Preview;
        let is_first = decisions.decisions[topic.index()].is_none();
        let decision = decisions.decide(topic, &mut self.limiters);
        if is_first {
            self.metrics.ledger.record_received(topic, decision);
        }
        decision == IngestDecision::Queued
    }

    /// Checks a cloud of a sensor, if it is known. One that is malformed is entered in the ledger.
    fn check_cloud(
        &mut self,
        cloud: PointCloud,
        sensor: Option<SensorSlot>,
    ) -> Option<(Topic, Cloud)> {
        let Some(topic) = Topic::of_cloud_type(cloud.r#type) else {
            let link = &self.metrics.points.link;
            link.update(|figures| figures.unknown_cloud_types += 1);
            warn_throttled(&mut self.throttles.unknown_types, || {
                format!("ignoring clouds of unknown type {}", cloud.r#type)
            });
            return None;
        };
        let ledger = &self.metrics.ledger;
        let topics = || cloud_topics(topic, sensor);
        let cloud = match Cloud::new(cloud.points, cloud.intensities) {
            Ok(cloud) => cloud,
            Err(error) => {
                topics().for_each(|topic| {
                    ledger.record_received(topic, IngestDecision::Malformed);
                });
                warn_throttled(&mut self.throttles.malformed, || {
                    format!("{}: dropped a cloud: {error}", topic.name())
                });
                return None;
            }
        };
        if cloud.is_empty() {
            topics().for_each(|topic| ledger.record_empty_cloud(topic));
        }
        if cloud.intensity_mismatch() {
            topics().for_each(|topic| ledger.record_intensity_mismatch(topic));
            warn_throttled(&mut self.throttles.intensities, || {
                format!(
                    "{}: the number of intensities is not that of the {} points, using 0",
                    topic.name(),
                    cloud.len()
                )
            });
        }
        Some((topic, cloud))
    }
}

impl<O: CloudOutput> FrameHandler for PointsIngest<O> {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        let frame_bytes = payload.len();
        let config = Arc::clone(&self.config.borrow());
        let wire = self.tap.tap_frame(&payload, &config, &self.metrics.ledger);
        let stamp = self.stamp(arrival, config.stamp_source);
        let (clouds, preview) = self.due_clouds(payload, arrival, &config);
        let message = QueuedClouds {
            source: self.source.current(&config, config.points_port),
            arrival,
            stamp,
            wire,
            clouds,
            preview,
        };
        if message.topics().next().is_none() {
            return;
        }
        let cost = message.cost(frame_bytes);
        let dropped = self.output.put(message, cost);
        if !dropped.is_empty() {
            let count = settle_as_dropped(&self.metrics.ledger, dropped);
            warn_throttled(&mut self.throttles.overflow, || {
                format!("the queue of clouds is full: dropped the {count} oldest clouds")
            });
        }
    }

    fn handle_connect(&mut self) {
        self.metrics.startup.complete(Phase::FirstConnection);
    }

    fn handle_server(&mut self, server: &Endpoint) {
        let config = self.config.borrow();
        self.source.change_to(server, &config, config.points_port);
    }
}

/// Decisions for the clouds of one message. All clouds of a type in one message share the decision: while SENSR
/// calibrates, a message holds one RAW cloud per sensor, and the rate limit must not pick the first.
struct RateDecisions<'a> {
    config: &'a ResolvedConfig,
    now: Instant,
    decisions: [Option<IngestDecision>; Topic::COUNT],
}

impl<'a> RateDecisions<'a> {
    fn new(config: &'a ResolvedConfig, now: Instant) -> Self {
        Self {
            config,
            now,
            decisions: [None; Topic::COUNT],
        }
    }

    fn decide(
        &mut self,
        topic: Topic,
        limiters: &mut [RateLimiter; Topic::COUNT],
    ) -> IngestDecision {
        let index = topic.index();
        *self.decisions[index].get_or_insert_with(|| {
            let interval = if topic == Topic::Preview {
                self.config.preview_interval
            } else {
                self.config.pointcloud_interval
            };
            decide(topic, self.config, || {
                limiters[index].is_due(self.now, interval)
            })
        })
    }
}

#[cfg(test)]
mod tests;
