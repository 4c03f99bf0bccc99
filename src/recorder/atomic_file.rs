//! Files that are replaced as a whole: a reader, or the next start after a power loss, sees the old or the new content.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file anew: into a temporary file beside it, which then takes its name.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path);
    let result = write_new(&temporary, content).and_then(|()| replace(&temporary, path));
    if result.is_err() {
        // The temporary file may not exist; the error that matters is the one returned.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Gives a complete temporary file the name of the file that it replaces, and waits until that is on the disk.
pub(super) fn replace(temporary: &Path, path: &Path) -> io::Result<()> {
    fs::rename(temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Returns the name of the temporary file: that of the file with `.part` at its end, which no reader of bags opens.
pub(super) fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
