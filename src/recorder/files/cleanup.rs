//! Deletion of old splits, and the room on the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::RecorderConfig;
use crate::recorder::bags::{Bag, MARK_FILE, Split};
use crate::recorder::disk::DiskSpace;
use crate::recorder::retention::{self, Deletion, Limits, Reason};
use crate::recorder::{metadata, split_summary};
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
            "no recording but the newest is left to delete: free space, or set split_duration, split_size, min_free_bytes \
             or min_free_percent lower; the recording then goes on by itself"
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
        let closed: Vec<&Split> = bags
            .iter()
            .flat_map(|bag| &bag.splits)
            .filter(|split| !split.is_open)
            .collect();
        let bytes = closed.iter().map(|split| split.bytes).sum();
        self.closed = (closed.len() as u64, bytes);
        let newest = closed.last().map(|split| &split.path);
        let free_bytes = self.disk.map_or(u64::MAX, |disk| disk.free_bytes);
        let mut changed = Vec::new();
        for deletion in retention::choose(bags, &limits, free_bytes, MAX_DELETIONS) {
            // A disk without room for two splits: the recording pauses, instead of deleting what it has just recorded
            // to record as much again.
            if deletion.reason == Reason::FreeSpace && Some(&deletion.path) == newest {
                continue;
            }
            match delete(&deletion) {
                Ok(()) => {
                    self.closed.0 -= 1;
                    self.closed.1 -= deletion.bytes;
                    self.deleted.0 += 1;
                    self.deleted.1 += deletion.bytes;
                    changed.extend(deletion.path.parent().map(Path::to_owned));
                }
                Err(error) => self.warn_throttled("split", &deletion.path, &error),
            }
        }
        changed.dedup();
        // Otherwise the next look shows what the deletions have brought.
        if changed.is_empty() {
            self.is_full = self.needs_room();
        }
        changed.extend(self.delete_orphans(bags));
        changed.dedup();
        changed
    }

    /// Deletes accounts whose splits the stock recorder has deleted by itself. Returns the folders of their bags.
    fn delete_orphans(&mut self, bags: &[Bag]) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for bag in bags {
            for account in &bag.orphans {
                match remove(account) {
                    Ok(()) => {
                        log::info!(
                            "deleted the account {}: its split was deleted, by the stock recorder to keep keep_splits or by \
                             hand",
                            account.display()
                        );
                        changed.push(bag.folder.clone());
                    }
                    Err(error) => self.warn_throttled("account", account, &error),
                }
            }
        }
        changed.dedup();
        changed
    }

    fn warn_throttled(&mut self, kind: &str, path: &Path, error: &io::Error) {
        let text = format!(
            "cannot delete the {kind} {}: {error}; check the rights and the disk",
            path.display()
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
    let ours = [metadata::FILE_NAME, MARK_FILE];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::bags::{self, RecordingMark};
    use crate::recorder::test_config;
    use tempfile::TempDir;

    const MIB: u64 = 1 << 20;

    /// A folder with a closed bag of four splits of 1 MiB each.
    fn folder_of_four() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let bag = folder.path().join("a_1");
        fs::create_dir(&bag).unwrap();
        RecordingMark::open("/a").write(&bag).unwrap();
        for number in 0..4 {
            fs::write(bag.join(format!("a_1_{number}.mcap")), vec![0; 1 << 20]).unwrap();
            fs::write(bag.join(format!("a_1_{number}.account.json")), "{}").unwrap();
        }
        folder
    }

    fn cleanup(free_bytes: u64) -> Cleanup {
        let mut cleanup = Cleanup::new();
        let disk = DiskSpace {
            size_bytes: 1000 * MIB,
            free_bytes,
        };
        cleanup.set_room(Some(disk), 100 * MIB);
        cleanup
    }

    fn keep_limits(cleanup: &mut Cleanup, folder: &TempDir, keep_splits: u64) -> Vec<PathBuf> {
        let config = RecorderConfig {
            keep_splits,
            ..test_config()
        };
        let bags = bags::scan(folder.path(), "/a", None).unwrap();
        cleanup.keep_limits(&bags, &config)
    }

    fn splits(folder: &TempDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder.path().join("a_1"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "recording.json")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn oldest_splits_are_deleted_with_their_accounts() {
        let folder = folder_of_four();
        let mut cleanup = cleanup(500 * MIB);
        assert_eq!(keep_limits(&mut cleanup, &folder, 0), [] as [PathBuf; 0]);
        assert_eq!(cleanup.closed(), (4, 4 * MIB));
        let changed = keep_limits(&mut cleanup, &folder, 1);
        assert_eq!(changed, [folder.path().join("a_1")]);
        assert_eq!(splits(&folder), ["a_1_3.account.json", "a_1_3.mcap"]);
        assert_eq!(cleanup.closed(), (1, MIB));
        assert_eq!(cleanup.deleted(), (3, 3 * MIB));
        assert_eq!(cleanup.full_reason(folder.path()), None);
    }

    #[test]
    fn accounts_of_splits_that_the_stock_recorder_deleted_are_deleted() {
        let folder = folder_of_four();
        let mut cleanup = cleanup(500 * MIB);
        let bag = folder.path().join("a_1");
        fs::remove_file(bag.join("a_1_0.mcap")).unwrap();
        assert_eq!(keep_limits(&mut cleanup, &folder, 2), [bag]);
        assert_eq!(
            splits(&folder),
            [
                "a_1_2.account.json",
                "a_1_2.mcap",
                "a_1_3.account.json",
                "a_1_3.mcap"
            ]
        );
        assert_eq!(cleanup.deleted(), (1, MIB));
        assert!(keep_limits(&mut cleanup, &folder, 2).is_empty());
    }

    #[test]
    fn full_disk_takes_all_but_the_newest_split_and_then_pauses() {
        let folder = folder_of_four();
        let mut cleanup = cleanup(10 * MIB);
        assert_eq!(keep_limits(&mut cleanup, &folder, 0).len(), 1);
        // The deletions may have made enough room.
        assert_eq!(cleanup.full_reason(folder.path()), None);
        assert_eq!(splits(&folder), ["a_1_3.account.json", "a_1_3.mcap"]);
        assert!(keep_limits(&mut cleanup, &folder, 0).is_empty());
        let reason = cleanup.full_reason(folder.path()).expect("full");
        assert!(reason.contains("10 of 1000 MiB are free"), "{reason}");
        assert_eq!(reason.lines().count(), 1);
    }

    #[test]
    fn paused_recording_goes_on_only_with_some_room_above_the_floor() {
        let folder = tempfile::tempdir().unwrap();
        let mut cleanup = cleanup(99 * MIB);
        keep_limits(&mut cleanup, &folder, 0);
        for (free_mib, is_full) in [
            (100, true),
            (109, true),
            (110, false),
            (100, false),
            (99, true),
        ] {
            let disk = DiskSpace {
                size_bytes: 1000 * MIB,
                free_bytes: free_mib * MIB,
            };
            cleanup.set_room(Some(disk), 100 * MIB);
            keep_limits(&mut cleanup, &folder, 0);
            let reason = cleanup.full_reason(folder.path());
            assert_eq!(reason.is_some(), is_full, "{free_mib} MiB");
        }
    }

    #[test]
    fn floor_above_the_size_of_the_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut cleanup = cleanup(999 * MIB);
        let disk = DiskSpace {
            size_bytes: 64 * MIB,
            free_bytes: 64 * MIB,
        };
        cleanup.set_room(Some(disk), 1024 * MIB);
        keep_limits(&mut cleanup, &folder, 0);
        let reason = cleanup.full_reason(folder.path()).expect("full");
        assert!(
            reason.contains("the floor is larger than the disk"),
            "{reason}"
        );
    }

    #[test]
    fn folder_is_removed_when_only_our_own_files_are_left() {
        let folder = folder_of_four();
        let bag = folder.path().join("a_1");
        fs::write(bag.join("metadata.yaml"), "x").unwrap();
        assert!(!remove_if_empty(&bag).unwrap());
        for name in splits(&folder) {
            if name != "metadata.yaml" {
                fs::remove_file(bag.join(name)).unwrap();
            }
        }
        fs::write(bag.join("notes.txt"), "x").unwrap();
        assert!(!remove_if_empty(&bag).unwrap(), "foreign file");
        fs::remove_file(bag.join("notes.txt")).unwrap();
        assert!(remove_if_empty(&bag).unwrap());
        assert!(!bag.exists());
    }
}
