//! Observer of the frames of the point stream.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sensr_protocol::points::decode_points;
use sensr_protocol::wire::point_count;

use super::stream_kind;
use crate::config::ResolvedConfig;
use crate::connection::probe::ProbeHandler;
use crate::time::stamp::Arrival;
use crate::topic::Topic;

/// Number of frames from which a rate is known.
const MIN_FRAMES: u64 = 3;

/// Arrival times of the frames of a stream, and their number and size.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameTimes {
    span: Option<(Instant, Instant)>,
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

impl FrameTimes {
    pub(super) fn record_frame(&mut self, length: usize, now: Instant) {
        self.frames += 1;
        self.bytes += length as u64;
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
    }

    /// Returns the arrival of the first frame.
    pub(super) fn first(&self) -> Option<Instant> {
        self.span.map(|(first, _)| first)
    }

    /// Returns the rate of frames per second. `None` if there are too few.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        let (first, last) = self.span?;
        let seconds = last.duration_since(first).as_secs_f64();
        let intervals = self.frames.checked_sub(1)?;
        (self.frames >= MIN_FRAMES && seconds > 0.0).then(|| to_f64(intervals) / seconds)
    }

    /// Returns the rate of bytes per second. `None` if there are too few frames.
    pub(super) fn byte_rate(&self) -> Option<f64> {
        let mean = to_f64(self.bytes) / to_f64(self.frames);
        self.frame_rate().map(|rate| rate * mean)
    }

    /// Returns the rate of bytes per second that a rate limiter with this interval lets pass.
    pub(super) fn limited_byte_rate(&self, interval: Duration) -> Option<f64> {
        let rate = self.frame_rate()?;
        let most = if interval.is_zero() {
            rate
        } else {
            interval.as_secs_f64().recip().min(rate)
        };
        self.byte_rate().map(|bytes| bytes * most / rate)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of some seconds are small"
)]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// Clouds of one type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CloudFigures {
    pub(super) times: FrameTimes,
    pub(super) points: u64,
}

/// Counts frames and clouds.
#[derive(Debug, Default)]
pub(super) struct PointsObserver {
    pub(super) times: FrameTimes,
    /// Clouds of the types of [`Topic::CLOUDS`].
    pub(super) clouds: [CloudFigures; Topic::CLOUDS.len()],
    /// Frames that are not of the point stream at all.
    pub(super) undecodable: u64,
    /// Frames with parts that do not decode.
    pub(super) damaged: u64,
    /// Frames of the output stream.
    pub(super) foreign: u64,
}

impl ProbeHandler for PointsObserver {
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival) {
        self.times.record_frame(payload.len(), arrival.instant);
        let Ok(points) = decode_points(payload.clone()) else {
            self.undecodable += 1;
            return;
        };
        if !stream_kind::has_clouds(&points) && stream_kind::is_output_frame(payload) {
            self.foreign += 1;
            return;
        }
        self.damaged += u64::from(points.failures.count() > 0);
        for cloud in &points.clouds {
            let topic = Topic::of_cloud_type(cloud.r#type);
            let index = Topic::CLOUDS.iter().position(|known| Some(*known) == topic);
            let (Some(index), Some(count)) = (index, point_count(&cloud.points)) else {
                continue;
            };
            let figures = &mut self.clouds[index];
            let length = cloud.points.len() + cloud.intensities.len();
            figures.times.record_frame(length, arrival.instant);
            figures.points += count as u64;
        }
    }

    fn is_complete(&self) -> bool {
        self.times.frames >= MIN_FRAMES
    }
}

impl PointsObserver {
    /// Estimates the rate of what is recorded of the frames, bytes per second.
    pub(super) fn recorded_bytes_per_second(&self, config: &ResolvedConfig) -> Option<f64> {
        let interval = config.pointcloud_interval;
        let clouds = Topic::CLOUDS.iter().zip(&self.clouds);
        let mut rates: Vec<f64> = clouds
            .filter(|(topic, _)| config.publishes(**topic))
            .filter_map(|(_, figures)| figures.times.limited_byte_rate(interval))
            .collect();
        if config.publishes(Topic::Wire) {
            rates.extend(self.times.byte_rate());
        }
        (!rates.is_empty()).then(|| rates.iter().sum())
    }
}
