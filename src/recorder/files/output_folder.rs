//! Check of the output folder.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// Checks that bags can be written to a folder, by writing a file. Creates the folder if there is none.
pub(super) fn check(folder: &Path) -> Result<(), String> {
    let name = format!(".sensr_recorder_{}", std::process::id());
    try_writing(folder, &name).map_err(|error| explain(folder, &error))
}

fn try_writing(folder: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(name);
    let written = File::create(&probe).and_then(|mut file| file.write_all(name.as_bytes()));
    let removed = fs::remove_file(&probe);
    written.and(removed)
}

/// Explains with the cure why nothing can be written to a folder.
pub(super) fn explain(folder: &Path, error: &io::Error) -> String {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => format!(
            "cannot write to {folder}: the file system is read-only; mount it writable, or set output_dir to another \
             folder"
        ),
        ErrorKind::PermissionDenied => format!(
            "cannot write to {folder}: no permission; give this user the right to write there, or set output_dir to \
             another folder"
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
            "cannot write to {folder}: no space is left; delete files, or set keep_splits, keep_bytes or \
             min_free_bytes"
        ),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::NotFound => format!(
            "cannot write to {folder}: a part of the path is no folder ({error}); set output_dir to a folder"
        ),
        _ => format!(
            "cannot write to {folder}: {error}; check the disk, or set output_dir to another folder"
        ),
    }
}

/// Returns the folder itself or, if it does not exist, the nearest one above it that does.
pub(super) fn nearest_existing(folder: &Path) -> &Path {
    let mut ancestors = folder.ancestors();
    ancestors.find(|path| path.exists()).unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writable_folder_is_created_and_left_empty() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        check(&folder).expect("writable");
        check(&folder).expect("still");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn folder_that_cannot_be_written_is_told_with_the_cure() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        for folder in [file.clone(), file.join("deep")] {
            let error = check(&folder).expect_err("a file is in the way");
            assert!(error.contains("set output_dir to a folder"), "{error}");
        }
        assert!(check(Path::new("/proc/nope")).is_err());
        let cures = [
            (ErrorKind::ReadOnlyFilesystem, "mount it writable"),
            (ErrorKind::PermissionDenied, "give this user the right"),
            (ErrorKind::StorageFull, "delete files"),
            (ErrorKind::TimedOut, "check the disk"),
        ];
        for (kind, cure) in cures {
            let text = explain(&file, &kind.into());
            assert!(text.contains(cure) && text.lines().count() == 1, "{text}");
        }
    }

    #[test]
    fn space_is_looked_up_where_the_folder_will_be() {
        let parent = tempfile::tempdir().unwrap();
        let deep = parent.path().join("a/b/c");
        assert_eq!(nearest_existing(&deep), parent.path());
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(nearest_existing(&deep), deep);
    }
}
