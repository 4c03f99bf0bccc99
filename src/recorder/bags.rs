//! Recordings of one bridge on the disk: bags, splits, and the mark that tells them from other people's.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{atomic_file, metadata, split_name};
use crate::time::stamp::Stamp;

/// Name of the mark in the folder of a bag.
pub(super) const MARK_FILE: &str = "recording.json";

/// Extension of a split.
const SPLIT_EXTENSION: &str = "mcap";

/// End of the name of an account, instead of the extension of its split.
const ACCOUNT_SUFFIX: &str = ".account.json";

/// Mark in the folder of a bag, `recording.json`: names the bridge whose recording it is. Folders without the mark belong
/// to somebody else and are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingMark {
    /// Namespace of the bridge, absolute.
    pub namespace: String,
    /// Node that recorded it.
    pub node: String,
    /// Time at which the recording began, RFC 3339 in UTC.
    pub started: String,
    /// Version of this package.
    pub version: String,
    /// State of the bag.
    pub state: MarkState,
}

/// State of a bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkState {
    /// Being recorded, or cut by a power loss.
    Open,
    /// Complete.
    Closed,
}

impl RecordingMark {
    /// Returns the mark of a bag that begins now.
    #[must_use]
    pub fn open(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            node: format!("{}/sensr_recorder", namespace.trim_end_matches('/')),
            started: Stamp::now().utc(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: MarkState::Open,
        }
    }

    /// Returns whether the bag is not complete.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == MarkState::Open
    }

    /// Reads the mark of a folder. `None` if it has none, or one that was not written whole.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        match fs::read(folder.join(MARK_FILE)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the mark into a folder, whole or not at all.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        atomic_file::write(&folder.join(MARK_FILE), &text)
    }

    /// Marks a bag as complete. A folder without a mark stays as it is.
    pub fn close(folder: &Path) -> io::Result<()> {
        match Self::read(folder)? {
            Some(mark) if mark.is_open() => Self {
                state: MarkState::Closed,
                ..mark
            }
            .write(folder),
            _ => Ok(()),
        }
    }
}

/// Split: one file of a bag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Path of the file.
    pub path: PathBuf,
    /// Number in the bag, from 0.
    pub number: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Being written.
    pub is_open: bool,
}

/// Bag of one bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bag {
    /// Folder.
    pub folder: PathBuf,
    /// Mark.
    pub mark: RecordingMark,
    /// Splits, in the order of their numbers.
    pub splits: Vec<Split>,
    /// Accounts of splits that do not exist any more, such as those that the stock recorder has deleted itself.
    pub orphans: Vec<PathBuf>,
    /// The file `metadata.yaml` exists and is not empty.
    pub has_metadata: bool,
}

/// Finds the bags of a bridge in a folder, the oldest first. `open` is the bag that is being recorded: its last split is
/// open.
///
/// Entries that cannot be read, links, and folders without a mark of this namespace are left out.
pub fn scan(output_dir: &Path, namespace: &str, open: Option<&Path>) -> io::Result<Vec<Bag>> {
    let entries = match fs::read_dir(output_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bags = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let folder = entry.path();
        if let Ok(Some(mark)) = RecordingMark::read(&folder)
            && mark.namespace == namespace
            && let Ok(bag) = read_bag(folder, mark, open)
        {
            bags.push(bag);
        }
    }
    bags.sort_by(|one, other| key(one).cmp(&key(other)));
    Ok(bags)
}

/// Order of bags: by their start, which is known to the second, and then in the order of [`BagNames`], whose names do not
/// become shorter.
///
/// [`BagNames`]: super::naming::BagNames
fn key(bag: &Bag) -> (&str, usize, &Path) {
    (&bag.mark.started, bag.folder.as_os_str().len(), &bag.folder)
}

/// Returns whether a bag has metadata that are not empty, as they are after a full disk.
pub(super) fn has_metadata(folder: &Path) -> bool {
    let metadata = fs::metadata(folder.join(metadata::FILE_NAME));
    metadata.is_ok_and(|file| file.len() > 0)
}

fn read_bag(folder: PathBuf, mark: RecordingMark, open: Option<&Path>) -> io::Result<Bag> {
    let mut splits = Vec::new();
    let mut orphans = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let path = entry.path();
        if is_orphan(&path) {
            orphans.push(path);
            continue;
        }
        let Some(number) = split_name::number_of_path(&path) else {
            continue;
        };
        // A split may be deleted while the folder is read.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() {
            splits.push(Split {
                path,
                number,
                bytes: metadata.len(),
                is_open: false,
            });
        }
    }
    splits.sort_by_key(|split| split.number);
    if open == Some(&folder)
        && let Some(last) = splits.last_mut()
    {
        last.is_open = true;
    }
    Ok(Bag {
        has_metadata: has_metadata(&folder),
        folder,
        mark,
        splits,
        orphans,
    })
}

/// Returns whether a file is the account of a split that does not exist.
fn is_orphan(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    let Some(stem) = name.and_then(|name| name.strip_suffix(ACCOUNT_SUFFIX)) else {
        return false;
    };
    let split = path.with_file_name(format!("{stem}.{SPLIT_EXTENSION}"));
    // Asked for anew: a folder that is read while a split is being replaced may not show it.
    split_name::number_of_path(&split).is_some()
        && fs::symlink_metadata(&split).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
