//! The server's clock against ours, from when messages were sent and when they came.
//!
//! Receive time minus server time is the offset of the clocks plus the delay of the message. Delays vary,
//! but not below the shortest way: the smallest difference within a minute is the best estimate there is
//! without asking the server.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::stamp::{Arrival, Stamp};

/// Differences are kept as the smallest and largest of such a span.
const SPAN: Duration = Duration::from_secs(10);
/// The estimate is made of so many spans, the current one included: a minute.
const WINDOW: usize = 6;
/// The drift is made of so many spans at most: an hour.
const HISTORY: usize = 360;
/// And of so many at least: a minute.
const HISTORY_MIN: usize = 6;
/// A step by more than this is a jump of a clock. NTP slews what is less.
const JUMP_NS: i64 = 500_000_000;
/// Messages that all come so much later than before, for so long, are no delay but another clock.
const LATE_FOR: Duration = Duration::from_secs(5);
/// And there must be so many of them.
const LATE_COUNT: u32 = 10;

const NS_PER_SEC: f64 = 1e9;

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
pub struct Oddities {
    /// Times that one of the clocks jumped.
    pub jumps: u64,
    /// The latest jump: by how much the difference grew, nanoseconds.
    pub last_jump_ns: i64,
    /// Messages with a time before that of the message before.
    pub backward: u64,
    /// Messages without a time, or with one that ROS cannot hold.
    pub invalid: u64,
}

/// Watches the two clocks. Bounded: a few kilobytes, whatever comes.
#[derive(Debug, Default)]
pub struct Clock {
    /// The latest [`WINDOW`] spans make the estimate, all of them the drift.
    spans: VecDeque<Span>,
    last: Option<Sample>,
    late: Option<Late>,
    oddities: Oddities,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    begin: Instant,
    min_ns: i64,
    max_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    arrival: Arrival,
    server_ns: i64,
}

/// Messages that come too late to fit the estimate.
#[derive(Debug, Clone, Copy)]
struct Late {
    since: Instant,
    count: u32,
    min_ns: i64,
}

impl Sample {
    fn difference_ns(&self) -> i64 {
        self.arrival.stamp.as_ns() - self.server_ns
    }
}

impl Clock {
    /// Takes the time of a message. Returns by how much a clock jumped, if one did: the growth of ours minus
    /// the server's, in nanoseconds.
    pub fn observe(&mut self, arrival: Arrival, server: Option<Stamp>) -> Option<i64> {
        let Some(server) = server else {
            self.oddities.invalid += 1;
            return None;
        };
        let sample = Sample {
            arrival,
            server_ns: server.as_ns(),
        };
        let last = self.last.replace(sample);
        if last.is_some_and(|last| sample.server_ns < last.server_ns) {
            self.oddities.backward += 1;
        }
        let difference = sample.difference_ns();
        let Some(offset_ns) = self.offset_ns() else {
            self.enter(arrival.instant, difference);
            return None;
        };
        let jumped = last.is_some_and(|last| has_jumped(&last, &sample))
            || difference < offset_ns - JUMP_NS
            || self.is_late_for_good(arrival.instant, difference, offset_ns);
        if jumped {
            let smallest = self.late.take().map_or(difference, |late| late.min_ns);
            let jump_ns = smallest - offset_ns;
            self.oddities.jumps += 1;
            self.oddities.last_jump_ns = jump_ns;
            self.spans.clear();
            self.enter(arrival.instant, smallest);
            return Some(jump_ns);
        }
        self.enter(arrival.instant, difference);
        None
    }

    /// Forgets all but the counts: from now on it is another server.
    pub fn reset(&mut self) {
        *self = Self {
            oddities: self.oddities,
            ..Self::default()
        };
    }

    /// [`Estimate::offset_ns`], without the cost of the rest.
    #[must_use]
    pub fn offset_ns(&self) -> Option<i64> {
        let window = self.spans.iter().rev().take(WINDOW);
        window.map(|span| span.min_ns).min()
    }

