//! Speed at which a disk takes clouds, measured.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};
use rustix::fs::OFlags;

use super::super::figures::format_rate;
use super::Rates;
use crate::check::finding::Finding;

const SUBJECT: &str = "write speed";
/// Speed that should be left for the pauses of a disk, as a multiple of the rate.
const RESERVE: f64 = 2.0;
/// Rate in bytes per second of one site with raw clouds of 131,072 points at 10 Hz, and the ground and background of
/// them.
const TYPICAL_RATE: f64 = 42e6;

/// Size of a write in bytes: a cloud of 131,072 points.
const CLOUD_BYTES: usize = 2 << 20;
/// Largest number of clouds between two flushes to the disk. One flush each would measure the time of the flushes.
const MAX_CLOUDS_PER_FLUSH: u32 = 8;
/// Time of a flush below which more clouds are written before the next.
const SHORT_FLUSH: Duration = Duration::from_millis(100);

/// Limits of a measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Time after which no further cloud is written.
    pub(super) time: Duration,
    /// Largest size of the file in bytes.
    pub(super) bytes: u64,
}

/// Place that clouds are written to.
pub(super) trait Target {
    /// Writes all bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until everything written is on the disk, out of the page cache and of the cache of the device.
    fn flush_to_disk(&mut self) -> io::Result<()>;
}

impl Target for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn flush_to_disk(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Opens a file without a name in a folder. It is gone when it is closed, however the program ends.
pub(in crate::check::machine) fn unnamed_file(folder: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::TMPFILE.bits()).map_err(io::Error::other)?;
    let unnamed = OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(folder);
    match unnamed {
        // File systems without such files (FAT, NFS, drives of Windows) answer with different errors.
        Err(error) if !is_final(&error) => removed_file(folder),
        result => result,
    }
}

/// Opens a file in a folder and removes its name at once.
fn removed_file(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".sensr_check_{}", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Returns whether a named file would fail for the same reason.
fn is_final(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
    )
}

