//! Times of the processing stages between socket and DDS.

use std::sync::Mutex;
use std::time::Duration;

use super::lock_counters;

/// A processing stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Decoding of the frame, except its objects.
    Decode,
    /// Waiting in the queue.
    Wait,
    /// Serialization of the ROS message; for the first of a message's topics with objects, also their decoding.
    Convert,
    /// Delivery to the middleware.
    Publish,
    /// From the complete frame to the end of the delivery.
    Total,
}

impl Stage {
    /// All stages, in the order of the data flow.
    pub const ALL: [Self; 5] = [
        Self::Decode,
        Self::Wait,
        Self::Convert,
        Self::Publish,
        Self::Total,
    ];

    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Wait => "wait",
            Self::Convert => "convert",
            Self::Publish => "publish",
            Self::Total => "total",
        }
    }
}

/// Times of one stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Number of runs.
    pub count: u64,
    /// Shortest run, nanoseconds. 0 without runs.
    pub min_ns: u64,
    /// Longest run, nanoseconds.
    pub max_ns: u64,
    /// Sum of all runs, nanoseconds.
    pub sum_ns: u64,
}

impl StageTimes {
    /// Mean, nanoseconds. 0 without runs.
    #[must_use]
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.count).unwrap_or(0)
    }

    fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.min_ns = if self.count == 0 {
            ns
        } else {
            self.min_ns.min(ns)
        };
        self.max_ns = self.max_ns.max(ns);
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.count += 1;
    }
}

/// Times of all stages since they were last taken out.
#[derive(Debug, Default)]
pub struct StageTimers {
    times: Mutex<[StageTimes; Stage::ALL.len()]>,
}

impl StageTimers {
    /// Records one run of a stage.
    pub fn record(&self, stage: Stage, duration: Duration) {
        lock_counters(&self.times)[stage as usize].record(duration);
    }

    /// Returns the times gathered so far, in the order of [`Stage::ALL`], and resets them.
    pub fn take_times(&self) -> [StageTimes; Stage::ALL.len()] {
        std::mem::take(&mut *lock_counters(&self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_since_the_last_take() {
        let stages = StageTimers::default();
        for ns in [30, 10, 20] {
            stages.record(Stage::Convert, Duration::from_nanos(ns));
        }
        let times = stages.take_times()[Stage::Convert as usize];
        assert_eq!(
            (times.count, times.min_ns, times.mean_ns(), times.max_ns),
            (3, 10, 20, 30)
        );
        assert_eq!(stages.take_times(), <[StageTimes; 5]>::default());
        assert_eq!(StageTimes::default().mean_ns(), 0);
    }
}
