//! Offset between the server's clock and the local one, estimated from the times at which messages were sent and received.
//!
//! The difference, receive time minus server time, is the offset of the clocks plus the delay of the message. Delays vary,
//! but not below that of the shortest path: the smallest difference within a minute is the best estimate possible without
//! a request to the server.
//!
//! A message may have another time than that of its sending: an event has its own, and a server whose clock is not set
//! any. An offset is therefore accepted when several messages agree on it, and so is a step of the server's clock. A step
//! of the local clock shows against the monotonic one and is accepted at once.

mod candidate;
mod standstill;
mod window;

use std::time::{Duration, Instant};

use crate::time::stamp::{Arrival, Stamp};
use candidate::Candidate;
use standstill::{ClockMotion, StandstillDetector};
use window::Window;

/// Deviation of a difference above which it is a step of a clock, a delay, or another time than that of the message. NTP
/// slews smaller ones.
const TOLERANCE_NS: u64 = 500_000_000;
/// Time for which all messages must be late to be a step of the clock and not a delay.
const MIN_LATE_TIME: Duration = Duration::from_secs(5);
/// Number of messages that must be late to be a step of the clock.
const MIN_LATE_COUNT: u32 = 10;

/// Estimate of the offset. All differences are local time minus server time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Smallest difference within the last minute, nanoseconds. Includes the shortest delay.
    pub offset_ns: i64,
    /// Largest minus smallest within the last minute, nanoseconds.
    pub spread_ns: i64,
    /// Growth of the offset, parts per million. 0 while unknown.
    pub drift_ppm: f64,
}

/// Anomalies of the two clocks. Counts are since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockAnomalies {
    /// Number of jumps of either clock.
    pub jumps: u64,
    /// Latest jump: growth of the difference, nanoseconds.
    pub last_jump_ns: i64,
    /// Messages with an earlier time than the previous message.
    pub backward: u64,
    /// Messages without a time, with an invalid one ([`Stamp::from_wire`]), or with that of a frozen clock.
    pub invalid: u64,
    /// Messages with a time that does not fit the estimate.
    pub outliers: u64,
    /// True if the server's clock is frozen now.
    pub is_frozen: bool,
}

/// Findings about the clocks from one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// Jump of either clock: growth of the difference, nanoseconds.
    pub jump_ns: Option<i64>,
    /// True if the time of the message fits the estimate.
    pub is_plausible: bool,
    /// True if the server's clock was just detected to be frozen.
    pub has_frozen: bool,
}

/// Estimator of the offset of the server's clock. Its memory is bounded: a few kilobytes.
#[derive(Debug, Default)]
pub struct ClockOffsetEstimator {
    window: Window,
    candidate: Option<Candidate>,
    standstill: Option<StandstillDetector>,
    late: Option<Late>,
    last_arrival: Option<Arrival>,
    last_server_ns: Option<i64>,
    /// Latest plausible time of the server.
    plausible_ns: i64,
    anomalies: ClockAnomalies,
}

/// Times of one message.
#[derive(Debug, Clone, Copy)]
struct Sample {
    instant: Instant,
    server_ns: i64,
    difference_ns: i64,
}

/// Messages in a row that are too late to fit the estimate.
#[derive(Debug, Clone, Copy)]
struct Late {
    since: Instant,
    count: u32,
    min_ns: i64,
}

impl ClockOffsetEstimator {
    /// Updates the estimate by a message. `server` is its time, `None` if it has none.
    pub fn observe(&mut self, arrival: Arrival, server: Option<Stamp>) -> Observation {
        let mut observation = Observation {
            jump_ns: self.detect_local_step(arrival),
            ..Observation::default()
        };
        let Some(server) = server else {
            self.anomalies.invalid += 1;
            return observation;
        };
        let server_ns = server.as_ns();
        let sample = Sample {
            instant: arrival.instant,
            server_ns,
            difference_ns: arrival.stamp.as_ns() - server_ns,
        };
        let last = self.last_server_ns.replace(server_ns);
        if last.is_some_and(|last| server_ns < last) {
            self.anomalies.backward += 1;
        }
        let motion = if let Some(standstill) = &mut self.standstill {
            standstill.add_sample(&sample)
        } else {
            self.standstill = Some(StandstillDetector::new(&sample));
            ClockMotion::Running
        };
        self.anomalies.is_frozen = motion != ClockMotion::Running;
        if self.anomalies.is_frozen {
            self.anomalies.invalid += 1;
            observation.has_frozen = motion == ClockMotion::Stopped;
            return observation;
        }
        match self.offset_ns() {
            None => observation.is_plausible = self.test_candidate(&sample).is_some(),
            Some(offset_ns) => self.compare_to_estimate(&sample, offset_ns, &mut observation),
        }
        if observation.is_plausible {
            self.plausible_ns = server_ns;
        }
        observation
    }

