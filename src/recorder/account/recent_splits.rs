//! Closed splits that may have to be read again.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use crate::recorder::split_summary::{self, SplitSummary};

/// Splits kept. The first statistics of a bridge come seconds after its start, so seldom more than one split later.
const KEPT: usize = 16;

/// Last closed splits that have messages.
#[derive(Debug, Default)]
pub(super) struct RecentSplits {
    splits: VecDeque<(PathBuf, SplitSummary)>,
    /// Latest `log_time` of the splits that are no longer kept.
    forgotten_until_ns: Option<u64>,
}

impl RecentSplits {
    pub(super) fn push(&mut self, path: &Path, summary: SplitSummary) {
        if summary.message_count == 0 {
            return;
        }
        self.splits.push_back((path.to_owned(), summary));
        if self.splits.len() > KEPT
            && let Some((_, oldest)) = self.splits.pop_front()
        {
            self.forgotten_until_ns = self.forgotten_until_ns.max(Some(oldest.end_ns));
        }
    }

    /// Returns, for each time, the messages by topic that were received then or later. Times for which that cannot be
    /// told are left out.
    pub(super) fn received_since(&self, times_ns: &[u64]) -> BTreeMap<u64, BTreeMap<String, u64>> {
        let known = times_ns
            .iter()
            .filter(|&&time| self.forgotten_until_ns.is_none_or(|until| time > until));
        known
            .filter_map(|&time| Some((time, self.since(time)?)))
            .collect()
    }

    fn since(&self, time_ns: u64) -> Option<BTreeMap<String, u64>> {
        let mut since = BTreeMap::new();
        for (path, summary) in &self.splits {
            if summary.end_ns < time_ns {
                continue;
            }
            let before = if summary.start_ns >= time_ns {
                BTreeMap::new()
            } else {
                counts_before(path, summary, time_ns)?
            };
            for (topic, of_split) in &summary.topics {
                let before = before.get(topic).copied().unwrap_or(0);
                *since.entry(topic.clone()).or_default() += of_split.count.saturating_sub(before);
            }
        }
        Some(since)
    }
}

fn counts_before(
    path: &Path,
    summary: &SplitSummary,
    time_ns: u64,
) -> Option<BTreeMap<String, u64>> {
    let counts = split_summary::counts_before(path, summary, &[time_ns]);
    let counts = counts.unwrap_or_else(|error| {
        log::warn!("{error}; messages of a bridge that died may be missing in the accounts");
        None
    });
    counts?.pop()
}
