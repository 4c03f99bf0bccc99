//! Detection of a stall: the bridge publishes and the open split does not grow.

use std::time::{Duration, Instant};

/// Detector of a stock recorder that does not write.
///
/// Some bytes are always on their way, in the caches and the open chunk of the stock recorder. More than that without
/// growth of the file, for a while, is a stall. Without published bytes there is none, so a bridge that is not running
/// does not count.
#[derive(Debug)]
pub(super) struct StallDetector {
    /// Bytes that may be on their way.
    slack_bytes: u64,
    /// Latest counter of the bridge.
    published: Option<u64>,
    /// The same when the file was last seen to grow.
    published_at_growth: Option<u64>,
    size: Option<u64>,
    /// Time at which the slack was exceeded.
    behind_since: Option<Instant>,
}

impl StallDetector {
    /// Creates a detector for a recorder that holds back up to `slack_bytes`.
    pub(super) const fn new(slack_bytes: u64) -> Self {
        Self {
            slack_bytes,
            published: None,
            published_at_growth: None,
            size: None,
            behind_since: None,
        }
    }

    /// Forgets the file, for a new process.
    pub(super) fn reset(&mut self) {
        self.published_at_growth = self.published;
        self.size = None;
        self.behind_since = None;
    }

    /// Goes on with the next split. A stall does not end by that: a recorder whose writes fail still opens files.
    pub(super) fn on_next_file(&mut self) {
        if self.outstanding() <= self.slack_bytes {
            self.reset();
        }
        self.size = None;
    }

    /// Takes the number of bytes that the bridge has published since its start.
    pub(super) fn on_published(&mut self, bytes: u64, now: Instant) {
        if self.published.is_none_or(|last| bytes < last) {
            // The first counter, or that of a new run of the bridge.
            self.published_at_growth = Some(bytes);
            self.behind_since = None;
        }
        self.published = Some(bytes);
        if self.outstanding() > self.slack_bytes {
            self.behind_since.get_or_insert(now);
        }
    }

    /// Takes the size of the open split. Returns true if it has grown since the last call.
    pub(super) fn on_size(&mut self, size: u64) -> bool {
        let has_grown = self.size.is_some_and(|last| size > last);
        if has_grown {
            self.published_at_growth = self.published;
            self.behind_since = None;
        }
        self.size = Some(size);
        has_grown
    }

    /// Bytes published since the file last grew.
    pub(super) fn outstanding(&self) -> u64 {
        let published = self.published.unwrap_or(0);
        published.saturating_sub(self.published_at_growth.unwrap_or(published))
    }

    /// Time since more has been published than may be on its way.
    pub(super) fn behind_for(&self, now: Instant) -> Option<Duration> {
        let since = self.behind_since?;
        Some(now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLACK: u64 = 1000;

    fn at(start: Instant, secs: u64) -> Instant {
        start + Duration::from_secs(secs)
    }

    #[test]
    fn a_stall_lasts_beyond_the_next_split() {
        let start = Instant::now();
        let mut stall = StallDetector::new(SLACK);
        stall.on_published(0, start);
        stall.on_size(100);
        stall.on_published(2 * SLACK, at(start, 1));
        stall.on_next_file();
        stall.on_size(50);
        assert_eq!(
            stall.behind_for(at(start, 11)),
            Some(Duration::from_secs(10))
        );
        stall.on_size(60);
        assert_eq!(stall.behind_for(at(start, 11)), None);
        // Little data may wait for the end of a split.
        stall.on_published(3 * SLACK, at(start, 12));
        stall.on_next_file();
        assert_eq!(stall.outstanding(), 0);
    }

    #[test]
    fn published_bytes_without_growth_are_a_stall() {
        let start = Instant::now();
        let mut detector = StallDetector::new(SLACK);
        detector.on_published(50_000, start);
        assert!(!detector.on_size(100));
        assert!(detector.on_size(200));
        detector.on_published(51_000, at(start, 1));
        assert_eq!(detector.behind_for(at(start, 9)), None);
        detector.on_published(51_001, at(start, 2));
        assert_eq!(detector.outstanding(), 1001);
        assert!(!detector.on_size(200));
        detector.on_published(59_000, at(start, 3));
        let behind = detector.behind_for(at(start, 12));
        assert_eq!(behind, Some(Duration::from_secs(10)));
    }

    #[test]
    fn growth_ends_a_stall() {
        let start = Instant::now();
        let mut detector = StallDetector::new(SLACK);
        detector.on_published(0, start);
        detector.on_size(0);
        detector.on_published(5000, at(start, 1));
        assert!(detector.behind_for(at(start, 2)).is_some());
        assert!(detector.on_size(1));
        assert_eq!(detector.behind_for(at(start, 100)), None);
        assert_eq!(detector.outstanding(), 0);
    }

    #[test]
    fn quiet_or_missing_bridge_is_no_stall() {
        let start = Instant::now();
        let mut detector = StallDetector::new(SLACK);
        detector.on_size(10);
        assert_eq!(detector.behind_for(at(start, 100)), None);
        for second in 0..100 {
            detector.on_published(7, at(start, second));
            assert!(!detector.on_size(10));
        }
        assert_eq!(detector.behind_for(at(start, 100)), None);
    }

    #[test]
    fn restart_of_the_bridge_starts_the_count_again() {
        let start = Instant::now();
        let mut detector = StallDetector::new(SLACK);
        detector.on_published(1_000_000, start);
        detector.on_size(10);
        detector.on_published(2_000_000, at(start, 1));
        assert!(detector.behind_for(at(start, 1)).is_some());
        detector.on_published(900_000, at(start, 2));
        assert_eq!(detector.behind_for(at(start, 9)), None);
        detector.on_published(901_001, at(start, 3));
        assert_eq!(
            detector.behind_for(at(start, 4)),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn next_file_starts_from_nothing() {
        let start = Instant::now();
        let mut detector = StallDetector::new(SLACK);
        detector.on_published(0, start);
        detector.on_size(10_000);
        detector.on_published(5000, at(start, 1));
        detector.reset();
        assert_eq!(detector.behind_for(at(start, 2)), None);
        assert!(!detector.on_size(20), "its first size is no growth");
        detector.on_published(6001, at(start, 2));
        assert!(detector.behind_for(at(start, 2)).is_some());
    }
}
