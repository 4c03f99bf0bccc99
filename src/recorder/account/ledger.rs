//! Arithmetic of the accounts.
//!
//! For each topic the deficit of a snapshot is the number of messages published before it less the number received
//! before it. The least deficit of all snapshots after an instant is the loss up to that instant, unless messages were
//! on their way at each of them. The loss of a split is the increase of this figure over the split.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::history::{History, Snapshot, SnapshotKind, TopicNumbers};
use super::topic_ledger::{Deficits, TopicInSplit, TopicLedger};
use super::{PublishedCounts, SplitAccount, TopicAccount, TopicTotals};
use crate::recorder::split_summary::SplitSummary;

/// Accounts that can still be corrected.
const MAX_ACCOUNTS: usize = 256;

/// Snapshots after a split that settle its account: messages may be on their way at one or two of them.
const SETTLING_SNAPSHOTS: usize = 3;

/// Split as the ledger needs it.
pub(super) struct ClosedSplit<'a> {
    pub summary: &'a SplitSummary,
    /// The split is the first one of its bag.
    pub begins_bag: bool,
    /// Topics whose messages a new subscription receives again.
    pub latched: &'a BTreeSet<String>,
    /// Messages by topic before each time of [`Ledger::times_within`]. `None` if they are not known, because the
    /// split has no index and too many messages.
    pub counts: Option<BTreeMap<u64, BTreeMap<String, u64>>>,
    /// Messages by topic that earlier splits hold from each time of [`Ledger::late_times`] on, as far as that is known.
    pub late: BTreeMap<u64, BTreeMap<String, u64>>,
}

/// Account of one split under correction.
#[derive(Debug)]
struct Entry {
    number: u64,
    start_ns: u64,
    end_ns: u64,
    bytes: u64,
    /// Messages by topic, also of topics that the bridge does not count.
    recorded: BTreeMap<String, u64>,
    /// Loss up to the end of the split, by number of the topic, since the first split.
    lost: Vec<u64>,
    settled: bool,
    /// Least deficits since the end of the split, by number of the topic, and the number of snapshots.
    least: Vec<Option<u64>>,
    snapshots: usize,
    uncertain: BTreeSet<&'static str>,
    is_changed: bool,
}

/// Accounts of all splits.
pub(super) struct Ledger {
    is_recorded: Box<dyn Fn(&str) -> bool + Send>,
    numbers: TopicNumbers,
    topics: Vec<TopicLedger>,
    history: History,
    accounts: VecDeque<Entry>,
    next_number: u64,
    /// Loss up to the end of the split before the oldest account, by number of the topic.
    lost_before: Vec<u64>,
    /// Earliest `log_time` of the first split.
    begun_ns: Option<u64>,
    /// Latest `log_time` of all closed splits.
    closed_until_ns: Option<u64>,
    /// Totals of the topics that the bridge does not count.
    recorded_only: BTreeMap<String, TopicTotals>,
}

impl Ledger {
    pub(super) fn new(is_recorded: Box<dyn Fn(&str) -> bool + Send>) -> Self {
        Self {
            is_recorded,
            numbers: TopicNumbers::default(),
            topics: Vec::new(),
            history: History::default(),
            accounts: VecDeque::new(),
            next_number: 0,
            lost_before: Vec::new(),
            begun_ns: None,
            closed_until_ns: None,
            recorded_only: BTreeMap::new(),
        }
    }

    pub(super) fn on_statistics(&mut self, statistics: &PublishedCounts, clock_offset_ns: i128) {
        for topic in statistics.published.keys() {
            if self.numbers.get(topic).is_none() && (self.is_recorded)(topic) {
                self.numbers.number(topic);
                // Splits may have closed before the first statistics came.
                let earlier = self.recorded_only.remove(topic).unwrap_or_default();
                self.topics
                    .push(TopicLedger::new(earlier.recorded, self.begun_ns));
            }
        }
        let mut counts = vec![0; self.topics.len()];
        for (topic, &published) in &statistics.published {
            if let Some(number) = self.numbers.get(topic) {
                counts[number] = published;
            }
        }
        self.history.add(statistics, counts, clock_offset_ns);
    }

