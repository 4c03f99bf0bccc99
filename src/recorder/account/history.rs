//! Snapshots of the bridge's counters, across its restarts and steps of the clock.

use std::collections::{BTreeMap, VecDeque};

use super::PublishedCounts;

/// Snapshots kept at most, those of 17 minutes. Of a split that stays open for longer, the snapshots in its middle are
/// thinned out.
const MAX_SNAPSHOTS: usize = 1024;

/// Snapshots that are never thinned out: those after the end of the last split, and the latest.
const KEPT_FIRST: usize = 64;
const KEPT_LAST: usize = 256;

/// Difference between two starts of the bridge, stamp minus uptime, above which they are two runs, unless the clock was
/// set.
const RESTART_NS: i128 = 500_000_000;

/// Step of the clock that matters. Smaller ones are jitter between two readings of clocks.
const STEP_NS: i128 = 20_000_000;

/// Counters of the bridge at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Time on the clock that also stamps the messages in the splits.
    pub time_ns: u64,
    /// Messages published before, by number of the topic, since the first statistics.
    pub published: Vec<u64>,
    pub kind: SnapshotKind,
}

/// Meaning of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapshotKind {
    /// Everything received before it is counted in it.
    Exact,
    /// The next run of the bridge began, and the previous one had ended without a last report: what it published after
    /// its last statistics is not counted.
    UnreportedEnd,
}

/// Run of the bridge.
#[derive(Debug, Default)]
struct Run {
    start_ns: u64,
    stamp_ns: u64,
    is_final: bool,
    /// Messages published by earlier runs.
    base: Vec<u64>,
    counts: Vec<u64>,
}

/// Snapshots that have not been compared with a split.
#[derive(Debug, Default)]
pub(super) struct History {
    pub snapshots: VecDeque<Snapshot>,
    run: Option<Run>,
    first_run_ns: Option<u64>,
    clock_offsets_ns: VecDeque<i128>,
    ignored_until_ns: u64,
    /// The clock was set back since the last comparison.
    pub was_set_back: bool,
}

impl History {
    /// Takes a statistics message. `counts` are those of `statistics`, by number of the topic.
    pub(super) fn add(
        &mut self,
        statistics: &PublishedCounts,
        counts: Vec<u64>,
        clock_offset_ns: i128,
    ) {
        self.clock_offsets_ns.push_front(clock_offset_ns);
        self.clock_offsets_ns.truncate(3);
        let (start_ns, stamp_ns) = (statistics.run_start_ns, statistics.stamp_ns);
        self.first_run_ns.get_or_insert(start_ns);
        let mut run = self.run.take().unwrap_or_else(|| Run {
            start_ns,
            ..Run::default()
        });
        let shift = i128::from(start_ns) - i128::from(run.start_ns);
        if self.is_restart(&run, statistics, shift) {
            if stamp_ns < run.stamp_ns {
                self.set_back(stamp_ns, run.stamp_ns.saturating_add(1_000_000_000));
            }
            self.end_run(&mut run, start_ns);
        } else if shift < -STEP_NS {
            let step = u64::try_from(-shift).unwrap_or(0);
            self.set_back(
                run.stamp_ns.saturating_sub(step),
                stamp_ns.saturating_add(step),
            );
        }
        run.counts = counts;
        run.start_ns = start_ns;
        run.stamp_ns = stamp_ns;
        run.is_final = statistics.is_final;
        let published = sum(&run.base, &run.counts);
        self.run = Some(run);
        if stamp_ns >= self.ignored_until_ns {
            self.push(stamp_ns, published, SnapshotKind::Exact);
        }
    }

    /// Notices a clock that has been set back since the last statistics, before a split is compared.
    pub(super) fn check_clock(&mut self, clock_offset_ns: i128) {
        let Some(&before) = self.clock_offsets_ns.front() else {
            return;
        };
        let step = before - clock_offset_ns;
        let stamp_ns = self.run.as_ref().map_or(0, |run| run.stamp_ns);
        if step > STEP_NS {
            let step = u64::try_from(step).unwrap_or(u64::MAX);
            // The next statistics tell until when more exactly.
            let until_ns = stamp_ns.saturating_add(2_000_000_000);
            self.set_back(stamp_ns.saturating_sub(step), until_ns);
        }
    }

    /// Start of the first run of the bridge.
    pub(super) fn first_run_ns(&self) -> Option<u64> {
        self.first_run_ns
    }

    /// Returns the messages published so far, by number of the topic.
    pub(super) fn published(&self) -> Vec<u64> {
        let run = self.run.as_ref();
        run.map_or_else(Vec::new, |run| sum(&run.base, &run.counts))
    }

