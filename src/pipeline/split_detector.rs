//! Detection of new splits of a recording, after which the latched messages are published again.

use std::path::Path;
use std::time::{Duration, Instant};

/// Age from which a recording status no longer counts. `sensr_recorder` publishes one every second.
const STATUS_LIFETIME: Duration = Duration::from_secs(5);

/// Parts of a recording status that tell of a new split.
#[derive(Debug, Clone, Copy)]
pub struct SplitStatus<'a> {
    /// Number of splits that `sensr_recorder` has opened since its start.
    pub splits_opened: u64,
    /// Time since the start of `sensr_recorder`.
    pub uptime: Duration,
    /// Name of the open split. Empty if there is none.
    pub split: &'a str,
}

/// Decides on reports of a recorder whether a new split was opened that has not been reported before.
///
/// `sensr_recorder` publishes a status for its own bridge, and splits are counted by it alone. Without such a status the
/// events of all recorders of this machine count, because a bare `ros2 bag record` tells no more.
#[derive(Debug, Default)]
pub struct SplitDetector {
    latest: Option<LatestStatus>,
    /// File name of the split that was opened last. An event and a status may tell of the same one.
    opened: String,
    /// The count of a status has grown, and its open split is still the one before.
    is_due: bool,
}

#[derive(Debug)]
struct LatestStatus {
    at: Instant,
    splits_opened: u64,
    uptime: Duration,
}

impl SplitDetector {
    /// Takes note of a status that arrived at `now`. Returns whether it tells of a new split.
    ///
    /// The first status tells of none: the recorder received the latched messages when it subscribed.
    pub fn observe_status(&mut self, now: Instant, status: SplitStatus<'_>) -> bool {
        let latest = LatestStatus {
            at: now,
            splits_opened: status.splits_opened,
            uptime: status.uptime,
        };
        let former = self.latest.replace(latest);
        // A status of another run of the recorder counts from 0.
        let opened_before = match former {
            Some(former) if former.uptime > status.uptime => 0,
            Some(former) => former.splits_opened,
            None => status.splits_opened,
        };
        let is_more = status.splits_opened > opened_before;
        self.is_due |= is_more;
        let is_another = if status.split.is_empty() {
            is_more
        } else {
            self.remember(status.split)
        };
        is_another && std::mem::take(&mut self.is_due)
    }

    /// Takes note of an event by which a recorder tells at `now` that it has opened a file. Returns whether that is a
    /// new split.
    pub fn observe_event(&mut self, now: Instant, opened_file: &str) -> bool {
        let latest = self.latest.as_ref();
        let has_status =
            latest.is_some_and(|latest| now.duration_since(latest.at) < STATUS_LIFETIME);
        !has_status && self.remember(opened_file)
    }

    /// Remembers the open split. Returns whether it is another one than before.
    fn remember(&mut self, path: &str) -> bool {
        let name = Path::new(path).file_name().and_then(|name| name.to_str());
        match name {
            Some(name) if name == self.opened => false,
            Some(name) => {
                name.clone_into(&mut self.opened);
                true
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Detector at a moment, with a status per call.
    struct Fixture {
        detector: SplitDetector,
        now: Instant,
        uptime: Duration,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                detector: SplitDetector::default(),
                now: Instant::now(),
                uptime: Duration::from_secs(100),
            }
        }

        fn status(&mut self, splits_opened: u64, split: &str) -> bool {
            self.pass(Duration::from_secs(1));
            let status = SplitStatus {
                splits_opened,
                uptime: self.uptime,
                split,
            };
            self.detector.observe_status(self.now, status)
        }

        fn event(&mut self, opened: &str) -> bool {
            self.detector.observe_event(self.now, opened)
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
            self.uptime += time;
        }
    }

    #[test]
    fn a_status_counts_once_per_split() {
        let mut fixture = Fixture::new();
        assert!(!fixture.status(3, "a_2.mcap"), "the first");
        assert!(!fixture.status(3, "a_2.mcap"));
        assert!(fixture.status(4, "a_3.mcap"));
        assert!(!fixture.status(4, "a_3.mcap"));
        assert!(fixture.status(6, "a_5.mcap"), "two at a time");
    }

    #[test]
    fn a_recorder_that_starts_or_starts_again_has_a_new_split() {
        let mut fixture = Fixture::new();
        assert!(!fixture.status(0, ""));
        assert!(fixture.status(1, "a_0.mcap"));
        fixture.uptime = Duration::ZERO;
        assert!(!fixture.status(0, ""));
        assert!(fixture.status(1, "b_0.mcap"));
        fixture.uptime = Duration::ZERO;
        assert!(fixture.status(1, "c_0.mcap"), "the same number");
    }

    #[test]
    fn the_count_of_a_status_may_run_ahead_of_its_split_or_come_without_one() {
        let mut fixture = Fixture::new();
        fixture.status(1, "a_0.mcap");
        assert!(!fixture.status(2, "a_0.mcap"));
        assert!(fixture.status(2, "a_1.mcap"));
        assert!(!fixture.status(2, ""), "closed");
        assert!(fixture.status(3, ""));
        assert!(!fixture.status(3, ""));
    }

    #[test]
    fn events_count_as_long_as_there_is_no_status() {
        let mut fixture = Fixture::new();
        assert!(fixture.event("bags/a/a_1.mcap"));
        assert!(!fixture.event("bags/a/a_1.mcap"), "on the other topic");
        assert!(fixture.event("bags/b/b_1.mcap"));
    }

    #[test]
    fn events_of_other_recorders_do_not_count_beside_a_status() {
        let mut fixture = Fixture::new();
        fixture.status(1, "a_0.mcap");
        assert!(!fixture.event("bags/foreign/foreign_1.mcap"));
        assert!(!fixture.event("bags/a/a_1.mcap"), "its status tells it");
        assert!(fixture.status(2, "a_1.mcap"));
    }

    #[test]
    fn events_count_again_once_the_status_is_old_and_not_twice_when_it_returns() {
        let mut fixture = Fixture::new();
        fixture.status(1, "a_0.mcap");
        fixture.pass(STATUS_LIFETIME);
        assert!(fixture.event("bags/a/a_1.mcap"));
        assert!(!fixture.status(2, "a_1.mcap"));
        assert!(fixture.status(3, "a_2.mcap"));
    }
}
