//! Files of a bag, in the order of recording.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::bag_error::BagError;
use super::metadata::{self, BagInformation};
use crate::natural_order::NaturalKey;

/// Returns whether the path is a bag, judged by file names. Includes bags that cannot be replayed, such as a *.db3 file
/// or a folder of bags: opening them explains why.
#[must_use]
pub fn is_bag(path: &Path) -> bool {
    if path.is_dir() {
        let names = list_names(path).unwrap_or_default();
        let is_scan = |name: &String| name.to_ascii_lowercase().ends_with(".pcd");
        return has_bag_files(&names)
            || (!names.iter().any(is_scan) && !bags_in(path, &names).is_empty());
    }
    path.file_name().and_then(FileKind::from_name).is_some()
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

/// Returns the MCAP files: the file itself, or the splits of a rosbag2 folder. A split that is missing, or that a full
/// disk or a power loss left empty, is skipped with a warning.
pub(super) fn list_splits(path: &Path) -> Result<Vec<PathBuf>, BagError> {
    let metadata = fs::metadata(path).map_err(|source| BagError::cannot_read(path, source))?;
    if !metadata.is_dir() {
        return Ok(vec![readable_file(path.to_owned())?]);
    }
    let files = files_in_folder(path)?;
    let mut splits = Vec::new();
    let mut missing = Vec::new();
    for file in files {
        match loss_of_split(&file) {
            None => splits.push(readable_file(file)?),
            Some(loss) => missing.push((file, loss)),
        }
    }
    if splits.is_empty() {
        return Err(BagError::AllSplitsLost(path.to_owned()));
    }
    for (file, loss) in missing {
        let file = file.display();
        log::warn!("{file} {loss}: the rest of the bag is played without it");
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
    use super::super::fixture::Folder;
    use super::super::metadata::FILE_NAME as METADATA;
    use super::*;

    fn folder(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new();
        for (name, content) in files {
            fs::write(folder.join(name), content).expect("written");
        }
        folder
    }

    fn names(folder: &Folder) -> Vec<String> {
        let files = list_splits(folder.path()).expect("a bag");
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
            fs::write(folder.join(METADATA), unusable).expect("written");
            assert_eq!(names(&folder), ["a.mcap", "b.mcap"], "{unusable}");
        }
    }

    #[test]
    fn missing_or_empty_split_costs_only_itself() {
        let text =
            metadata("  relative_file_paths: [x_0.mcap, x_1.mcap, x_2.mcap, x_3.mcap.zstd]\n");
        let folder = folder(&[("x_1.mcap", ""), ("x_2.mcap", "x"), (METADATA, &text)]);
        assert_eq!(names(&folder), ["x_2.mcap"]);
        fs::remove_file(folder.join("x_2.mcap")).expect("removed");
        assert!(
            open_error(&folder).contains("all files of this bag are missing"),
            "{}",
            open_error(&folder)
        );
    }

    #[test]
    fn folder_of_bags_is_refused_with_their_names() {
        let folder = Folder::new();
        for name in ["run_10", "run_9"] {
            fs::create_dir(folder.join(name)).expect("made");
            fs::write(folder.join(name).join("x_0.mcap"), "x").expect("written");
        }
        fs::create_dir(folder.join("notes")).expect("made");
        assert!(is_bag(folder.path()));
        assert!(open_error(&folder).ends_with("a folder of bags: give one of run_9, run_10"));
        for number in 0..20 {
            fs::create_dir(folder.join(&format!("a{number}"))).expect("made");
            fs::write(folder.join(&format!("a{number}")).join(METADATA), "").expect("written");
        }
        assert!(
            open_error(&folder).ends_with("a8, a9 or 12 more"),
            "{}",
            open_error(&folder)
        );
        // A folder with scans is a folder of scans, even if it also contains bags.
        fs::write(folder.join("a.PCD"), "").expect("written");
        assert!(!is_bag(folder.path()));
    }

    #[test]
    fn compressed_file_is_refused_until_it_is_decompressed() {
        let text = metadata("  relative_file_paths: [x_0.mcap.zstd]\n  compression_mode: FILE\n");
        for metadata in [Some(&text), None] {
            let folder = folder(&[("x_0.mcap.zstd", "x")]);
            if let Some(text) = metadata {
                fs::write(folder.join(METADATA), text).expect("written");
            }
            assert!(is_bag(folder.path()) && is_bag(&folder.join("x_0.mcap.zstd")));
            let text = open_error(&folder);
            assert!(
                text.contains("zstd -d") && text.contains("x_0.mcap.zstd"),
                "{text}"
            );
            fs::write(folder.join("x_0.mcap"), "x").expect("written");
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
        assert!(!is_bag(folder.path()) && !is_bag(&folder.join("a.pcd")));
        assert!(is_bag(Path::new("not/there.MCAP")));
        assert!(!is_bag(Path::new("not/there")));
    }
}
