//! Accounts of splits: messages recorded, and messages published by the bridge that are in no split.
//!
//! The bridge counts a message as published before it hands it to DDS, and stamps its statistics before it reads the
//! counters. So whatever the recorder received before the stamp of a statistics message is in its counters, and the
//! difference of both is an upper bound of the loss up to that instant: the loss, and the messages on their way. The
//! least of all later differences is the loss itself as soon as nothing is on its way. [`ledger`] does this arithmetic;
//! this module reads the splits and writes the accounts.
//!
//! The account of `<split>.mcap` is `<split>.account.json`, see [`SplitAccount`]. It is written when the split closes,
//! and again when the next split, or the end, shows a loss at its end or a message that was only late.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::atomic_file;
use super::split_error::SplitError;
use super::split_summary;

mod history;
mod latched;
mod ledger;
mod recent_splits;
mod topic_ledger;

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use ledger::{ClosedSplit, Ledger};
use recent_splits::RecentSplits;

/// Messages that the bridge has published, from its `statistics` topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedCounts {
    /// Stamp of the statistics: nanoseconds since the Unix epoch.
    pub stamp_ns: u64,
    /// Start of the bridge: stamp minus uptime.
    pub run_start_ns: u64,
    /// The last report of this run: every link is in `STATE_STOPPED`.
    pub is_final: bool,
    /// Messages passed to the middleware since the start of the bridge, by absolute topic name.
    pub published: BTreeMap<String, u64>,
    /// Bytes of those of them that are recorded.
    pub published_bytes: u64,
}

/// Totals of one topic over the closed splits of this run of `sensr_recorder`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicTotals {
    /// Messages in the closed splits.
    pub recorded: u64,
    /// Messages that the bridge published and that are in none of them.
    pub missing: u64,
    /// Messages in the last closed split.
    pub last_split_recorded: u64,
    /// Messages missing in the last closed split.
    pub last_split_missing: u64,
}

/// Account of one topic in one split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicAccount {
    /// `recorded` plus `missing`. `None` for a topic of which the bridge keeps no count, because other nodes publish it
    /// too: `/diagnostics`, `/rosout`, `/tf_static`.
    pub published: Option<u64>,
    /// Messages in the split, as its summary says.
    pub recorded: u64,
    /// Messages that the bridge published up to the end of this split and that are neither in it nor missing in an
    /// earlier split. Includes the time before the split in which no split was open. `None` as for `published`.
    pub missing: Option<u64>,
}

/// Account of one split, the content of its `.account.json`. The order of the keys is that of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitAccount {
    /// Version of this format, 1.
    pub version: u32,
    /// Namespace of the bridge.
    pub namespace: String,
    /// Name of the folder of the bag.
    pub bag: String,
    /// Name of the file in it.
    pub split: String,
    /// Earliest and latest `log_time` in nanoseconds since the Unix epoch. 0 without messages.
    pub start_ns: u64,
    /// See `start_ns`.
    pub end_ns: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Sum of `recorded` of all topics.
    pub recorded: u64,
    /// Sum of `missing` of all topics.
    pub missing: u64,
    /// The next split, or the end of the recording, has confirmed the figures. Before that, losses in the last seconds
    /// of the split are not known yet.
    pub settled: bool,
    /// Reason why `missing` may be wrong. `None` if it is exact.
    pub uncertain: Option<String>,
    /// Topics by absolute name.
    pub topics: BTreeMap<String, TopicAccount>,
}

/// Compares closed splits with the statistics of the bridge.
pub struct Accountant {
    namespace: String,
    ledger: Ledger,
    files: BTreeMap<u64, PathBuf>,
    bag: Option<PathBuf>,
    recent: RecentSplits,
    clock: Instant,
    totals: BTreeMap<String, TopicTotals>,
}

impl std::fmt::Debug for Accountant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accountant")
            .field("namespace", &self.namespace)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

