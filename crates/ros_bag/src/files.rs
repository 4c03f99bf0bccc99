//! Files of a bag, in the order of recording.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::BagError;
use super::metadata::{self, BagInformation};
use super::natural_order::NaturalKey;

/// Returns whether the path is a bag, judged by file names. Includes bags that cannot be read, such as a *.db3 file: opening
/// them explains why.
#[must_use]
pub fn is_bag(path: &Path) -> bool {
    if path.is_dir() {
        return has_bag_files(&list_names(path).unwrap_or_default());
    }
    path.file_name().and_then(FileKind::from_name).is_some()
}

/// Returns whether the path is a folder with bags in it. Opening it as a bag names them.
#[must_use]
pub fn is_folder_of_bags(path: &Path) -> bool {
    let names = list_names(path).unwrap_or_default();
    !has_bag_files(&names) && !bags_in(path, &names).is_empty()
}

fn has_bag_files(names: &[String]) -> bool {
    let is_bag_file =
        |name: &String| name == metadata::FILE_NAME || FileKind::from_name(name).is_some();
    names.iter().any(is_bag_file)
}

/// Returns the names of the bags among `names`, the entries of `folder`, in natural order.
fn bags_in(folder: &Path, names: &[String]) -> Vec<String> {
    let is_bag_folder = |name: &&String| {
        let path = folder.join(name);
        path.is_dir() && has_bag_files(&list_names(&path).unwrap_or_default())
    };
    let mut bags: Vec<String> = names.iter().filter(is_bag_folder).cloned().collect();
    bags.sort_by_cached_key(|name| NaturalKey::new(name));
    bags
}

/// Type of a bag file, judged by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Mcap,
    Compressed,
    Sqlite,
}

impl FileKind {
    fn from_name(name: impl AsRef<OsStr>) -> Option<Self> {
        let name = name.as_ref().to_string_lossy().to_ascii_lowercase();
        let endings = [
            (".mcap", Self::Mcap),
            (".mcap.zstd", Self::Compressed),
            (".db3", Self::Sqlite),
            (".db3.zstd", Self::Sqlite),
        ];
        let mut endings = endings.into_iter();
        endings.find_map(|(ending, kind)| name.ends_with(ending).then_some(kind))
    }
}

/// Files of a bag, in the order of recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    /// Files that can be read.
    pub readable: Vec<PathBuf>,
    /// Files that a full disk, a power loss or somebody's clean-up has taken.
    pub lost: Vec<LostSplit>,
}

/// Split with nothing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostSplit {
    /// Path of the file.
    pub path: PathBuf,
    /// Reason, as the predicate of a sentence about the file.
    pub reason: &'static str,
}

/// Returns the MCAP files: the file itself, or the splits of a rosbag2 folder.
pub fn list_splits(path: &Path) -> Result<Splits, BagError> {
    let metadata = fs::metadata(path).map_err(|source| BagError::cannot_read(path, source))?;
    let mut splits = Splits {
        readable: Vec::new(),
        lost: Vec::new(),
    };
    if !metadata.is_dir() {
        splits.readable.push(readable_file(path.to_owned())?);
        return Ok(splits);
    }
    for path in files_in_folder(path)? {
        match loss_of_split(&path) {
            None => splits.readable.push(readable_file(path)?),
            Some(reason) => splits.lost.push(LostSplit { path, reason }),
        }
    }
    if splits.readable.is_empty() {
        return Err(BagError::AllSplitsLost(path.to_owned()));
    }
    Ok(splits)
}

/// Returns the reason why a split has nothing to read, or `None` if it can be read.
fn loss_of_split(split: &Path) -> Option<&'static str> {
    let kind = split.file_name().and_then(FileKind::from_name);
    if kind == Some(FileKind::Sqlite) {
        // Refused because of its type in any case.
        return None;
    }
    let is_compressed = kind == Some(FileKind::Compressed);
    let unpacked = is_compressed.then(|| split.with_extension(""));
    let found = [Some(split), unpacked.as_deref()].into_iter().flatten();
    let bytes = found
        .filter_map(|file| fs::metadata(file).ok())
        .map(|metadata| metadata.len());
    match bytes.max() {
        None => Some("is missing"),
        Some(0) => Some("is empty"),
        Some(_) => None,
    }
}

