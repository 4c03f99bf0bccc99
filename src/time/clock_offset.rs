//! The server's clock against ours, from when messages were sent and when they came.
//!
//! Receive time minus server time is the offset of the clocks plus the delay of the message. Delays vary,
//! but not below the shortest way: the smallest difference within a minute is the best estimate there is
//! without asking the server.
//!
//! A message may carry another time than that of its sending: an event its own, a server that has not set its
//! clock any. So an offset is believed when several messages agree on it, and a step of the server's clock
//! likewise. A step of ours shows on the monotonic clock and is believed at once.

mod candidate;
mod standstill;
mod window;

use std::time::{Duration, Instant};

use crate::time::stamp::{Arrival, Stamp};
use candidate::Candidate;
use standstill::{Movement, Standing};
use window::Window;

/// A difference that is off by more than this is a step of a clock, a delay, or another time than that of the
/// message. NTP slews what is less.
const TOLERANCE_NS: u64 = 500_000_000;
/// Messages that all come so much later than before, for so long, are no delay but another clock.
const LATE_FOR: Duration = Duration::from_secs(5);
/// And there must be so many of them.
const LATE_COUNT: u32 = 10;

/// What is known of the server's clock. All differences are ours minus the server's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The smallest difference within the last minute, nanoseconds. Includes the shortest delay.
    pub offset_ns: i64,
    /// Largest minus smallest within the last minute, nanoseconds.
    pub spread_ns: i64,
    /// Growth of the offset, parts per million. 0 until it is known.
    pub drift_ppm: f64,
}

/// What was odd about the clocks. All counts are since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockAnomalies {
    /// Times that one of the clocks jumped.
    pub jumps: u64,
    /// The latest jump: by how much the difference grew, nanoseconds.
    pub last_jump_ns: i64,
    /// Messages with a time before that of the message before.
    pub backward: u64,
    /// Messages without a time, with one that is none ([`Stamp::from_wire`]), or with one that stands still.
    pub invalid: u64,
    /// Messages with a time that does not fit the server's clock as it is believed to be.
    pub outliers: u64,
    /// The server's clock stands still now.
    pub is_standing: bool,
}

/// Findings about the clocks in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// One of the clocks jumped: the growth of ours minus the server's, nanoseconds.
    pub jump_ns: Option<i64>,
    /// The time of the message is one of the server's clock as it is believed to be.
    pub is_believed: bool,
    /// The server's clock was just found to stand still.
    pub has_stopped: bool,
}

/// Estimator of the server's clock. Bounded: a few kilobytes, whatever comes.
#[derive(Debug, Default)]
pub struct ClockOffsetEstimator {
    window: Window,
    candidate: Option<Candidate>,
    standing: Option<Standing>,
    late: Option<Late>,
    last_arrival: Option<Arrival>,
    last_server_ns: Option<i64>,
    /// The latest time of the server that was believed.
    believed_ns: i64,
    anomalies: ClockAnomalies,
}

/// A message with a time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    instant: Instant,
    server_ns: i64,
    difference_ns: i64,
}

/// Messages that come too late to fit the estimate.
#[derive(Debug, Clone, Copy)]
struct Late {
    since: Instant,
    count: u32,
    min_ns: i64,
}

impl ClockOffsetEstimator {
    /// Takes the time of a message. None: it has none.
    pub fn observe(&mut self, arrival: Arrival, server: Option<Stamp>) -> Observation {
        let mut seen = Observation {
            jump_ns: self.follow_our_clock(arrival),
            ..Observation::default()
        };
        let Some(server) = server else {
            self.anomalies.invalid += 1;
            return seen;
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
        let movement = if let Some(standing) = &mut self.standing {
            standing.note(&sample)
        } else {
            self.standing = Some(Standing::new(&sample));
            Movement::Runs
        };
        self.anomalies.is_standing = movement != Movement::Runs;
        if self.anomalies.is_standing {
            self.anomalies.invalid += 1;
            seen.has_stopped = movement == Movement::Stops;
            return seen;
        }
        match self.offset_ns() {
            None => seen.is_believed = self.consider(&sample).is_some(),
            Some(offset_ns) => self.compare(&sample, offset_ns, &mut seen),
        }
        if seen.is_believed {
            self.believed_ns = server_ns;
        }
        seen
    }

    /// Forgets all but the counts: from now on it is another server.
    pub fn reset(&mut self) {
        *self = Self {
            anomalies: ClockAnomalies {
                is_standing: false,
                ..self.anomalies
            },
            ..Self::default()
        };
    }

    /// [`Estimate::offset_ns`], without the cost of the rest.
    #[must_use]
    pub fn offset_ns(&self) -> Option<i64> {
        self.window.offset_ns()
    }

    /// The estimate of the offset. None until several messages agree.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        self.window.estimate()
    }