impl Accountant {
    /// Starts without any knowledge. `is_recorded` tells whether an absolute topic name is to be recorded.
    pub fn new(
        namespace: impl Into<String>,
        is_recorded: impl Fn(&str) -> bool + Send + 'static,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            ledger: Ledger::new(Box::new(is_recorded)),
            files: BTreeMap::new(),
            bag: None,
            recent: RecentSplits::default(),
            clock: Instant::now(),
            totals: BTreeMap::new(),
        }
    }

    /// Takes a statistics message of the bridge, soon after its arrival and in the order of arrival.
    pub fn on_statistics(&mut self, counts: &PublishedCounts) {
        let clock_offset_ns = clock_offset_ns(self.clock);
        self.ledger.on_statistics(counts, clock_offset_ns);
    }

    /// Changes the topics that are recorded, when the next bag begins.
    pub fn set_recorded(&mut self, is_recorded: impl Fn(&str) -> bool + Send + 'static) {
        self.ledger.set_recorded(Box::new(is_recorded));
    }

    /// Notes that recording is paused on purpose: messages that the bridge publishes between the last closed split and
    /// the next bag are not missing.
    pub fn on_pause(&mut self) {
        self.ledger.on_pause();
    }

    /// Takes a closed split into account and writes its `.account.json`, and those of earlier splits that it corrects.
    /// A cut split must be repaired first. Messages of a split that cannot be read count as missing.
    pub fn close_split(&mut self, split: &Path) -> Result<SplitAccount, SplitError> {
        let summary = split_summary::read(split)?;
        self.ledger.check_clock(clock_offset_ns(self.clock));
        let times = self.ledger.times_within(summary.start_ns, summary.end_ns);
        let counts =
            split_summary::counts_before(split, &summary, &times).unwrap_or_else(|error| {
                log::warn!("{error}; its account follows from its summary alone");
                None
            });
        let bag = split.parent().map(Path::to_owned);
        let begins_bag = self.bag != bag;
        self.bag = bag;
        let latched = latched::topics(&summary);
        let number = self.ledger.close_split(&ClosedSplit {
            summary: &summary,
            begins_bag,
            latched: &latched,
            counts: counts.map(|counts| times.into_iter().zip(counts).collect()),
            late: self.recent.received_since(&self.ledger.late_times()),
        });
        self.recent.push(split, summary);
        self.files.insert(number, split.to_owned());
        self.write_changed()?;
        Ok(self.account(number))
    }

    /// Settles all accounts after the last split has been closed, and returns and rewrites those that this changes.
    pub fn finish(&mut self) -> Vec<SplitAccount> {
        let changed = self.ledger.finish();
        if let Err(error) = self.write_changed() {
            log::error!("the account of a split is out of date: {error}");
        }
        changed
            .into_iter()
            .map(|number| self.account(number))
            .collect()
    }

    /// Totals by absolute topic name. Nothing is missing of topics that other nodes publish too.
    #[must_use]
    pub fn totals(&self) -> &BTreeMap<String, TopicTotals> {
        &self.totals
    }

    fn account(&self, number: u64) -> SplitAccount {
        let file = self.files.get(&number).map(PathBuf::as_path);
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name).unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let mut account = self.ledger.account(number);
        account.namespace.clone_from(&self.namespace);
        account.bag = name(file.and_then(Path::parent));
        account.split = name(file);
        account
    }

    /// Writes the accounts that have changed since the last call, but not of splits that have been deleted.
    fn write_changed(&mut self) -> Result<(), SplitError> {
        self.totals = self.ledger.totals();
        let mut result = Ok(());
        for number in self.ledger.take_changed() {
            let account = self.account(number);
            if let Some(split) = self.files.get(&number).filter(|split| split.exists()) {
                result = result.and(write_account(split, &account));
            }
        }
        let oldest = self.ledger.oldest();
        self.files.retain(|&number, _| number >= oldest);
        result
    }
}

/// Returns the path of the account of a split.
#[must_use]
pub fn account_path(split: &Path) -> PathBuf {
    split.with_extension("account.json")
}

fn write_account(split: &Path, account: &SplitAccount) -> Result<(), SplitError> {
    let path = account_path(split);
    let mut text = serde_json::to_vec_pretty(account)
        .map_err(|error| SplitError::io("write", &path)(io::Error::other(error)))?;
    text.push(b'\n');
    atomic_file::write(&path, &text).map_err(SplitError::io("write", &path))
}

/// Returns the difference between the system clock and the monotonic clock, which changes when the former is set.
fn clock_offset_ns(start: Instant) -> i128 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let elapsed = start.elapsed();
    to_i128(since_epoch.as_nanos()) - to_i128(elapsed.as_nanos())
}

fn to_i128(value: u128) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}