fn files_in_folder(folder: &Path) -> Result<Vec<PathBuf>, BagError> {
    let mut names = match BagInformation::read_file(folder)? {
        Some(information) => information.check_supported(folder)?.relative_file_paths,
        None => Vec::new(),
    };
    if names.is_empty() {
        names = files_by_name(folder)?;
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Returns the file or its decompressed copy; refuses files that must be decompressed or converted first.
fn readable_file(file: PathBuf) -> Result<PathBuf, BagError> {
    match file.file_name().and_then(FileKind::from_name) {
        Some(FileKind::Sqlite) => Err(BagError::Storage {
            path: file,
            storage: "sqlite3".to_owned(),
        }),
        Some(FileKind::Compressed) => {
            let unpacked = file.with_extension("");
            if unpacked.is_file() {
                Ok(unpacked)
            } else {
                Err(BagError::CompressedFile { path: file })
            }
        }
        Some(FileKind::Mcap) | None => Ok(file),
    }
}

/// Returns the names of the bag's files in the order in which rosbag2 numbers them: `_2` before `_10`.
fn files_by_name(folder: &Path) -> Result<Vec<String>, BagError> {
    let mut names = list_names(folder)?;
    names.retain(|name| FileKind::from_name(name).is_some());
    // A decompressed copy lies beside the compressed file.
    let unpacked = |name: &String| name.strip_suffix(".zstd").map(str::to_owned);
    let twice: Vec<String> = names.iter().filter_map(unpacked).collect();
    names.retain(|name| !twice.contains(name));
    names.sort_by_cached_key(|name| NaturalKey::new(name));
    if names.is_empty() {
        let bags = bags_in(folder, &list_names(folder)?);
        return Err(if bags.is_empty() {
            BagError::NoFiles(folder.to_owned())
        } else {
            BagError::folder_of_bags(folder, &bags)
        });
    }
    Ok(names)
}

fn list_names(folder: &Path) -> Result<Vec<String>, BagError> {
    let entries = fs::read_dir(folder).map_err(|source| BagError::cannot_read(folder, source))?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries
        .map(|entry| {
            entry
                .map(name)
                .map_err(|source| BagError::cannot_read(folder, source))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::metadata::FILE_NAME as METADATA;
    use super::*;
    use tempfile::TempDir as Folder;

    fn folder(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new().expect("made");
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("written");
        }
        folder
    }

    fn names(folder: &Folder) -> Vec<String> {
        let files = list_splits(folder.path()).expect("a bag").readable;
        let name = |file: &PathBuf| file.file_name().expect("a name").to_string_lossy().into();
        files.iter().map(name).collect()
    }

    fn open_error(folder: &Folder) -> String {
        let text = list_splits(folder.path())
            .expect_err("must be refused")
            .to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    fn metadata(lines: &str) -> String {
        format!(
            "rosbag2_bagfile_information:\n  version: 9\n  duration:\n    nanoseconds: 5\n{lines}"
        )
    }

    #[test]
    fn files_without_metadata_are_ordered_by_number() {
        let files = ["x_10.mcap", "x_2.mcap", "x_0.mcap", "notes.txt"].map(|name| (name, "x"));
        let folder = folder(&files);
        assert!(is_bag(folder.path()));
        assert_eq!(names(&folder), ["x_0.mcap", "x_2.mcap", "x_10.mcap"]);
    }

    #[test]
    fn metadata_gives_the_order_unless_it_is_invalid() {
        let text = metadata(
            "  storage_identifier: mcap\n  relative_file_paths:\n    - b.mcap\n    - a.mcap\n",
        );
        let folder = folder(&[("a.mcap", "x"), ("b.mcap", "x"), (METADATA, &text)]);
        assert_eq!(names(&folder), ["b.mcap", "a.mcap"]);
        for unusable in [
            "rosbag2_bagfile",
            "a: [",
            &metadata("  compression_mode: ''"),
        ] {
            fs::write(folder.path().join(METADATA), unusable).expect("written");
            assert_eq!(names(&folder), ["a.mcap", "b.mcap"], "{unusable}");
        }
    }

    #[test]
    fn missing_or_empty_split_costs_only_itself() {
        let text =
            metadata("  relative_file_paths: [x_0.mcap, x_1.mcap, x_2.mcap, x_3.mcap.zstd]\n");
        let folder = folder(&[("x_1.mcap", ""), ("x_2.mcap", "x"), (METADATA, &text)]);
        assert_eq!(names(&folder), ["x_2.mcap"]);
        let lost = list_splits(folder.path()).expect("a bag").lost;
        let lost = lost
            .iter()
            .map(|split| (split.path.file_name().expect("a name"), split.reason));
        assert!(
            lost.eq([
                ("x_0.mcap", "is missing"),
                ("x_1.mcap", "is empty"),
                ("x_3.mcap.zstd", "is missing")
            ]
            .map(|(name, reason)| (OsStr::new(name), reason)))
        );
        fs::remove_file(folder.path().join("x_2.mcap")).expect("removed");
        assert!(
            open_error(&folder).contains("all files of this bag are missing"),
            "{}",
            open_error(&folder)
        );
    }

    #[test]
    fn folder_of_bags_is_refused_with_their_names() {
        let folder = Folder::new().expect("made");
        for name in ["run_10", "run_9"] {
            fs::create_dir(folder.path().join(name)).expect("made");
            fs::write(folder.path().join(name).join("x_0.mcap"), "x").expect("written");
        }
        fs::create_dir(folder.path().join("notes")).expect("made");
        assert!(!is_bag(folder.path()) && is_folder_of_bags(folder.path()));
        assert!(open_error(&folder).ends_with("a folder of bags: give one of run_9, run_10"));
        for number in 0..20 {
            fs::create_dir(folder.path().join(format!("a{number}"))).expect("made");
            fs::write(folder.path().join(format!("a{number}")).join(METADATA), "")
                .expect("written");
        }
        assert!(
            open_error(&folder).ends_with("a8, a9 or 12 more"),
            "{}",
            open_error(&folder)
        );
    }

    #[test]
    fn compressed_file_is_refused_until_it_is_decompressed() {
        let text = metadata("  relative_file_paths: [x_0.mcap.zstd]\n  compression_mode: FILE\n");
        for metadata in [Some(&text), None] {
            let folder = folder(&[("x_0.mcap.zstd", "x")]);
            if let Some(text) = metadata {
                fs::write(folder.path().join(METADATA), text).expect("written");
            }
            assert!(is_bag(folder.path()) && is_bag(&folder.path().join("x_0.mcap.zstd")));
            let text = open_error(&folder);
            assert!(
                text.contains("zstd -d") && text.contains("x_0.mcap.zstd"),
                "{text}"
            );
            fs::write(folder.path().join("x_0.mcap"), "x").expect("written");
            assert_eq!(names(&folder), ["x_0.mcap"]);
        }
    }

    #[test]
    fn other_bags_are_refused_with_the_cure() {
        for (lines, word) in [
            ("  storage_identifier: sqlite3\n", "sqlite3 bag"),
            ("  compression_mode: MESSAGE\n", "ros2 bag convert"),
            ("  relative_file_paths: [x.db3]\n", "-s mcap"),
            ("  storage_identifier: mcap\n", "no *.mcap file"),
        ] {
            let folder = folder(&[(METADATA, &metadata(lines))]);
            assert!(is_bag(folder.path()));
            assert!(
                open_error(&folder).contains(word),
                "{}",
                open_error(&folder)
            );
        }
    }

    #[test]
    fn scans_are_not_a_bag() {
        let folder = folder(&[("a.pcd", ""), ("b.PCD", "")]);
        assert!(!is_bag(folder.path()) && !is_bag(&folder.path().join("a.pcd")));
        assert!(is_bag(Path::new("not/there.MCAP")));
        assert!(!is_bag(Path::new("not/there")));
    }
}
