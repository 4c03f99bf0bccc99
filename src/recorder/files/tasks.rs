//! Work on closed splits and bags: accounts, repair, metadata. In their order, one step at a time.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::cleanup;
use super::repairs::{Repaired, Repairs};
use crate::recorder::account::Accountant;
use crate::recorder::bags::{RecordingMark, has_metadata};
use crate::recorder::{metadata, repair};

/// Closed splits and bags of this run that are not complete yet.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    queue: VecDeque<Task>,
    /// Bags whose metadata does not match their splits.
    to_mend: HashSet<PathBuf>,
}

#[derive(Debug)]
enum Task {
    Split {
        path: PathBuf,
        /// Time at which it was closed.
        since: Instant,
        is_in_repair: bool,
    },
    Bag {
        folder: PathBuf,
        /// The recording is paused after it.
        is_paused: bool,
    },
    /// Other topics are recorded from now on.
    ChangeOfTopics,
}

/// Result of a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing to do.
    Idle,
    /// The next task has to wait.
    Waiting,
    /// A task is done.
    Done,
    /// The account of a split was taken.
    Accounted(PathBuf),
    /// Other topics are recorded from now on.
    TopicsChanged,
}

impl Tasks {
    /// Adds a split that has been closed.
    pub(super) fn add_split(&mut self, path: PathBuf, now: Instant) {
        self.queue.push_back(Task::Split {
            path,
            since: now,
            is_in_repair: false,
        });
    }

    /// Adds a bag that has ended, for a pause or not.
    pub(super) fn add_bag(&mut self, folder: PathBuf, is_paused: bool) {
        self.queue.push_back(Task::Bag { folder, is_paused });
    }

    /// Adds a change of the recorded topics.
    pub(super) fn add_change_of_topics(&mut self) {
        self.queue.push_back(Task::ChangeOfTopics);
    }

    /// Notes that the metadata of a bag does not match its splits.
    pub(super) fn mend_later(&mut self, folder: PathBuf) {
        self.to_mend.insert(folder);
    }

    /// True if a bag is still to be completed.
    pub(super) fn contains(&self, folder: &Path) -> bool {
        self.queue
            .iter()
            .any(|task| matches!(task, Task::Bag { folder: bag, .. } if bag == folder))
    }

    /// Takes the result of a repair.
    pub(super) fn on_repaired(&mut self, repaired: &Repaired) {
        let Some(Task::Split {
            path, is_in_repair, ..
        }) = self.queue.front_mut()
        else {
            return;
        };
        if *path == repaired.split {
            if let Some(bag) = path.parent() {
                self.to_mend.insert(bag.to_owned());
            }
            *is_in_repair = false;
            if !repaired.is_whole {
                self.queue.pop_front();
            }
        }
    }

    /// Works on the oldest task. `open` is the folder of the open bag, in which the stock recorder may take
    /// `completion` to complete a split after it has opened the next.
    pub(super) fn step(
        &mut self,
        accountant: &mut Accountant,
        repairs: &Repairs,
        (open, completion): (Option<&Path>, Duration),
        now: Instant,
    ) -> Step {
        match self.queue.front_mut() {
            None => Step::Idle,
            Some(Task::Split {
                is_in_repair: true, ..
            }) => Step::Waiting,
            Some(Task::Split {
                path,
                since,
                is_in_repair,
            }) => {
                let is_cut = match repair::is_cut(path) {
                    Ok(is_cut) => is_cut,
                    Err(error) => {
                        log::warn!(
                            "no account of the split {}: {error}; its messages count as missing",
                            path.display()
                        );
                        self.queue.pop_front();
                        return Step::Done;
                    }
                };
                if is_cut {
                    let age = now.saturating_duration_since(*since);
                    let is_being_written = path.parent() == open && age < completion;
                    if !is_being_written {
                        repairs.repair_split(path.clone());
                        *is_in_repair = true;
                    }
                    return Step::Waiting;
                }
                let path = path.clone();
                self.queue.pop_front();
                if account(accountant, &path) {
                    Step::Accounted(path)
                } else {
                    Step::Done
                }
            }
            Some(Task::Bag { folder, is_paused }) => {
                complete_bag(folder, self.to_mend.remove(folder));
                if *is_paused {
                    accountant.on_pause();
                }
                self.queue.pop_front();
                Step::Done
            }
            Some(Task::ChangeOfTopics) => {
                self.queue.pop_front();
                Step::TopicsChanged
            }
        }
    }
}

/// Takes the account of a split. Returns false, after a line in the log, if that fails.
fn account(accountant: &mut Accountant, split: &Path) -> bool {
    match accountant.close_split(split) {
        Ok(account) => {
            let uncertain = account.uncertain.as_ref();
            log::info!(
                "closed the split {}: {} messages recorded, {} missing{}",
                split.display(),
                account.recorded,
                account.missing,
                uncertain.map_or_else(String::new, |reason| format!(" (uncertain: {reason})"))
            );
            true
        }
        Err(error) => {
            log::error!(
                "no account of the split {}: {error}; its messages count as missing",
                split.display()
            );
            false
        }
    }
}

/// Completes a bag whose stock recorder has ended.
fn complete_bag(folder: &Path, needs_mending: bool) {
    // Its splits may have been deleted meanwhile, all of them too.
    if needs_mending || !has_metadata(folder) {
        tidy(folder);
    }
    close_mark(folder);
}

/// Removes a folder without splits, and makes the metadata of any other match its splits.
pub(super) fn tidy(folder: &Path) {
    match cleanup::remove_if_empty(folder) {
        Ok(true) => {}
        Ok(false) => mend(folder),
        Err(error) => log::error!(
            "cannot remove the empty folder {}: {error}; check the rights",
            folder.display()
        ),
    }
}

/// Makes the metadata of a bag match its splits.
pub(super) fn mend(folder: &Path) {
    match metadata::mend(folder) {
        Ok(mended) => {
            for error in mended.left_out {
                // The error names the split and the cure.
                log::error!(
                    "a split is left out of {}/metadata.yaml: {error}",
                    folder.display()
                );
            }
        }
        Err(error) => log::error!(
            "cannot mend {}/metadata.yaml: {error}; run `ros2 bag reindex -s mcap {}`",
            folder.display(),
            folder.display()
        ),
    }
}

/// Marks a bag as closed.
pub(super) fn close_mark(folder: &Path) {
    if let Err(error) = RecordingMark::close(folder) {
        log::error!(
            "cannot mark the bag {} as closed: {error}; it is checked again at the next start",
            folder.display()
        );
    }
}