    /// Resets everything but the counts, for another server.
    pub fn reset(&mut self) {
        *self = Self {
            anomalies: ClockAnomalies {
                is_frozen: false,
                ..self.anomalies
            },
            ..Self::default()
        };
    }

    /// Returns [`Estimate::offset_ns`] only, which is cheaper.
    #[must_use]
    pub fn offset_ns(&self) -> Option<i64> {
        self.window.offset_ns()
    }

    /// Returns the estimate. `None` until several messages agree.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        self.window.estimate()
    }

    /// Returns the anomalies so far.
    #[must_use]
    pub fn anomalies(&self) -> ClockAnomalies {
        self.anomalies
    }

    /// Detects a step of the local clock against the monotonic one, by which all differences change.
    fn detect_local_step(&mut self, now: Arrival) -> Option<i64> {
        let last = self.last_arrival.replace(now)?;
        let elapsed = now.instant.duration_since(last.instant);
        let elapsed_ns = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        let step_ns = now.stamp.as_ns() - last.stamp.as_ns() - elapsed_ns;
        if step_ns.unsigned_abs() <= TOLERANCE_NS {
            return None;
        }
        if let Some(candidate) = &mut self.candidate {
            candidate.shift_by(step_ns);
        }
        let offset_ns = self.offset_ns()?;
        self.record_jump(now.instant, step_ns, offset_ns.saturating_add(step_ns));
        Some(step_ns)
    }

    /// Compares a message to the estimate.
    fn compare_to_estimate(
        &mut self,
        sample: &Sample,
        offset_ns: i64,
        observation: &mut Observation,
    ) {
        let difference_ns = sample.difference_ns;
        if difference_ns.abs_diff(offset_ns) <= TOLERANCE_NS {
            self.late = None;
            self.candidate = None;
            self.window.add_difference(sample.instant, difference_ns);
            observation.is_plausible = true;
            return;
        }
        let fits_candidate = self
            .candidate
            .is_some_and(|candidate| candidate.agrees_with(sample));
        // Messages are received in order: one that was only delayed has a later time than the previous ones.
        let is_delayed = difference_ns > offset_ns && sample.server_ns > self.plausible_ns;
        let smallest_ns = if is_delayed && !fits_candidate {
            self.window.add_difference(sample.instant, difference_ns);
            observation.is_plausible = true;
            self.track_late(sample)
        } else {
            self.anomalies.outliers += 1;
            self.test_candidate(sample)
        };
        if let Some(smallest_ns) = smallest_ns {
            let jump_ns = smallest_ns.saturating_sub(offset_ns);
            self.record_jump(sample.instant, jump_ns, smallest_ns);
            observation.is_plausible = true;
            observation.jump_ns = Some(jump_ns);
        }
    }

    /// Compares a message to previous ones that did not fit either. When enough of them agree, restarts the estimate from
    /// their smallest difference and returns it.
    fn test_candidate(&mut self, sample: &Sample) -> Option<i64> {
        let Some(candidate) = &mut self.candidate else {
            self.candidate = Some(Candidate::new(sample));
            return None;
        };
        if !candidate.add_sample(sample) {
            return None;
        }
        let smallest_ns = candidate.min_ns();
        self.candidate = None;
        self.window.restart_from(sample.instant, smallest_ns);
        Some(smallest_ns)
    }

    /// Tracks late messages, which may just be delayed. Returns their smallest difference when there are too many of them
    /// for a delay.
    fn track_late(&mut self, sample: &Sample) -> Option<i64> {
        let late = self.late.get_or_insert(Late {
            since: sample.instant,
            count: 0,
            min_ns: sample.difference_ns,
        });
        late.count += 1;
        late.min_ns = late.min_ns.min(sample.difference_ns);
        let is_step = late.count >= MIN_LATE_COUNT
            && sample.instant.duration_since(late.since) >= MIN_LATE_TIME;
        is_step.then_some(late.min_ns)
    }

    /// Records a jump by `jump_ns` and restarts the estimate from a difference.
    fn record_jump(&mut self, now: Instant, jump_ns: i64, difference_ns: i64) {
        self.anomalies.jumps += 1;
        self.anomalies.last_jump_ns = jump_ns;
        self.late = None;
        self.window.restart_from(now, difference_ns);
    }
}

#[cfg(test)]
mod tests;
