//! Accounts of the closed splits.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Worker, accountant};
use crate::recorder::account::TopicTotals;
use crate::recorder::files::open_bag::OpenBag;
use crate::recorder::files::tasks::Step;
use crate::recorder::report::TopicReport;

impl Worker {
    pub(super) fn work_on_tasks(&mut self) -> Step {
        while let Some(repaired) = self.repairs.try_next() {
            self.tasks.on_repaired(&repaired);
        }
        let open = self.open.as_ref().map(OpenBag::folder);
        let completion = self.setup.times.completion;
        let step = self.tasks.step(
            &mut self.accountant,
            &self.repairs,
            (open, completion),
            Instant::now(),
        );
        match &step {
            Step::Accounted(split) => {
                let name = split.file_name().unwrap_or_default();
                self.look.last_split = name.to_string_lossy().into_owned();
                self.look_at_totals();
            }
            Step::TopicsChanged => {
                self.finish_accounts();
                self.earlier_totals = self.totals();
                self.accountant = accountant(&self.setup);
            }
            Step::Idle | Step::Waiting | Step::Done => {}
        }
        step
    }

    /// Settles the accounts of all splits.
    fn finish_accounts(&mut self) {
        for account in self.accountant.finish() {
            log::info!(
                "the account of the split {} is settled: {} messages recorded, {} missing",
                account.split,
                account.recorded,
                account.missing
            );
        }
        self.look_at_totals();
    }

    /// Totals of all accountants.
    fn totals(&self) -> BTreeMap<String, TopicTotals> {
        let mut totals = self.earlier_totals.clone();
        for (topic, latest) in self.accountant.totals() {
            let total = totals.entry(topic.clone()).or_default();
            *total = TopicTotals {
                recorded: total.recorded + latest.recorded,
                missing: total.missing + latest.missing,
                ..*latest
            };
        }
        totals
    }

    fn look_at_totals(&mut self) {
        let totals = self.totals();
        self.look.missing = totals.values().map(|topic| topic.missing).sum();
        self.look.topics = totals
            .iter()
            .map(|(topic, totals)| TopicReport {
                topic: relative(topic, &self.setup.namespace).to_owned(),
                recorded: totals.recorded,
                missing: totals.missing,
                last_split_recorded: totals.last_split_recorded,
                last_split_missing: totals.last_split_missing,
            })
            .collect();
    }

    /// True once everything is complete, or the time for it is over.
    pub(super) fn has_finished(&mut self, step: &Step) -> bool {
        let Some(deadline) = self.finish else {
            return false;
        };
        if *step != Step::Idle {
            if Instant::now() < deadline {
                return false;
            }
            log::error!(
                "the last splits are not complete yet; they are completed at the next start of sensr_recorder"
            );
        }
        self.finish_accounts();
        true
    }
}

/// Name of a topic relative to a namespace, if it is in that.
fn relative<'a>(topic: &'a str, namespace: &str) -> &'a str {
    topic
        .strip_prefix(namespace.trim_end_matches('/'))
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(topic)
}
