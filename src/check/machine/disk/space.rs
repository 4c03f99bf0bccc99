//! Free disk space, and the time that can be recorded.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::super::figures::{format_rate, format_size, quote};
use super::Rates;
use crate::check::finding::Finding;
use crate::diagnostics::format_duration;
use crate::recorder::disk::DiskSpace;

const SPACE: &str = "free disk space";
const TIME: &str = "recording time";
/// Time that should fit.
const ENOUGH_TIME: Duration = Duration::from_secs(24 * 3600);
/// Rates below which nothing is sent, bytes per second.
const NO_RATE: f64 = 1.0;

/// Space of a disk, and what recorders do with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct DiskUse {
    /// Size and free space.
    pub(super) space: DiskSpace,
    /// Floor of free space at which the oldest recordings are deleted.
    pub(super) floor_bytes: u64,
    /// Size of the recordings that may be deleted.
    pub(super) deletable_bytes: u64,
    /// Further files can be created.
    pub(super) has_inodes: bool,
    /// A recording has no limits of its own.
    pub(super) keeps_all: bool,
}

/// Returns whether further files can be created. File systems without a limit tell none.
pub(super) fn has_inodes(path: &Path) -> io::Result<bool> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_files == 0 || found.f_favail > 0)
}

/// Describes a disk whose free space cannot be read.
pub(super) fn unknown(folder: &Path, error: &io::Error) -> Finding {
    let message = format!("{}: cannot be read: {error}", folder.display());
    Finding::fail(SPACE, message, format!("df {}", quote(folder)))
}

impl DiskUse {
    /// Bytes that can be recorded before anything that is recorded now on is deleted.
    fn room(&self) -> u64 {
        let available = self.space.free_bytes.saturating_add(self.deletable_bytes);
        available.saturating_sub(self.floor_bytes)
    }

    pub(super) fn assess_space(&self, folder: &Path) -> Finding {
        let shown = folder.display();
        let free = format_size(self.space.free_bytes);
        let size = format_size(self.space.size_bytes);
        let floor = format_size(self.floor_bytes);
        let cure = format!(
            "sudo du -xh --max-depth=2 {} | sort -h | tail, and delete or move files",
            quote(folder)
        );
        if !self.has_inodes {
            let message = format!(
                "{shown}: {free} of {size} are free, but no further file can be created (inodes)"
            );
            return Finding::fail(
                SPACE,
                message,
                format!("df -i {}, and delete files", quote(folder)),
            );
        }
        if self.room() == 0 {
            let message = format!(
                "{shown}: {free} of {size} are free, not more than the floor of {floor}: the recording would pause"
            );
            let cure = format!(
                "{cure}; or set min_free_bytes (bag_min_free:=) and min_free_percent lower"
            );
            return Finding::fail(SPACE, message, cure);
        }
        if self.space.free_bytes < self.floor_bytes {
            let deletable = format_size(self.deletable_bytes);
            let message = format!(
                "{shown}: {free} of {size} are free, less than the floor of {floor}: the oldest recordings are deleted \
                 ({deletable} in all)"
            );
            return Finding::warn(SPACE, message, cure);
        }
        let message = format!("{shown}: {free} of {size} are free, the floor is {floor}");
        Finding::pass(SPACE, message)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate needs no exact bytes"
    )]
    pub(super) fn assess_time(&self, folder: &Path, rates: Rates) -> Finding {
        let shown = folder.display();
        if rates.known < NO_RATE {
            let message =
                format!("{shown}: cannot be computed, because no rate of a site is known");
            let cure = "run sensr_check again when the site is reachable";
            return Finding::warn(TIME, message, cure);
        }
        let rate = format_rate(rates.known) + &rates.remark();
        let seconds = self.room() as f64 / rates.known;
        let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let fits = format!("{shown}: {} fit at {rate}", format_duration(time));
        let then = if self.keeps_all {
            "then the oldest recordings are deleted"
        } else {
            "unless keep_splits or keep_bytes end it before"
        };
        if time < ENOUGH_TIME {
            let message = format!("{fits}, less than a day; {then}");
            let cure = "record to a larger disk (bag_dir:=), record less (exclude, pointcloud_interval), or compress \
                        (storage_preset:=zstd_fast)";
            return Finding::warn(TIME, message, cure);
        }
        Finding::pass(TIME, format!("{fits}; {then}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Verdict;

    const GB: u64 = 1_000_000_000;

    fn disk(free: u64, deletable: u64) -> DiskUse {
        DiskUse {
            space: DiskSpace {
                size_bytes: 100 * GB,
                free_bytes: free * GB,
            },
            floor_bytes: 5 * GB,
            deletable_bytes: deletable * GB,
            has_inodes: true,
            keeps_all: true,
        }
    }

    fn time(disk: DiskUse, known: f64) -> Finding {
        disk.assess_time(Path::new("/bags"), Rates { known, unknown: 0 })
    }

    #[test]
    fn a_full_disk_fails_unless_old_recordings_make_room() {
        let space = |free, deletable| disk(free, deletable).assess_space(Path::new("/bags"));
        assert_eq!(space(50, 0).verdict, Verdict::Pass);
        assert_eq!(space(4, 2).verdict, Verdict::Warn);
        assert_eq!(
            space(5, 2).verdict,
            Verdict::Pass,
            "as a ring buffer is left"
        );
        let full = space(4, 1);
        assert_eq!(full.verdict, Verdict::Fail);
        assert_eq!(
            full.message,
            "/bags: 4.00 GB of 100 GB are free, not more than the floor of 5.00 GB: the recording would pause"
        );
        assert!(full.cure.contains("min_free_bytes"), "{}", full.cure);
    }

    #[test]
    fn a_disk_without_inodes_fails() {
        let mut disk = disk(50, 0);
        disk.has_inodes = false;
        let finding = disk.assess_space(Path::new("/bags"));
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(
            finding.cure.starts_with("df -i '/bags'"),
            "{}",
            finding.cure
        );
        assert!(has_inodes(Path::new("/tmp")).expect("readable"));
    }

    #[test]
    fn the_time_that_fits_is_computed_from_the_rate() {
        let long = time(disk(90, 1), 500e3);
        assert_eq!(long.verdict, Verdict::Pass);
        assert_eq!(
            long.message,
            "/bags: 47 h 46 min fit at 500 kB/s; then the oldest recordings are deleted"
        );
        let short = time(disk(90, 1), 20e6);
        assert_eq!(short.verdict, Verdict::Warn);
        assert!(short.message.contains("71 min fit"), "{}", short.message);
    }

    #[test]
    fn limits_of_the_recording_are_mentioned_and_an_unknown_rate_is_told() {
        let mut disk = disk(90, 1);
        disk.keeps_all = false;
        assert!(
            time(disk, 1e3)
                .message
                .ends_with("unless keep_splits or keep_bytes end it before")
        );
        let unknown = time(disk, 0.0);
        assert_eq!(unknown.verdict, Verdict::Warn);
        assert!(unknown.message.contains("no rate of a site is known"));
    }
}