    /// Returns whether the bridge has reported its end, so that its counts are complete. `None` if it was never heard.
    pub(super) fn is_final(&self) -> Option<bool> {
        self.run.as_ref().map(|run| run.is_final)
    }

    /// Takes out the snapshots up to a time.
    pub(super) fn take_until(&mut self, end_ns: u64) -> Vec<Snapshot> {
        let end = self
            .snapshots
            .partition_point(|snapshot| snapshot.time_ns <= end_ns);
        self.snapshots.drain(..end).collect()
    }

    fn is_restart(&self, run: &Run, statistics: &PublishedCounts, shift: i128) -> bool {
        let uptime = |stamp: u64, start: u64| stamp.saturating_sub(start);
        let is_younger = uptime(statistics.stamp_ns, statistics.run_start_ns)
            < uptime(run.stamp_ns, run.start_ns);
        is_younger || (shift > RESTART_NS && !self.was_clock_set_by(shift))
    }

    /// Returns whether the clock of this machine moved that much lately.
    fn was_clock_set_by(&self, shift: i128) -> bool {
        let offsets = &self.clock_offsets_ns;
        let later = offsets.iter().enumerate();
        later
            .flat_map(|(k, now)| offsets.iter().skip(k + 1).map(move |before| now - before))
            .any(|moved| (moved - shift).abs() < RESTART_NS)
    }

    fn end_run(&mut self, run: &mut Run, next_start_ns: u64) {
        run.base = sum(&run.base, &run.counts);
        run.counts.clear();
        let kind = if run.is_final {
            SnapshotKind::Exact
        } else {
            SnapshotKind::UnreportedEnd
        };
        let last_ns = self.snapshots.back().map_or(0, |last| last.time_ns);
        let time_ns = next_start_ns.max(last_ns);
        if kind == SnapshotKind::UnreportedEnd || time_ns >= self.ignored_until_ns {
            self.push(time_ns, run.base.clone(), kind);
        }
    }

    /// Forgets the times from `from_ns` to `until_ns`, which the clock has shown twice.
    fn set_back(&mut self, from_ns: u64, until_ns: u64) {
        let kept = self
            .snapshots
            .partition_point(|snapshot| snapshot.time_ns < from_ns);
        let ends_unreported = |snapshot: &Snapshot| snapshot.kind == SnapshotKind::UnreportedEnd;
        let mut forgotten = self.snapshots.split_off(kept);
        forgotten.retain(ends_unreported);
        for mut end in forgotten {
            end.time_ns = end.time_ns.min(from_ns);
            self.snapshots.push_back(end);
        }
        self.ignored_until_ns = until_ns;
        self.was_set_back = true;
    }

    fn push(&mut self, time_ns: u64, published: Vec<u64>, kind: SnapshotKind) {
        self.snapshots.push_back(Snapshot {
            time_ns,
            published,
            kind,
        });
        if self.snapshots.len() > MAX_SNAPSHOTS {
            self.thin_out();
        }
    }

    fn thin_out(&mut self) {
        let last = self.snapshots.len() - KEPT_LAST;
        let mut index = 0;
        let mut ends = 0;
        self.snapshots.retain(|snapshot| {
            let is_inner = (KEPT_FIRST..last).contains(&index);
            index += 1;
            if snapshot.kind == SnapshotKind::UnreportedEnd {
                ends += 1;
                return !is_inner || ends <= KEPT_FIRST;
            }
            !is_inner || index % 2 == 0
        });
    }
}

fn sum(left: &[u64], right: &[u64]) -> Vec<u64> {
    let at = |counts: &[u64], index: usize| counts.get(index).copied().unwrap_or(0);
    (0..left.len().max(right.len()))
        .map(|index| at(left, index) + at(right, index))
        .collect()
}

/// Numbers of topics in the order of their first appearance.
#[derive(Debug, Default)]
pub(super) struct TopicNumbers {
    numbers: BTreeMap<String, usize>,
}

impl TopicNumbers {
    pub(super) fn number(&mut self, topic: &str) -> usize {
        let next = self.numbers.len();
        match self.numbers.get(topic) {
            Some(&number) => number,
            None => *self.numbers.entry(topic.to_owned()).or_insert(next),
        }
    }

    pub(super) fn get(&self, topic: &str) -> Option<usize> {
        self.numbers.get(topic).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.numbers
            .iter()
            .map(|(topic, &number)| (topic.as_str(), number))
    }
}
