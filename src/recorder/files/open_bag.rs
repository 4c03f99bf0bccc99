//! Watch over the folder of the open bag.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{SeekFrom, seek};

use crate::recorder::split_name;

/// Distance from the end of a file in which a hole is looked for: more than the page that the end is in.
const HOLE_DISTANCE: u64 = 8192;

/// Split that the stock recorder is writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::recorder) struct OpenSplit {
    /// File name.
    pub(in crate::recorder) name: String,
    /// Size of the file.
    pub(in crate::recorder) bytes: u64,
    /// Time at which the split was seen first.
    pub(in crate::recorder) since: SystemTime,
}

/// Watch over one bag, from its first file to the end of its stock recorder.
#[derive(Debug)]
pub(super) struct OpenBag {
    folder: PathBuf,
    name: String,
    /// Identity of the folder, once it has been seen.
    folder_id: Option<FileId>,
    split: Option<WatchedSplit>,
    problem: Option<String>,
}

#[derive(Debug)]
struct WatchedSplit {
    number: u64,
    id: FileId,
    shown: OpenSplit,
}

/// Identity of a file: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

impl OpenBag {
    /// Watches a folder that the stock recorder is about to create.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            name: file_name(&folder),
            folder,
            folder_id: None,
            split: None,
            problem: None,
        }
    }

    /// Folder of the bag.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// True once the folder has been seen.
    pub(super) fn is_created(&self) -> bool {
        self.folder_id.is_some()
    }

    /// Open split.
    pub(super) fn split(&self) -> Option<&OpenSplit> {
        self.split.as_ref().map(|split| &split.shown)
    }

    /// Path of the open split.
    pub(super) fn split_path(&self) -> Option<PathBuf> {
        Some(self.folder.join(&self.split()?.name))
    }

    /// Splits that the stock recorder opened after the open one, before it ended because of the problem.
    pub(super) fn later_splits(&self) -> Vec<PathBuf> {
        let first = self.split.as_ref().map_or(0, |split| split.number + 1);
        (first..)
            .map_while(|number| self.find_name(number).ok().flatten())
            .map(|name| self.folder.join(name))
            .take_while(|path| path.exists())
            .collect()
    }

    /// Reason, with the cure, why the bag cannot be continued. It stays.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Looks at the folder. Returns the splits that have been closed since the last look, and the number of opened ones.
    pub(super) fn look(&mut self) -> (Vec<PathBuf>, u64) {
        let mut closed = Vec::new();
        let mut opened = 0;
        if self.problem.is_none()
            && let Err(problem) = self.look_at_files(&mut closed, &mut opened)
        {
            self.problem = Some(problem);
        }
        (closed, opened)
    }

    fn look_at_files(&mut self, closed: &mut Vec<PathBuf>, opened: &mut u64) -> Result<(), String> {
        let found = metadata(&self.folder).map_err(|error| unreadable(&self.folder, &error))?;
        let found = found.as_ref().map(FileId::of);
        if self.folder_id.is_some() && found != self.folder_id {
            return Err(format!(
                "the folder of the open bag, {}, was removed while it was being recorded; leave it alone until \
                 recording.json says closed",
                self.folder.display()
            ));
        }
        self.folder_id = found;
        if found.is_none() {
            return Ok(());
        }
        while let Some(next) = self.find_next()? {
            self.look_at_split()?;
            closed.extend(self.split_path());
            *opened += 1;
            self.split = Some(next);
        }
        self.look_at_split()
    }

    fn look_at_split(&mut self) -> Result<(), String> {
        match &mut self.split {
            Some(split) => split.look(&self.folder),
            None => Ok(()),
        }
    }

    /// Finds the split after the open one.
    fn find_next(&self) -> Result<Option<WatchedSplit>, String> {
        let number = self.split.as_ref().map_or(0, |split| split.number + 1);
        let Some(name) = self.find_name(number)? else {
            return Ok(None);
        };
        let path = self.folder.join(&name);
        let found = metadata(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(found.map(|found| WatchedSplit {
            number,
            id: FileId::of(&found),
            shown: OpenSplit {
                name,
                bytes: found.len(),
                since: SystemTime::now(),
            },
        }))
    }

    /// Finds the name of the split with a number, if it exists.
    fn find_name(&self, number: u64) -> Result<Option<String>, String> {
        let without_time = |number| split_name::without_time(&self.name, number);
        if let Some(open) = &self.split
            && open.shown.name == without_time(open.number)
        {
            // The folder may hold thousands of files, and is looked at twice a second.
            return Ok(Some(without_time(number)));
        }
        match split_name::find(&self.folder, number) {
            // The next look tells that the folder was removed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map_err(|error| unreadable(&self.folder, &error)),
        }
    }
}

