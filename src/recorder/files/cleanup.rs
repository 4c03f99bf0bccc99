//! Deletion of old splits, and the room on the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::RecorderConfig;
use crate::recorder::bags::Bag;
use crate::recorder::disk::DiskSpace;
use crate::recorder::retention::{self, Deletion, Limits};
use crate::recorder::split_summary;
use crate::time::log_throttle::RepeatThrottle;
use crate::time::stamp::Stamp;

/// Largest number of splits deleted at once. The next look goes on.
const MAX_DELETIONS: usize = 16;
/// Time in which the same failure is logged once.
const REPEAT_PERIOD: Duration = Duration::from_secs(300);

/// Room above the floor from which a paused recording goes on, so that it does not flap.
fn margin(floor_bytes: u64) -> u64 {
    (floor_bytes / 10).clamp(4 << 20, 1 << 30)
}

/// Keeper of the limits.
#[derive(Debug)]
pub(super) struct Cleanup {
    disk: Option<DiskSpace>,
    floor_bytes: u64,
    is_full: bool,
    closed: (u64, u64),
    deleted: (u64, u64),
    throttle: RepeatThrottle,
}

impl Cleanup {
    pub(super) fn new() -> Self {
        Self {
            disk: None,
            floor_bytes: 0,
            is_full: false,
            closed: (0, 0),
            deleted: (0, 0),
            throttle: RepeatThrottle::new(REPEAT_PERIOD),
        }
    }

    /// Takes the space of the disk, if it is known, and its floor.
    pub(super) fn set_room(&mut self, disk: Option<DiskSpace>, floor_bytes: u64) {
        self.disk = disk;
        self.floor_bytes = floor_bytes;
        self.is_full &= self.needs_room();
    }

    /// Free space to be had before the recording may go on.
    fn wanted_bytes(&self) -> u64 {
        let margin = if self.is_full {
            margin(self.floor_bytes)
        } else {
            0
        };
        self.floor_bytes.saturating_add(margin)
    }

    /// True if there is less free space than there should be.
    pub(super) fn needs_room(&self) -> bool {
        self.disk
            .is_some_and(|disk| disk.free_bytes < self.wanted_bytes())
    }

    /// Number and size of the closed splits.
    pub(super) fn closed(&self) -> (u64, u64) {
        self.closed
    }

    /// Number and size of the splits deleted so far.
    pub(super) fn deleted(&self) -> (u64, u64) {
        self.deleted
    }

    /// Reason, with the cure, why there is no room to record.
    pub(super) fn full_reason(&self, output_dir: &Path) -> Option<String> {
        let disk = self.disk.filter(|_| self.is_full)?;
        let wanted = self.wanted_bytes();
        let cure = if wanted > disk.size_bytes {
            "the floor is larger than the disk: set min_free_bytes and min_free_percent lower"
        } else {
            "no closed recording is left to delete: free space, or set min_free_bytes and min_free_percent lower; the \
             recording then goes on by itself"
        };
        Some(format!(
            "the disk of {} is full: {} of {} MiB are free, {} MiB are to stay free; {cure}",
            output_dir.display(),
            disk.free_bytes >> 20,
            disk.size_bytes >> 20,
            wanted.div_ceil(1 << 20),
        ))
    }

    /// Deletes what is beyond the limits. Returns the folders whose files have changed.
    pub(super) fn keep_limits(&mut self, bags: &[Bag], config: &RecorderConfig) -> Vec<PathBuf> {
        let limits = Limits {
            keep_splits: config.keep_splits,
            keep_bytes: config.keep_bytes,
            free_floor_bytes: self.wanted_bytes(),
        };
        let closed = || {
            bags.iter()
                .flat_map(|bag| &bag.splits)
                .filter(|split| !split.is_open)
        };
        self.closed = closed().fold((0, 0), |(count, bytes), split| {
            (count + 1, bytes + split.bytes)
        });
        let free_bytes = self.disk.map_or(u64::MAX, |disk| disk.free_bytes);
        let mut changed = Vec::new();
        for deletion in retention::choose(bags, &limits, free_bytes, MAX_DELETIONS) {
            match delete(&deletion) {
                Ok(()) => {
                    self.closed.0 -= 1;
                    self.closed.1 -= deletion.bytes;
                    self.deleted.0 += 1;
                    self.deleted.1 += deletion.bytes;
                    changed.extend(deletion.path.parent().map(Path::to_owned));
                }
                Err(error) => self.complain(&deletion, &error),
            }
        }
        changed.dedup();
        // Otherwise the next look shows what the deletions have brought.
        if changed.is_empty() {
            self.is_full = self.needs_room();
        }
        changed
    }

    fn complain(&mut self, deletion: &Deletion, error: &io::Error) {
        let text = format!(
            "cannot delete the split {}: {error}; check the rights and the disk",
            deletion.path.display()
        );
        if let Some(suppressed) = self.throttle.try_acquire(&text, Instant::now()) {
            log::error!("{text}{suppressed}");
        }
    }
}

/// Deletes a split and its account.
fn delete(deletion: &Deletion) -> io::Result<()> {
    let split = &deletion.path;
    // A damaged split does not tell its time, and goes all the same.
    let span = split_summary::read(split).ok().map_or_else(
        || "of unknown time".to_owned(),
        |summary| format!("{} to {}", utc(summary.start_ns), utc(summary.end_ns)),
    );
    remove(split)?;
    remove(&split.with_extension("account.json"))?;
    log::info!(
        "deleted the split {} ({span}, {} MiB) to keep {}",
        split.display(),
        deletion.bytes >> 20,
        deletion.reason
    );
    Ok(())
}

fn utc(ns: u64) -> String {
    Stamp::from_ns(i64::try_from(ns).unwrap_or(i64::MAX)).utc()
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes the folder of a bag that holds no recording any more. Returns false if it holds one, or anything foreign.
pub(super) fn remove_if_empty(folder: &Path) -> io::Result<bool> {
    let ours = ["metadata.yaml", "recording.json"];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !ours.iter().any(|own| name == *own) {
            return Ok(false);
        }
    }
    for name in ours {
        remove(&folder.join(name))?;
    }
    fs::remove_dir(folder)?;
    log::info!(
        "removed the folder {}: all of its splits are deleted",
        folder.display()
    );
    Ok(true)
}
