//! Schedule of point and output messages on one absolute time grid.

use std::time::{Duration, Instant};

use super::convert::to_f64;

/// Messages per second on the output stream.
pub(super) const OUTPUT_RATE_HZ: f64 = 10.0;

/// Message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tick {
    /// Point message number `.0`.
    Points(u64),
    /// Output message number `.0` since the start.
    Output(u64),
}

/// Ticks at `start + k / rate`: they do not drift, and late ticks are not skipped.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    /// Point messages per second; `None` until the clock starts, when only output messages are due.
    points_rate_hz: Option<f64>,
    next_points: u64,
    next_output: u64,
}

impl Schedule {
    pub(super) fn new(start: Instant, points_rate_hz: Option<f64>) -> Self {
        Self {
            start,
            points_rate_hz,
            next_points: 0,
            next_output: 0,
        }
    }

    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// Returns whether the scene clock runs.
    pub(super) fn is_running(&self) -> bool {
        self.points_rate_hz.is_some()
    }

    /// Returns the seconds from the start to a tick.
    pub(super) fn elapsed_secs(&self, tick: Tick) -> f64 {
        match (tick, self.points_rate_hz) {
            (Tick::Points(k), Some(rate_hz)) => to_f64(k) / rate_hz,
            (Tick::Points(_), None) => 0.0,
            (Tick::Output(k), _) => to_f64(k) / OUTPUT_RATE_HZ,
        }
    }

    /// Returns the next tick and its time; points precede the output of the same time.
    pub(super) fn next_tick(&self) -> (Tick, Instant) {
        let output = Tick::Output(self.next_output);
        let points = Tick::Points(self.next_points);
        let first = if self.is_running() && self.elapsed_secs(points) <= self.elapsed_secs(output) {
            points
        } else {
            output
        };
        let due = self.start + Duration::from_secs_f64(self.elapsed_secs(first));
        (first, due)
    }

    /// Records that the tick was handled.
    pub(super) fn mark_done(&mut self, tick: Tick) {
        match tick {
            Tick::Points(k) => self.next_points = k + 1,
            Tick::Output(k) => self.next_output = k + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(rate_hz: Option<f64>, n: usize) -> Vec<(Tick, u128)> {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, rate_hz);
        let mut all = Vec::new();
        for _ in 0..n {
            let (tick, due) = schedule.next_tick();
            schedule.mark_done(tick);
            all.push((tick, (due - start).as_millis()));
        }
        all
    }

    #[test]
    fn points_precede_the_output_of_the_same_instant() {
        let expected = [
            (Tick::Points(0), 0),
            (Tick::Output(0), 0),
            (Tick::Points(1), 100),
            (Tick::Output(1), 100),
        ];
        assert_eq!(ticks(Some(10.0), 4), expected);
    }

    #[test]
    fn rates_are_independent() {
        let expected = [
            (Tick::Points(0), 0),
            (Tick::Output(0), 0),
            (Tick::Points(1), 40),
            (Tick::Points(2), 80),
            (Tick::Output(1), 100),
        ];
        assert_eq!(ticks(Some(25.0), 5), expected);
    }

    #[test]
    fn only_output_is_due_until_the_clock_starts() {
        assert_eq!(
            ticks(None, 2),
            [(Tick::Output(0), 0), (Tick::Output(1), 100)]
        );
    }

    #[test]
    fn no_drift_after_a_million_ticks() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Some(3.0));
        schedule.mark_done(Tick::Points(2_999_999));
        schedule.mark_done(Tick::Output(u64::MAX / 2));
        assert_eq!((schedule.next_tick().1 - start).as_secs(), 1_000_000);
    }
}