    /// Changes the topics that are recorded.
    pub(super) fn set_recorded(&mut self, is_recorded: Box<dyn Fn(&str) -> bool + Send>) {
        let published = self.history.published();
        for (topic, number) in self.numbers.iter() {
            self.topics[number].exclude(!is_recorded(topic), at(&published, number));
        }
        self.is_recorded = is_recorded;
    }

    pub(super) fn on_pause(&mut self) {
        let published = self.history.published();
        for (number, topic) in self.topics.iter_mut().enumerate() {
            topic.pause(at(&published, number));
        }
    }

    /// Compares the system clock with the monotonic clock before a split is read: the clock may have been set back since
    /// the last statistics.
    pub(super) fn check_clock(&mut self, clock_offset_ns: i128) {
        self.history.check_clock(clock_offset_ns);
    }

    /// Returns the times of the snapshots between two times, without repetition. The times at both ends are left out.
    pub(super) fn times_within(&self, start_ns: u64, end_ns: u64) -> Vec<u64> {
        let snapshots = self.history.snapshots.iter();
        let mut times: Vec<u64> = snapshots
            .map(|snapshot| snapshot.time_ns)
            .filter(|&time| time > start_ns && time <= end_ns)
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// Returns the times within closed splits at which the bridge ended without a last report, as its statistics told
    /// only after those splits had been closed.
    pub(super) fn late_times(&self) -> Vec<u64> {
        let snapshots = self.history.snapshots.iter();
        let mut times: Vec<u64> = snapshots
            .filter(|snapshot| snapshot.kind == SnapshotKind::UnreportedEnd)
            .map(|snapshot| snapshot.time_ns)
            .filter(|&time| is_closed(self.closed_until_ns, time))
            .collect();
        times.dedup();
        times
    }

    /// Enters a closed split. Returns the number of its account.
    pub(super) fn close_split(&mut self, split: &ClosedSplit<'_>) -> u64 {
        let summary = split.summary;
        let has_messages = summary.message_count > 0;
        if split.begins_bag && self.begun_ns.is_some() {
            self.subscribe_again(split.latched);
        }
        let mut uncertain = BTreeSet::new();
        if std::mem::take(&mut self.history.was_set_back) {
            uncertain.insert("the clock of this machine was set back");
        }
        if has_messages && split.counts.is_none() {
            uncertain.insert("the split has no usable index; exact at the end of the recording");
        }
        let snapshots = if has_messages {
            self.history.take_until(summary.end_ns)
        } else {
            Vec::new()
        };
        if snapshots
            .iter()
            .any(|snapshot| snapshot.kind == SnapshotKind::UnreportedEnd)
        {
            uncertain.insert("the bridge ended without a last report of what it had published");
        }
        let mut deficits = Vec::new();
        let closed_until_ns = self.closed_until_ns;
        for (topic, number) in self.numbers.iter() {
            let received = |snapshot: &Snapshot| {
                if snapshot.time_ns <= summary.start_ns {
                    return Some(0);
                }
                let counts = split.counts.as_ref()?.get(&snapshot.time_ns)?;
                Some(counts.get(topic).copied().unwrap_or(0))
            };
            let snapshots = snapshots.iter();
            let compared = self.topics[number].compare(
                snapshots.filter_map(|snapshot| {
                    let published = at(&snapshot.published, number);
                    if !is_closed(closed_until_ns, snapshot.time_ns) {
                        return Some((snapshot, published, received(snapshot)));
                    }
                    // Late statistics say nothing more, unless the previous run of the bridge did not report its end.
                    // What was received since then is not in its counters.
                    let later = split.late.get(&snapshot.time_ns)?;
                    let later = later.get(topic).copied().unwrap_or(0);
                    (snapshot.kind == SnapshotKind::UnreportedEnd).then_some((
                        snapshot,
                        published + later,
                        Some(0),
                    ))
                }),
                TopicInSplit {
                    total: summary.topics.get(topic).map_or(0, |topic| topic.count),
                    start_ns: has_messages.then_some(summary.start_ns),
                    first_run_ns: self.history.first_run_ns(),
                    closed_until_ns,
                },
            );
            if compared.is_base_assumed {
                uncertain.insert("recording began while the bridge was publishing");
            }
            deficits.push((number, compared));
        }
        if has_messages {
            self.begun_ns.get_or_insert(summary.start_ns);
            self.closed_until_ns = self.closed_until_ns.max(Some(summary.end_ns));
        }
        self.add_recorded_only(summary);
        deficits.sort_unstable_by_key(|&(number, _)| number);
        let deficits: Vec<Deficits> = deficits.into_iter().map(|(_, compared)| compared).collect();
        let compared = deficits.iter().map(|topic| topic.snapshots).max();
        self.correct(|number| deficits[number].least, compared.unwrap_or(0));
        let number = self.next_number;
        self.next_number += 1;
        let previous = self.last_lost();
        self.accounts.push_back(Entry {
            number,
            start_ns: summary.start_ns,
            end_ns: summary.end_ns,
            bytes: summary.bytes,
            recorded: summary
                .topics
                .iter()
                .map(|(topic, of_split)| (topic.clone(), of_split.count))
                .collect(),
            lost: deficits
                .iter()
                .enumerate()
                .map(|(number, topic)| topic.at_end.max(at(&previous, number)))
                .collect(),
            settled: false,
            least: Vec::new(),
            snapshots: 0,
            uncertain,
            is_changed: true,
        });
        if self.accounts.len() > MAX_ACCOUNTS
            && let Some(oldest) = self.accounts.pop_front()
        {
            self.lost_before = oldest.lost;
        }
        number
    }

    /// Notes that a new bag receives the last messages of latched topics again.
    fn subscribe_again(&mut self, latched: &BTreeSet<String>) {
        for topic in latched {
            if let Some(number) = self.numbers.get(topic) {
                self.topics[number].subscribe_again();
            }
        }
    }

    /// Adds the messages of topics that the bridge does not count.
    fn add_recorded_only(&mut self, summary: &SplitSummary) {
        for (topic, of_split) in &summary.topics {
            if self.numbers.get(topic).is_none() {
                self.recorded_only
                    .entry(topic.clone())
                    .or_default()
                    .recorded += of_split.count;
            }
        }
    }

    /// Settles all accounts at the end. Returns the numbers of those that this changes.
    pub(super) fn finish(&mut self) -> Vec<u64> {
        if self.history.is_final() == Some(true) {
            let published = self.history.published();
            let first_run_ns = self.history.first_run_ns();
            let lost: Vec<u64> = (0..self.topics.len())
                .map(|number| self.topics[number].settle(at(&published, number), first_run_ns))
                .collect();
            let unreported = self.history.snapshots.iter();
            let unreported = unreported
                .filter(|snapshot| snapshot.kind == SnapshotKind::UnreportedEnd)
                .count();
            if let Some(last) = self.accounts.back_mut() {
                if unreported > 0 {
                    last.uncertain
                        .insert("the bridge ended without a last report of what it had published");
                }
                last.lost.resize(lost.len(), 0);
                for (mine, &lost) in last.lost.iter_mut().zip(&lost) {
                    last.is_changed |= *mine != lost;
                    *mine = lost;
                }
            }
            self.correct(|number| lost.get(number).copied(), SETTLING_SNAPSHOTS);
        } else if let (Some(false), Some(last)) =
            (self.history.is_final(), self.accounts.back_mut())
        {
            last.uncertain.insert(
                "the bridge gave no last report before the recording ended; losses in the last seconds are not known",
            );
            last.is_changed = true;
        }
        for account in &mut self.accounts {
            account.is_changed |= !account.settled;
            account.settled = true;
            if self.history.is_final() == Some(true) {
                account
                    .uncertain
                    .remove("the split has no usable index; exact at the end of the recording");
            }
        }
        self.history.snapshots.clear();
        let changed = self.accounts.iter().filter(|account| account.is_changed);
        changed.map(|account| account.number).collect()
    }

    /// Corrects earlier accounts by the least deficits of a number of snapshots after them, by number of the topic.
    fn correct(&mut self, least: impl Fn(usize) -> Option<u64>, snapshots: usize) {
        let topics = self.topics.len();
        for account in &mut self.accounts {
            account.snapshots += snapshots;
            account.lost.resize(topics, 0);
            account.least.resize(topics, None);
            let settles = !account.settled && account.snapshots >= SETTLING_SNAPSHOTS;
            for (number, lost) in account.lost.iter_mut().enumerate() {
                let Some(mut least) = least(number) else {
                    continue;
                };
                if !account.settled {
                    least = account.least[number].map_or(least, |before| before.min(least));
                    account.least[number] = Some(least);
                }
                let corrected = if settles { least } else { least.min(*lost) };
                account.is_changed |= corrected != *lost;
                *lost = corrected;
            }
            account.settled |= settles;
            account.is_changed |= settles;
        }
    }

    fn last_lost(&self) -> Vec<u64> {
        self.accounts
            .back()
            .map_or_else(|| self.lost_before.clone(), |last| last.lost.clone())
    }

    /// Number of the oldest account that can still change.
    pub(super) fn oldest(&self) -> u64 {
        self.accounts
            .front()
            .map_or(self.next_number, |oldest| oldest.number)
    }

    /// Returns the numbers of the accounts that have changed since the last call.
    pub(super) fn take_changed(&mut self) -> Vec<u64> {
        let accounts = self.accounts.iter_mut();
        accounts
            .filter_map(|account| std::mem::take(&mut account.is_changed).then_some(account.number))
            .collect()
    }

    /// Returns the account of a split, without the names of its files. Empty if it is too old.
    pub(super) fn account(&self, number: u64) -> SplitAccount {
        let mut account = SplitAccount::default();
        let mut before = &self.lost_before;
        for entry in &self.accounts {
            if entry.number == number {
                account = self.render(entry, before);
                break;
            }
            before = &entry.lost;
        }
        account
    }

    fn render(&self, entry: &Entry, before: &[u64]) -> SplitAccount {
        let mut topics = BTreeMap::new();
        for (topic, &recorded) in &entry.recorded {
            let number = self.numbers.get(topic);
            let missing =
                number.map(|number| at(&entry.lost, number).saturating_sub(at(before, number)));
            let account = TopicAccount {
                published: missing.map(|missing| recorded + missing),
                recorded,
                missing,
            };
            topics.insert(topic.clone(), account);
        }
        for (topic, number) in self.numbers.iter() {
            let missing = at(&entry.lost, number).saturating_sub(at(before, number));
            topics.entry(topic.to_owned()).or_insert(TopicAccount {
                published: Some(missing),
                recorded: 0,
                missing: Some(missing),
            });
        }
        let uncertain: Vec<&str> = entry.uncertain.iter().copied().collect();
        SplitAccount {
            version: 1,
            start_ns: entry.start_ns,
            end_ns: entry.end_ns,
            bytes: entry.bytes,
            recorded: topics.values().map(|topic| topic.recorded).sum(),
            missing: topics.values().filter_map(|topic| topic.missing).sum(),
            settled: entry.settled,
            uncertain: (!uncertain.is_empty()).then(|| uncertain.join("; ")),
            topics,
            ..SplitAccount::default()
        }
    }

    /// Returns the totals of the topics that the bridge counts, and of those that are recorded only.
    pub(super) fn totals(&self) -> BTreeMap<String, TopicTotals> {
        let mut totals = self.recorded_only.clone();
        let missing = self.last_lost();
        for (topic, number) in self.numbers.iter() {
            let of_topic = totals.entry(topic.to_owned()).or_default();
            of_topic.recorded = self.topics[number].received();
            of_topic.missing = at(&missing, number);
        }
        if let Some(entry) = self.accounts.back() {
            let latest = self.account(entry.number);
            for (topic, of_topic) in &mut totals {
                let account = latest.topics.get(topic);
                of_topic.last_split_recorded = account.map_or(0, |account| account.recorded);
                of_topic.last_split_missing =
                    account.and_then(|account| account.missing).unwrap_or(0);
            }
        }
        totals
    }
}

/// Returns whether a time is in a closed split, or before it.
fn is_closed(closed_until_ns: Option<u64>, time_ns: u64) -> bool {
    closed_until_ns.is_some_and(|end_ns| time_ns <= end_ns)
}

fn at(values: &[u64], number: usize) -> u64 {
    values.get(number).copied().unwrap_or(0)
}
