//! Repair of cut splits, on a thread of low priority: a large split takes minutes.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use rustix::process::setpriority_process;

use super::{live, tasks};
use crate::recorder::bags::Bag;
use crate::recorder::repair;

/// Time between two looks at bags that cannot be completed yet.
const RETRY_PERIOD: Duration = Duration::from_secs(5);
/// Lowest priority of a thread.
const LOWEST_PRIORITY: i32 = 19;

/// Thread that repairs.
#[derive(Debug)]
pub(super) struct Repairs {
    jobs: Sender<Job>,
    repaired: Receiver<Repaired>,
}

/// End of the repair of a split of this run.
#[derive(Debug)]
pub(super) struct Repaired {
    /// The split.
    pub(super) split: PathBuf,
    /// True if it can be read now.
    pub(super) is_whole: bool,
}

#[derive(Debug)]
enum Job {
    /// A split of this run.
    Split(PathBuf),
    /// A bag of an earlier run.
    Bag(Bag),
}

impl Repairs {
    /// Starts the thread.
    pub(super) fn spawn() -> io::Result<Self> {
        let (jobs, jobs_receiver) = mpsc::channel();
        let (repaired_sender, repaired) = mpsc::channel();
        std::thread::Builder::new()
            .name("sensr-repair".to_owned())
            .spawn(move || {
                // Linux gives each thread a priority of its own. Without it the repair is only less polite.
                if let Err(error) = setpriority_process(None, LOWEST_PRIORITY) {
                    log::debug!("repairs run at normal priority: {error}");
                }
                run(&jobs_receiver, &repaired_sender);
            })?;
        Ok(Self { jobs, repaired })
    }

    /// Asks for the repair of a split of this run.
    pub(super) fn repair_split(&self, split: PathBuf) {
        self.ask(Job::Split(split));
    }

    /// Asks for the completion of a bag of an earlier run.
    pub(super) fn complete_bag(&self, bag: Bag) {
        self.ask(Job::Bag(bag));
    }

    fn ask(&self, job: Job) {
        // The thread ends by a panic only, which `try_next` passes on.
        drop(self.jobs.send(job));
    }

    /// Returns the next split of this run whose repair has ended.
    pub(super) fn try_next(&self) -> Option<Repaired> {
        match self.repaired.try_recv() {
            Ok(repaired) => Some(repaired),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("the sensr-repair thread has ended"),
        }
    }
}

fn run(jobs: &Receiver<Job>, repaired: &Sender<Repaired>) {
    let mut bags = Vec::new();
    loop {
        let timeout = if bags.is_empty() {
            Duration::MAX
        } else {
            RETRY_PERIOD
        };
        match jobs.recv_timeout(timeout) {
            Ok(Job::Split(split)) => {
                let is_whole = survive(&split, || repair_split(&split)).unwrap_or(false);
                if repaired.send(Repaired { split, is_whole }).is_err() {
                    return;
                }
            }
            Ok(Job::Bag(bag)) => bags.push(bag),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // Splits of this run come first.
        bags.retain(|bag| !survive(&bag.folder, || complete_bag(bag)).unwrap_or(true));
    }
}

/// Works on a file or folder. A panic costs only that, not the recording. Returns `None` after one.
fn survive<T>(path: &Path, work: impl FnOnce() -> T) -> Option<T> {
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        log::error!(
            "cannot repair {}: internal error; move it out of the output folder, and report the error",
            path.display()
        );
    }
    result.ok()
}

/// Repairs a split. Returns false, after a line in the log, if it cannot be repaired.
fn repair_split(split: &Path) -> bool {
    log::warn!("the split {} was cut off; repairing it", split.display());
    match repair::repair(split) {
        Ok(repaired) => {
            log::info!(
                "repaired the split {}: {} messages are saved, the incomplete {} bytes at its end as far as possible",
                split.display(),
                repaired.summary.message_count,
                repaired.cut_bytes
            );
            true
        }
        Err(error) => {
            // The error names the split and the cure.
            log::error!("a cut split stays as it is: {error}");
            false
        }
    }
}

/// Completes a bag that an earlier run left open. Returns false if it is still in use.
fn complete_bag(bag: &Bag) -> bool {
    if live::is_in_use(&bag.folder) {
        return false;
    }
    log::info!(
        "completing the recording {}, which was not closed in order",
        bag.folder.display()
    );
    let mut is_whole = true;
    for split in &bag.splits {
        is_whole &= match repair::is_cut(&split.path) {
            Ok(is_cut) => !is_cut || repair_split(&split.path),
            Err(error) => {
                log::error!(
                    "cannot read the split {}: {error}; check the rights and the disk",
                    split.path.display()
                );
                false
            }
        };
    }
    tasks::mend(&bag.folder);
    if is_whole {
        tasks::close_mark(&bag.folder);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::child::test_support::wait_for;

    #[test]
    fn panic_in_a_repair_is_survived() {
        assert_eq!(survive(Path::new("x"), || 1), Some(1));
        assert_eq!(
            survive(Path::new("x"), || -> u32 { panic!("damaged") }),
            None
        );
    }

    #[test]
    fn split_that_cannot_be_repaired_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let split = folder.path().join("a_0.mcap");
        std::fs::write(&split, "no recording").unwrap();
        let repairs = Repairs::spawn().unwrap();
        repairs.repair_split(split.clone());
        let repaired = wait_for("answer", || repairs.try_next());
        assert_eq!((repaired.split, repaired.is_whole), (split.clone(), false));
        assert_eq!(std::fs::read(&split).unwrap(), b"no recording");
    }
}