    /// What is known. None before the first message with a time.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let offset_ns = self.offset_ns()?;
        let window = self.spans.iter().rev().take(WINDOW);
        let max_ns = window.map(|span| span.max_ns).max()?;
        Some(Estimate {
            offset_ns,
            spread_ns: max_ns - offset_ns,
            drift_ppm: self.drift_ppm(),
        })
    }

    /// What was odd so far.
    #[must_use]
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// Late messages do not count until it is clear whether they were delayed.
    fn is_late_for_good(&mut self, now: Instant, difference: i64, offset_ns: i64) -> bool {
        if difference <= offset_ns + JUMP_NS {
            self.late = None;
            return false;
        }
        let late = self.late.get_or_insert(Late {
            since: now,
            count: 0,
            min_ns: difference,
        });
        late.count += 1;
        late.min_ns = late.min_ns.min(difference);
        late.count >= LATE_COUNT && now.duration_since(late.since) >= LATE_FOR
    }

    fn enter(&mut self, now: Instant, difference: i64) {
        match self.spans.back_mut() {
            Some(span) if now.duration_since(span.begin) < SPAN => {
                span.min_ns = span.min_ns.min(difference);
                span.max_ns = span.max_ns.max(difference);
            }
            _ => {
                if self.spans.len() == HISTORY {
                    self.spans.pop_front();
                }
                self.spans.push_back(Span {
                    begin: now,
                    min_ns: difference,
                    max_ns: difference,
                });
            }
        }
    }

    /// The slope of the smallest differences, by least squares.
    fn drift_ppm(&self) -> f64 {
        // The span that is still open may not have seen its smallest yet.
        let closed = self.spans.len().saturating_sub(1);
        let (Some(first), true) = (self.spans.front(), closed >= HISTORY_MIN) else {
            return 0.0;
        };
        let points = self.spans.iter().take(closed).map(|span| {
            let x = span.begin.duration_since(first.begin).as_secs_f64();
            (x, seconds(span.min_ns - first.min_ns))
        });
        slope(points) * 1e6
    }
}

/// One clock ran on while the other did not.
fn has_jumped(last: &Sample, now: &Sample) -> bool {
    let elapsed = now.arrival.instant.duration_since(last.arrival.instant);
    let ours_ns = now.arrival.stamp.as_ns() - last.arrival.stamp.as_ns();
    let elapsed_ns = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
    // Messages come in order, so the server's time may stand still for us, but not run backwards.
    (ours_ns - elapsed_ns).abs() > JUMP_NS || now.server_ns < last.server_ns - JUMP_NS
}

fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let (n, sum_x, sum_y) = points.clone().fold((0.0, 0.0, 0.0), |(n, sx, sy), (x, y)| {
        (n + 1.0, sx + x, sy + y)
    });
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (above, below) = points.fold((0.0, 0.0), |(above, below), (x, y)| {
        let dx = x - mean_x;
        (above + dx * (y - mean_y), below + dx * dx)
    });
    if below > 0.0 { above / below } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact to the nanosecond up to 104 days"
)]
fn seconds(ns: i64) -> f64 {
    ns as f64 / NS_PER_SEC
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;
    const MS: i64 = 1_000_000;
    const EPOCH: i64 = 1_700_000_000 * SECOND;

    /// Our clock and the server's, as functions of the true time.
    struct World {
        start: Instant,
        clock: Clock,
        ours_ns: i64,
        server_ns: i64,
    }

    impl World {
        /// The server's clock is behind ours by `offset_ns`.
        fn new(offset_ns: i64) -> Self {
            Self {
                start: Instant::now(),
                clock: Clock::default(),
                ours_ns: EPOCH,
                server_ns: EPOCH - offset_ns,
            }
        }

        fn message(&mut self, at_ns: i64, delay_ns: i64) -> Option<i64> {
            let sent = Stamp::from_ns(self.server_ns + at_ns);
            let elapsed = Duration::from_nanos((at_ns + delay_ns).cast_unsigned());
            let arrival = Arrival {
                stamp: Stamp::from_ns(self.ours_ns + at_ns + delay_ns),
                instant: self.start + elapsed,
            };
            self.clock.observe(arrival, Some(sent))
        }

        fn offset(&self) -> i64 {
            self.clock.estimate().expect("known").offset_ns
        }
    }

    #[test]
    fn the_shortest_delay_counts() {
        let mut world = World::new(3 * SECOND);
        assert_eq!(world.clock.estimate(), None);
        for (i, delay) in [40, 12, 300, 15].into_iter().enumerate() {
            let at = i64::try_from(i).expect("small") * 100 * MS;
            assert_eq!(world.message(at, delay * MS), None);
        }
        let estimate = world.clock.estimate().expect("known");
        assert_eq!(estimate.offset_ns, 3 * SECOND + 12 * MS);
        assert_eq!(estimate.spread_ns, 288 * MS);
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut world = World::new(0);
        world.message(0, MS);
        for s in 1..=75 {
            world.message(s * SECOND, 5 * MS);
        }
        assert_eq!(world.offset(), 5 * MS);
    }

    #[test]
    fn a_slow_clock_shows_as_drift() {
        let mut world = World::new(0);
        for s in 0..600 {
            // The server loses 20 µs a second.
            world.server_ns = EPOCH - s * 20_000;
            world.message(s * SECOND, MS + s % 7 * MS);
        }
        let drift = world.clock.estimate().expect("known").drift_ppm;
        assert!((drift - 20.0).abs() < 1.0, "{drift}");
        assert_eq!(world.clock.oddities().jumps, 0);
    }

    #[test]
    fn a_jump_of_the_server_counts_at_once_in_either_direction() {
        for jump in [
            -3600 * SECOND,
            -SECOND,
            SECOND,
            40 * 365 * 24 * 3600 * SECOND / 4,
        ] {
            let mut world = World::new(0);
            for i in 0..20 {
                world.message(i * 100 * MS, 2 * MS);
            }
            world.server_ns += jump;
            assert_eq!(world.message(2 * SECOND, 2 * MS), Some(-jump), "{jump}");
            assert_eq!(world.offset(), 2 * MS - jump);
            let oddities = world.clock.oddities();
            assert_eq!((oddities.jumps, oddities.last_jump_ns), (1, -jump));
            assert_eq!(oddities.backward, u64::from(jump < 0));
        }
    }

    #[test]
    fn a_jump_of_our_clock_counts_at_once_in_either_direction() {
        for jump in [-60 * SECOND, 60 * SECOND] {
            let mut world = World::new(0);
            for i in 0..20 {
                world.message(i * 100 * MS, 2 * MS);
            }
            world.ours_ns += jump;
            assert_eq!(world.message(2 * SECOND, 2 * MS), Some(jump));
            assert_eq!(world.offset(), 2 * MS + jump);
        }
    }

    #[test]
    fn a_delay_is_no_jump() {
        let mut world = World::new(0);
        for i in 0..20 {
            world.message(i * 100 * MS, 2 * MS);
        }
        // Three seconds of messages, all of which arrive at the end of a stall.
        for i in 20..50 {
            let delay = (50 - i) * 100 * MS + 2 * MS;
            assert_eq!(world.message(i * 100 * MS, delay), None);
        }
        for i in 50..70 {
            assert_eq!(world.message(i * 100 * MS, 2 * MS), None);
        }
        assert_eq!(world.offset(), 2 * MS);
        assert_eq!(world.clock.oddities().jumps, 0);
        assert!(world.clock.estimate().expect("known").spread_ns > 2 * SECOND);
    }

    #[test]
    fn a_jump_while_nothing_came_is_noticed_before_long() {
        let mut world = World::new(0);
        world.message(0, 2 * MS);
        world.server_ns -= 10 * SECOND;
        let jumps: Vec<i64> = (0..100)
            .filter_map(|i| world.message(3600 * SECOND + i * 100 * MS, 2 * MS))
            .collect();
        assert_eq!(jumps, [10 * SECOND]);
        assert_eq!(world.offset(), 10 * SECOND + 2 * MS);
    }

    #[test]
    fn messages_without_a_usable_time_are_counted() {
        let mut clock = Clock::default();
        assert_eq!(clock.observe(Arrival::now(), None), None);
        assert_eq!(clock.oddities().invalid, 1);
        assert_eq!(clock.estimate(), None);
    }

    proptest! {
        /// Whatever the server says: no panic, no more memory.
        #[test]
        fn anything_goes(times: Vec<(u32, i32, u32)>) {
            let start = Instant::now();
            let mut elapsed = Duration::ZERO;
            let mut clock = Clock::default();
            for (ms, sec, nanosec) in times {
                elapsed += Duration::from_millis(ms.into());
                let arrival = Arrival { stamp: Stamp::now(), instant: start + elapsed };
                let server = Stamp { sec, nanosec: nanosec % 1_000_000_000 };
                clock.observe(arrival, Some(server).filter(|_| sec >= 0));
                prop_assert!(clock.spans.len() <= HISTORY);
                if let Some(estimate) = clock.estimate() {
                    prop_assert!(estimate.spread_ns >= 0 && estimate.drift_ppm.is_finite());
                }
            }
        }
    }
}