impl WatchedSplit {
    fn look(&mut self, folder: &Path) -> Result<(), String> {
        let path = folder.join(&self.shown.name);
        let damaged = |how: &str| {
            format!(
                "the open split {} was {how} while it was being recorded; leave the newest file of an open bag alone",
                path.display()
            )
        };
        let found = metadata(&path).map_err(|error| unreadable(&path, &error))?;
        let found = found.ok_or_else(|| damaged("deleted"))?;
        if FileId::of(&found) != self.id {
            return Err(damaged("replaced"));
        }
        if found.len() < self.shown.bytes {
            return Err(damaged("truncated"));
        }
        // A recorder that goes on writing after a truncation leaves a hole, in which the former end is.
        let written = self.shown.bytes.saturating_sub(HOLE_DISTANCE);
        if has_hole_from(&path, written).map_err(|error| unreadable(&path, &error))? {
            return Err(damaged("truncated"));
        }
        self.shown.bytes = found.len();
        Ok(())
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Reads metadata. `None` if there is no such file.
fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot look at {}: {error}; check the disk and the rights",
        path.display()
    )
}

/// True if a part of the file after `offset` has never been written.
fn has_hole_from(path: &Path, offset: u64) -> io::Result<bool> {
    let file = File::open(path)?;
    // There is no place after the end, and some file systems know no holes.
    let hole = seek(&file, SeekFrom::Hole(offset));
    Ok(hole.is_ok_and(|hole| file.metadata().is_ok_and(|found| hole < found.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};
    use tempfile::TempDir;

    struct Bench {
        parent: TempDir,
        bag: OpenBag,
    }

    impl Bench {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            let bag = OpenBag::new(parent.path().join("a_1"));
            Self { parent, bag }
        }

        /// A bag with an open split of 100 bytes, seen once.
        fn recording() -> Self {
            let mut bench = Self::new();
            fs::create_dir(bench.bag.folder()).unwrap();
            bench.write("a_1_0.mcap", 100);
            assert_eq!(bench.look(), (vec![], 1));
            bench
        }

        fn path(&self, name: &str) -> PathBuf {
            self.bag.folder().join(name)
        }

        fn write(&self, name: &str, bytes: usize) {
            fs::write(self.path(name), vec![1; bytes]).unwrap();
        }

        fn look(&mut self) -> (Vec<PathBuf>, u64) {
            self.bag.look()
        }

        fn problem(&mut self) -> &str {
            assert_eq!(self.bag.look(), (vec![], 0));
            self.bag.problem().expect("problem")
        }
    }

    #[test]
    fn splits_with_a_time_in_their_names_are_followed_by_their_numbers() {
        let mut bench = Bench::new();
        fs::create_dir(bench.bag.folder()).unwrap();
        assert_eq!(bench.look(), (vec![], 0));
        let names = [
            "0_a_1_2026_11_08-09_59_50.mcap",
            "1_a_1_2026_11_08-10_00_00.mcap",
            "2_a_1_2026_11_08-09_00_10.mcap",
        ];
        bench.write(names[0], 100);
        assert_eq!(bench.look(), (vec![], 1));
        // The second of these is opened after the clock was set back.
        bench.write(names[1], 100);
        bench.write(names[2], 100);
        let closed = vec![bench.path(names[0]), bench.path(names[1])];
        assert_eq!(bench.look(), (closed, 2));
        assert_eq!(bench.look(), (vec![], 0));
        assert_eq!(bench.bag.split_path(), Some(bench.path(names[2])));
    }

    #[test]
    fn bag_is_seen_from_its_creation_on() {
        let mut bench = Bench::new();
        assert_eq!(bench.look(), (vec![], 0));
        assert!(!bench.bag.is_created() && bench.bag.problem().is_none());
        fs::create_dir(bench.bag.folder()).unwrap();
        assert_eq!(bench.look(), (vec![], 0));
        assert!(bench.bag.is_created() && bench.bag.split().is_none());
        bench.write("a_1_0.mcap", 7);
        assert_eq!(bench.look(), (vec![], 1));
        let split = bench.bag.split().unwrap();
        assert_eq!((split.name.as_str(), split.bytes), ("a_1_0.mcap", 7));
    }

    #[test]
    fn every_split_is_closed_once_even_if_several_passed_between_two_looks() {
        let mut bench = Bench::recording();
        for name in ["a_1_1.mcap", "a_1_2.mcap", "a_1_3.mcap"] {
            bench.write(name, 10);
        }
        let closed = ["a_1_0.mcap", "a_1_1.mcap", "a_1_2.mcap"].map(|name| bench.path(name));
        assert_eq!(bench.look(), (closed.to_vec(), 3));
        assert_eq!(bench.look(), (vec![], 0));
        assert_eq!(bench.bag.split_path(), Some(bench.path("a_1_3.mcap")));
        // A closed split may be deleted.
        fs::remove_file(bench.path("a_1_0.mcap")).unwrap();
        assert_eq!(bench.look(), (vec![], 0));
        assert_eq!(bench.bag.problem(), None);
    }

    #[test]
    fn removed_folder_is_a_problem_that_stays() {
        let mut bench = Bench::recording();
        fs::remove_dir_all(bench.bag.folder()).unwrap();
        assert!(bench.problem().contains("was removed"));
        fs::create_dir(bench.bag.folder()).unwrap();
        assert!(bench.problem().contains("was removed"));
    }

    #[test]
    fn renamed_folder_with_another_in_its_place_is_a_problem() {
        let mut bench = Bench::recording();
        fs::rename(bench.bag.folder(), bench.parent.path().join("other")).unwrap();
        fs::create_dir(bench.bag.folder()).unwrap();
        assert!(bench.problem().contains("was removed"));
    }

    #[test]
    fn deleted_replaced_or_truncated_open_split_is_a_problem() {
        let mut bench = Bench::recording();
        fs::remove_file(bench.path("a_1_0.mcap")).unwrap();
        assert!(bench.problem().contains("was deleted"));

        let mut bench = Bench::recording();
        bench.write("new", 200);
        fs::rename(bench.path("new"), bench.path("a_1_0.mcap")).unwrap();
        assert!(bench.problem().contains("was replaced"));

        let mut bench = Bench::recording();
        bench.write("a_1_0.mcap", 99);
        assert!(bench.problem().contains("was truncated"));
    }

    #[test]
    fn truncation_that_the_recorder_wrote_over_is_seen_by_its_hole() {
        let mut bench = Bench::recording();
        let path = bench.path("a_1_0.mcap");
        let mut file = File::options().write(true).open(path).unwrap();
        file.write_all(&vec![1; 1 << 20]).unwrap();
        assert_eq!(bench.look(), (vec![], 0));
        file.set_len(0).unwrap();
        assert_eq!(file.stream_position().unwrap(), 1 << 20);
        file.write_all(&vec![1; 1 << 20]).unwrap();
        assert!(bench.problem().contains("was truncated"));
    }

    #[test]
    fn empty_and_whole_files_have_no_hole() {
        let bench = Bench::recording();
        let path = bench.path("a_1_0.mcap");
        assert!(!has_hole_from(&path, 0).unwrap());
        assert!(!has_hole_from(&path, 50).unwrap());
        fs::write(&path, []).unwrap();
        assert!(!has_hole_from(&path, 0).unwrap());
        assert!(has_hole_from(Path::new("/nonexistent"), 0).is_err());
    }

    #[test]
    fn truncation_just_before_the_next_split_is_seen() {
        let mut bench = Bench::recording();
        bench.write("a_1_0.mcap", 1 << 20);
        assert_eq!(bench.look(), (vec![], 0));
        bench.write("a_1_0.mcap", 10);
        bench.write("a_1_1.mcap", 10);
        assert!(bench.problem().contains("a_1_0.mcap was truncated"));
        assert_eq!(bench.bag.later_splits(), [bench.path("a_1_1.mcap")]);
    }
}