/// Measures the speed of writing clouds in bytes per second, as a recorder writes them in the long run: page cache and
/// compression by the file system do not count. At least one cloud is written.
pub(super) fn measure(target: &mut impl Target, limits: Limits) -> io::Result<f64> {
    let mut random = SmallRng::seed_from_u64(0);
    let mut cloud = vec![0; CLOUD_BYTES];
    let mut bytes = 0;
    let mut clouds_per_flush = 1;
    // Time spent on the disk, without that for random bytes.
    let mut elapsed = Duration::ZERO;
    while bytes == 0 || (elapsed < limits.time && bytes < limits.bytes) {
        let mut group = Duration::ZERO;
        for _ in 0..clouds_per_flush {
            random.fill_bytes(&mut cloud);
            let start = Instant::now();
            target.write(&cloud)?;
            group += start.elapsed();
            bytes += cloud.len() as u64;
            if elapsed + group >= limits.time || bytes >= limits.bytes {
                break;
            }
        }
        let start = Instant::now();
        target.flush_to_disk()?;
        group += start.elapsed();
        if group < SHORT_FLUSH {
            clouds_per_flush = (clouds_per_flush * 2).min(MAX_CLOUDS_PER_FLUSH);
        }
        elapsed += group;
    }
    Ok(per_second(bytes, elapsed))
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no exact bytes")]
fn per_second(bytes: u64, elapsed: Duration) -> f64 {
    bytes as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// Describes a disk that has not taken the data of the measurement.
pub(super) fn no_answer(folder: &Path, limit: Duration) -> Finding {
    let seconds = limit.as_secs();
    let message = format!(
        "{}: the disk has not taken a few clouds within {seconds} s",
        folder.display()
    );
    let cure = "check the disk or share (dmesg | tail), or record to another disk (bag_dir:=)";
    Finding::fail(SUBJECT, message, cure)
}

/// Assesses a speed in bytes per second against the rates of the sites. `None` if there was too little room to measure.
pub(super) fn assess(folder: &Path, speed: Option<&io::Result<f64>>, rates: Rates) -> Finding {
    let shown = folder.display();
    let speed = match speed {
        None => {
            let message = format!("{shown}: not measured, because too little space is free");
            return Finding::warn(SUBJECT, message, "free space, and run sensr_check again");
        }
        Some(Err(error)) => {
            let message = format!("{shown}: writing clouds failed: {error}");
            let cure = "check the disk (dmesg | tail) and the quota (quota -s)";
            return Finding::fail(SUBJECT, message, cure);
        }
        Some(Ok(speed)) => *speed,
    };
    let is_known = rates.known > 0.0;
    let needed = if is_known { rates.known } else { TYPICAL_RATE };
    let rate = if is_known {
        format!("the sites send {}{}", format_rate(needed), rates.remark())
    } else {
        format!(
            "a site with raw clouds of 131,072 points at 10 Hz sends up to {}",
            format_rate(needed)
        )
    };
    let message = format!("{shown}: {}; {rate}", format_rate(speed));
    let cure = "record to a faster disk (bag_dir:=), record less (exclude, pointcloud_interval), or compress \
                (storage_preset:=zstd_fast)";
    if is_known && speed < needed {
        Finding::fail(SUBJECT, message, cure)
    } else if speed < needed * RESERVE {
        let message = format!("{message}, which leaves little for pauses of the disk");
        Finding::warn(SUBJECT, message, cure)
    } else {
        Finding::pass(SUBJECT, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    use crate::check::finding::Verdict;

    /// Disk that takes some time per write and per flush.
    #[derive(Default)]
    struct SlowDisk {
        write_time: Duration,
        flush_time: Duration,
        cached: u64,
        on_disk: u64,
        flushes: u64,
        fails_after: Option<u64>,
    }

    impl Target for SlowDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            if self.fails_after.is_some_and(|limit| self.cached >= limit) {
                return Err(ErrorKind::StorageFull.into());
            }
            thread::sleep(self.write_time);
            self.cached += bytes.len() as u64;
            Ok(())
        }

        fn flush_to_disk(&mut self) -> io::Result<()> {
            thread::sleep(self.flush_time);
            self.on_disk = self.cached;
            self.flushes += 1;
            Ok(())
        }
    }

    const LIMITS: Limits = Limits {
        time: Duration::from_millis(300),
        bytes: 64 << 20,
    };

    #[test]
    fn a_slow_disk_is_not_hidden_by_a_cache() {
        let mut disk = SlowDisk {
            flush_time: Duration::from_millis(150),
            ..SlowDisk::default()
        };
        let speed = measure(&mut disk, LIMITS).expect("measured");
        // One cloud per flush, which takes 150 ms or, on a busy machine, longer.
        assert!(speed > 0.0 && speed <= 2_097_152.0 / 0.15, "{speed}");
        assert_eq!(disk.on_disk, disk.cached);
        assert!(disk.flushes <= 2);
    }

    #[test]
    fn slow_writes_count_too() {
        let mut disk = SlowDisk {
            write_time: Duration::from_millis(40),
            ..SlowDisk::default()
        };
        let speed = measure(&mut disk, LIMITS).expect("measured");
        assert!(speed <= 2_097_152.0 / 0.04, "{speed}");
    }

    #[test]
    fn a_fast_disk_is_flushed_after_several_clouds_and_not_filled() {
        let mut disk = SlowDisk::default();
        let limits = Limits {
            time: Duration::from_secs(600),
            ..LIMITS
        };
        measure(&mut disk, limits).expect("measured");
        assert_eq!(disk.on_disk, limits.bytes);
        // 1 + 2 + 4 + 8 + 8 + 8 + 1 clouds, or more flushes if the machine was busy.
        assert!((7..=32).contains(&disk.flushes), "{}", disk.flushes);
    }

    #[test]
    fn a_write_that_fails_is_an_error() {
        let mut disk = SlowDisk {
            fails_after: Some(4 << 20),
            ..SlowDisk::default()
        };
        let error = measure(&mut disk, LIMITS).expect_err("full");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn the_speed_is_held_against_the_rate() {
        let verdict = |speed: f64, known: f64| {
            let rates = Rates { known, unknown: 0 };
            let finding = assess(Path::new("/bags"), Some(&Ok(speed)), rates);
            assert_eq!(finding.cure.is_empty(), finding.verdict == Verdict::Pass);
            finding.verdict
        };
        assert_eq!(verdict(4e6, 20e6), Verdict::Fail);
        assert_eq!(verdict(30e6, 20e6), Verdict::Warn);
        assert_eq!(verdict(40e6, 20e6), Verdict::Pass);
        // An unknown rate never refuses.
        assert_eq!(verdict(4e6, 0.0), Verdict::Warn);
        assert_eq!(verdict(400e6, 0.0), Verdict::Pass);
    }

    #[test]
    fn sites_without_a_rate_are_told() {
        let rates = Rates {
            known: 20e6,
            unknown: 2,
        };
        let finding = assess(Path::new("/bags"), Some(&Ok(400e6)), rates);
        assert_eq!(
            finding.message,
            "/bags: 400 MB/s; the sites send 20.0 MB/s, without 2 sites whose rates are not known"
        );
    }

    #[test]
    fn failed_and_missing_measurements_have_a_cure() {
        let rates = Rates::default();
        let failed = Err(ErrorKind::QuotaExceeded.into());
        let finding = assess(Path::new("/bags"), Some(&failed), rates);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.message.contains("quota"), "{}", finding.message);
        assert_eq!(
            assess(Path::new("/bags"), None, rates).verdict,
            Verdict::Warn
        );
    }

    #[test]
    fn the_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            time: Duration::ZERO,
            ..LIMITS
        };
        for open in [unnamed_file, removed_file] {
            let mut file = open(folder.path()).expect("opened");
            let speed = measure(&mut file, limits).expect("measured");
            assert!(speed > 0.0);
            assert_eq!(file.metadata().unwrap().len(), CLOUD_BYTES as u64);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_folder_that_takes_no_file_is_an_error() {
        let error = unnamed_file(Path::new("/proc")).expect_err("not writable");
        assert!(!error.to_string().is_empty());
        unnamed_file(Path::new("/nonexistent/folder")).expect_err("not there");
    }
}
