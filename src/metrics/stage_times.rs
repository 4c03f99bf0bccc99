//! Where the time goes between socket and DDS.

use std::sync::Mutex;
use std::time::Duration;

use super::lock;

/// A stage of a cloud's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Frame to clouds.
    Decode,
    /// In the queue.
    Wait,
    /// Cloud to serialized `PointCloud2`.
    Convert,
    /// Hand-over to the middleware.
    Publish,
    /// Frame complete to hand-over finished.
    Total,
}

impl Stage {
    /// All stages, in the order of the way.
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
pub struct Times {
    /// How many.
    pub count: u64,
    /// Shortest, nanoseconds. 0 if there is none.
    pub min_ns: u64,
    /// Longest, nanoseconds.
    pub max_ns: u64,
    /// Sum, nanoseconds.
    pub sum_ns: u64,
}

impl Times {
    /// The mean, nanoseconds. 0 if there is none.
    #[must_use]
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.count).unwrap_or(0)
    }

    fn add(&mut self, duration: Duration) {
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

/// Times of all stages since they were last taken.
#[derive(Debug, Default)]
pub struct Stages {
    times: Mutex<[Times; Stage::ALL.len()]>,
}

impl Stages {
    /// Adds one run of a stage.
    pub fn add(&self, stage: Stage, duration: Duration) {
        lock(&self.times)[stage as usize].add(duration);
    }

    /// Takes the times gathered so far, in the order of [`Stage::ALL`], and starts anew.
    pub fn take(&self) -> [Times; Stage::ALL.len()] {
        std::mem::take(&mut *lock(&self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_mean_max_since_the_last_take() {
        let stages = Stages::default();
        for ns in [30, 10, 20] {
            stages.add(Stage::Convert, Duration::from_nanos(ns));
        }
        let times = stages.take()[Stage::Convert as usize];
        assert_eq!(
            (times.count, times.min_ns, times.mean_ns(), times.max_ns),
            (3, 10, 20, 30)
        );
        assert_eq!(stages.take(), <[Times; 5]>::default());
        assert_eq!(Times::default().mean_ns(), 0);
    }
}