    /// What was odd so far.
    #[must_use]
    pub fn anomalies(&self) -> ClockAnomalies {
        self.anomalies
    }

    /// A step of our clock against the monotonic one, which all differences follow.
    fn follow_our_clock(&mut self, now: Arrival) -> Option<i64> {
        let last = self.last_arrival.replace(now)?;
        let elapsed = now.instant.duration_since(last.instant);
        let elapsed_ns = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        let step_ns = now.stamp.as_ns() - last.stamp.as_ns() - elapsed_ns;
        if step_ns.unsigned_abs() <= TOLERANCE_NS {
            return None;
        }
        if let Some(candidate) = &mut self.candidate {
            candidate.shift(step_ns);
        }
        let offset_ns = self.offset_ns()?;
        self.jump(now.instant, step_ns, offset_ns.saturating_add(step_ns));
        Some(step_ns)
    }

    /// Holds a message against the estimate.
    fn compare(&mut self, sample: &Sample, offset_ns: i64, seen: &mut Observation) {
        let difference_ns = sample.difference_ns;
        if difference_ns.abs_diff(offset_ns) <= TOLERANCE_NS {
            self.late = None;
            self.candidate = None;
            self.window.enter(sample.instant, difference_ns);
            seen.is_believed = true;
            return;
        }
        let fits_candidate = self.candidate.is_some_and(|it| it.fits(sample));
        // Messages come in order, so one that was only delayed has a later time than those before.
        let is_delayed = difference_ns > offset_ns && sample.server_ns > self.believed_ns;
        let smallest_ns = if is_delayed && !fits_candidate {
            self.window.enter(sample.instant, difference_ns);
            seen.is_believed = true;
            self.late_for_good(sample)
        } else {
            self.anomalies.outliers += 1;
            self.consider(sample)
        };
        if let Some(smallest_ns) = smallest_ns {
            let jump_ns = smallest_ns.saturating_sub(offset_ns);
            self.jump(sample.instant, jump_ns, smallest_ns);
            seen.is_believed = true;
            seen.jump_ns = Some(jump_ns);
        }
    }

    /// Holds a message against those before that did not fit either. Returns the smallest difference of them
    /// as soon as enough of them agree, which starts the estimate.
    fn consider(&mut self, sample: &Sample) -> Option<i64> {
        let Some(candidate) = &mut self.candidate else {
            self.candidate = Some(Candidate::new(sample));
            return None;
        };
        if !candidate.note(sample) {
            return None;
        }
        let smallest_ns = candidate.min_ns();
        self.candidate = None;
        self.window.restart(sample.instant, smallest_ns);
        Some(smallest_ns)
    }

    /// Late messages do not count until it is clear whether they were delayed. Returns the smallest difference
    /// of them as soon as it is clear that they were not.
    fn late_for_good(&mut self, sample: &Sample) -> Option<i64> {
        let late = self.late.get_or_insert(Late {
            since: sample.instant,
            count: 0,
            min_ns: sample.difference_ns,
        });
        late.count += 1;
        late.min_ns = late.min_ns.min(sample.difference_ns);
        let is_for_good =
            late.count >= LATE_COUNT && sample.instant.duration_since(late.since) >= LATE_FOR;
        is_for_good.then_some(late.min_ns)
    }

    /// Starts anew from a difference, after a step by `jump_ns`.
    fn jump(&mut self, now: Instant, jump_ns: i64, difference_ns: i64) {
        self.anomalies.jumps += 1;
        self.anomalies.last_jump_ns = jump_ns;
        self.late = None;
        self.window.restart(now, difference_ns);
    }
}

#[cfg(test)]
mod tests;
