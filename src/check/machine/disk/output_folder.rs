//! Folder of recordings, and the kind of file system that holds it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::System;
use super::super::figures::quote;
use super::super::mounts::{Mount, Mounts};
use super::unnamed_file;
use crate::check::finding::Finding;

const SUBJECT: &str = "output folder";
/// Size that files on FAT cannot reach.
const FAT_LIMIT: u64 = 4 << 30;

/// Folder that files can be written to.
#[derive(Debug)]
pub(super) struct OutputFolder {
    /// Folder itself, or the nearest one above it that exists, without links. On the machine, not below its root.
    pub(super) existing: PathBuf,
    /// Number of its file system.
    pub(super) device: u64,
}

/// Reason why a folder cannot be used.
#[derive(Debug)]
pub(super) struct FolderError {
    /// Folder that exists.
    existing: PathBuf,
    error: io::Error,
}

impl OutputFolder {
    /// Looks for a folder, or for the nearest one above it, and opens a file in it. Creates nothing.
    pub(super) fn inspect(system: &System, folder: &Path) -> Result<Self, FolderError> {
        let mut ancestors = folder.ancestors();
        let existing = ancestors.find(|path| fs::symlink_metadata(system.path(path)).is_ok());
        let existing = existing.unwrap_or(folder);
        let fails = |error| FolderError {
            existing: existing.to_owned(),
            error,
        };
        let path = fs::canonicalize(system.path(existing)).map_err(fails)?;
        let metadata = fs::metadata(&path).map_err(fails)?;
        if !metadata.is_dir() {
            return Err(fails(ErrorKind::NotADirectory.into()));
        }
        match unnamed_file(&path) {
            Ok(_) => {}
            // The free space is another finding.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                ) => {}
            Err(error) => return Err(fails(error)),
        }
        Ok(Self {
            existing: system.without_root(&path),
            device: metadata.dev(),
        })
    }
}

/// Describes a file system that does not respond.
pub(super) fn no_answer(folder: &Path, limit: Duration) -> Finding {
    let seconds = limit.as_secs();
    let folder = folder.display();
    let message = format!("{folder}: the file system has not answered for {seconds} s");
    let cure =
        "check the disk or share (dmesg | tail), or set output_dir (bag_dir:=) to another folder";
    Finding::fail(SUBJECT, message, cure)
}

/// Assesses a folder. `largest_split` is the largest size of a split in bytes.
pub(super) fn assess(
    folder: &Path,
    found: Result<&OutputFolder, &FolderError>,
    mounts: &Mounts,
    largest_split: u64,
) -> Finding {
    match found {
        Err(problem) => describe_error(folder, problem, mounts),
        Ok(found) => {
            let mount = mounts.of(&found.existing);
            mount.map_or_else(
                || Finding::pass(SUBJECT, format!("{} is writable", folder.display())),
                |mount| assess_mount(folder, found, mount, largest_split),
            )
        }
    }
}

fn describe_error(folder: &Path, problem: &FolderError, mounts: &Mounts) -> Finding {
    let shown = folder.display();
    let existing = problem.existing.display();
    let error = &problem.error;
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => {
            let mount = mounts.of(&problem.existing);
            let mount_point = mount.map_or(&*problem.existing, |mount| &*mount.folder);
            Finding::fail(
                SUBJECT,
                format!("{shown}: the file system is read-only"),
                format!("sudo mount -o remount,rw {}", quote(mount_point)),
            )
        }
        ErrorKind::PermissionDenied => Finding::fail(
            SUBJECT,
            format!("{shown}: this user may not write to {existing}"),
            format!("sudo install -d -o \"$(id -un)\" {}", quote(folder)),
        ),
        ErrorKind::NotADirectory | ErrorKind::NotFound => Finding::fail(
            SUBJECT,
            format!("{shown}: {existing} is no folder"),
            "set output_dir (bag_dir:=) to a folder",
        ),
        _ => Finding::fail(
            SUBJECT,
            format!("{shown}: cannot write to {existing}: {error}"),
            "check the disk (dmesg | tail), or set output_dir (bag_dir:=) to another folder",
        ),
    }
}

fn assess_mount(folder: &Path, found: &OutputFolder, mount: &Mount, largest_split: u64) -> Finding {
    let below = if found.existing == folder {
        String::new()
    } else {
        format!(", in {}", found.existing.display())
    };
    let quoted = quote(folder);
    let (folder, kind, source) = (folder.display(), &mount.kind, &mount.source);
    if mount.is_windows_drive() {
        let message = format!(
            "{folder} is on a drive of Windows ({kind}, {source}), which WSL reaches slowly and with long pauses"
        );
        let cure = "record to the disk of Linux, such as bag_dir:=~/bags, and copy closed splits with cp afterwards";
        return Finding::warn(SUBJECT, message, cure);
    }
    if mount.is_remote() {
        let message = format!(
            "{folder} is on a network file system ({kind}, {source}): recordings stop while the network is down"
        );
        let cure =
            "record to a local disk (bag_dir:=), and copy closed splits with rsync afterwards";
        return Finding::warn(SUBJECT, message, cure);
    }
    if mount.is_in_memory() {
        let message = format!("{folder} is in memory ({kind}): recordings are lost at a restart");
        return Finding::warn(SUBJECT, message, "record to a disk (bag_dir:=)");
    }
    if mount.is_overlay() {
        let message = format!(
            "{folder} is in the layered file system of a container or live system ({kind}): recordings are lost with it"
        );
        let cure = format!("docker run -v /data/bags:{quoted} …, or another disk (bag_dir:=)");
        return Finding::warn(SUBJECT, message, cure);
    }
    if mount.is_fat() && largest_split >= FAT_LIMIT {
        let message = format!("{folder} is on FAT ({kind}), which has no files of 4 GiB and more");
        return Finding::warn(
            SUBJECT,
            message,
            "set split_size to 4000000000 (bag_size:=4GB)",
        );
    }
    Finding::pass(SUBJECT, format!("{folder} is writable ({kind}{below})"))
}
