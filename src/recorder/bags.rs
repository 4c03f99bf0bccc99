//! Recordings of one bridge on the disk: bags, splits, and the mark that tells them from other people's.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::time::stamp::Stamp;

/// Name of the mark in the folder of a bag.
const MARK_FILE: &str = "recording.json";

/// Extension of a split.
const SPLIT_EXTENSION: &str = "mcap";

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
        let new = folder.join(format!(".{MARK_FILE}.new"));
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut file = File::create(&new)?;
        let written = file
            .write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, folder.join(MARK_FILE)));
        if written.is_err() {
            // The first error says more.
            drop(fs::remove_file(&new));
        }
        written
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

fn read_bag(folder: PathBuf, mark: RecordingMark, open: Option<&Path>) -> io::Result<Bag> {
    let mut splits = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let path = entry.path();
        let Some(number) = split_number(&folder, &path) else {
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
    let metadata = fs::metadata(folder.join("metadata.yaml"));
    Ok(Bag {
        has_metadata: metadata.is_ok_and(|file| file.len() > 0),
        folder,
        mark,
        splits,
    })
}

/// Returns the number of a split. `None` if the file is not named `<bag>_<number>.mcap`.
fn split_number(folder: &Path, path: &Path) -> Option<u64> {
    if path.extension() != Some(OsStr::new(SPLIT_EXTENSION)) {
        return None;
    }
    let bag = folder.file_name()?.to_str()?;
    let number = path
        .file_stem()?
        .to_str()?
        .strip_prefix(bag)?
        .strip_prefix('_')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    struct Output(TempDir);

    impl Output {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn folder(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Creates a bag with splits of these numbers, each with as many bytes.
        fn add(&self, name: &str, mark: Option<&RecordingMark>, splits: &[u64]) -> PathBuf {
            let folder = self.folder(name);
            fs::create_dir(&folder).expect("created");
            for number in splits {
                let bytes = vec![0; usize::try_from(*number).expect("small")];
                fs::write(folder.join(format!("{name}_{number}.mcap")), bytes).expect("written");
            }
            if let Some(mark) = mark {
                mark.write(&folder).expect("written");
            }
            folder
        }

        fn scan(&self, open: Option<&Path>) -> Vec<Bag> {
            scan(self.0.path(), "/a", open).expect("readable")
        }
    }

    fn mark(namespace: &str, started: &str) -> RecordingMark {
        RecordingMark {
            started: started.to_owned(),
            ..RecordingMark::open(namespace)
        }
    }

    #[test]
    fn splits_are_in_the_order_of_their_numbers_and_the_last_of_the_open_bag_is_open() {
        let output = Output::new();
        let bag = output.add("a_1", Some(&RecordingMark::open("/a")), &[10, 9, 2, 100]);
        let bags = output.scan(Some(&bag));
        let numbers: Vec<u64> = bags[0].splits.iter().map(|split| split.number).collect();
        assert_eq!(numbers, [2, 9, 10, 100]);
        let open: Vec<bool> = bags[0].splits.iter().map(|split| split.is_open).collect();
        assert_eq!(open, [false, false, false, true]);
        assert_eq!(bags[0].splits[3].bytes, 100);
        assert!(!output.scan(None)[0].splits[3].is_open);
    }

    #[test]
    fn bags_are_in_the_order_of_their_start_and_number() {
        let output = Output::new();
        let first = mark("/a", "2026-01-01T00:00:00Z");
        for name in ["b_10", "b_2", "b"] {
            output.add(name, Some(&first), &[1]);
        }
        output.add("a", Some(&mark("/a", "2026-01-02T00:00:00Z")), &[1]);
        let bags = output.scan(None);
        let names: Vec<_> = bags
            .iter()
            .filter_map(|bag| bag.folder.file_name()?.to_str())
            .collect();
        assert_eq!(names, ["b", "b_2", "b_10", "a"]);
    }

    #[test]
    fn only_marked_folders_of_the_namespace_and_files_named_after_the_bag_count() {
        let output = Output::new();
        let ours = output.add("a_삼양_1", Some(&RecordingMark::open("/a")), &[0]);
        for name in [
            "notes.txt",
            "other_0.mcap",
            "a_삼양_1_x.mcap",
            "a_삼양_1_.mcap",
        ] {
            fs::write(ours.join(name), "x").expect("written");
        }
        fs::create_dir(ours.join("a_삼양_1_7.mcap")).expect("created");
        output.add("b_1", Some(&RecordingMark::open("/b")), &[0]);
        output.add("foreign", None, &[0]);
        let half = output.add("half", None, &[0]);
        fs::write(half.join(MARK_FILE), "{\"namespace\": \"/a\"").expect("written");
        fs::write(output.folder("file"), "x").expect("written");
        std::os::unix::fs::symlink(&ours, output.folder("link")).expect("linked");
        let bags = output.scan(None);
        assert_eq!(bags.len(), 1);
        assert_eq!(bags[0].folder, ours);
        assert_eq!(bags[0].splits.len(), 1);
    }

    #[test]
    fn a_missing_folder_has_no_bags_and_a_file_is_an_error() {
        let output = Output::new();
        let file = output.folder("file");
        fs::write(&file, "").expect("written");
        assert_eq!(scan(&output.folder("none"), "/a", None).expect("empty"), []);
        scan(&file, "/a", None).expect_err("no folder");
    }

    #[test]
    fn the_mark_reads_back_and_is_closed_once() {
        let output = Output::new();
        let folder = output.add("a_1", None, &[]);
        RecordingMark::close(&folder).expect("nothing to close");
        assert_eq!(RecordingMark::read(&folder).expect("readable"), None);
        let open = RecordingMark::open("/");
        assert_eq!(open.node, "/sensr_recorder");
        open.write(&folder).expect("written");
        RecordingMark::close(&folder).expect("closed");
        let closed = RecordingMark::read(&folder)
            .expect("readable")
            .expect("mark");
        assert_eq!(closed.state, MarkState::Closed);
        assert_eq!(closed.started, open.started);
        assert_eq!(fs::read_dir(&folder).expect("readable").count(), 1);
    }

    #[test]
    fn empty_metadata_count_as_none() {
        let output = Output::new();
        let folder = output.add("a_1", Some(&RecordingMark::open("/a")), &[0]);
        assert!(!output.scan(None)[0].has_metadata);
        fs::write(folder.join("metadata.yaml"), "").expect("written");
        assert!(!output.scan(None)[0].has_metadata);
        fs::write(folder.join("metadata.yaml"), "x").expect("written");
        assert!(output.scan(None)[0].has_metadata);
    }
}
