//! Files that take their name only when they are complete.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::Error;

/// File that appears under its name when it is committed, and not at all if it never is.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    overwrite: bool,
}

impl OutputFile {
    /// Begins a file. Unless `overwrite`, an existing one is refused.
    pub(crate) fn create(path: &Path, overwrite: bool) -> Result<Self, Error> {
        if !overwrite && path.exists() {
            return Err(Error::Exists(path.to_owned()));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".sensr_bag-")
            // As for any new file; the user's mask applies.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(Error::write(path))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 20, file),
            overwrite,
        })
    }

    /// Gives the file its name.
    pub(crate) fn commit(self) -> Result<(), Error> {
        let write = Error::write(&self.path);
        let file = self
            .file
            .into_inner()
            .map_err(|error| write(error.into_error()))?;
        let done = if self.overwrite {
            file.persist(&self.path)
        } else {
            file.persist_noclobber(&self.path)
        };
        done.map(|_| ()).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(self.path.clone()),
            _ => write(error.error),
        })
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file, or standard output.
#[derive(Debug)]
pub(crate) enum Output {
    File(OutputFile),
    Stdout(BufWriter<io::Stdout>),
}

impl Output {
    /// Begins the output. `None`: standard output.
    pub(crate) fn create(path: Option<&Path>, overwrite: bool) -> Result<Self, Error> {
        match path {
            Some(path) => OutputFile::create(path, overwrite).map(Self::File),
            None => Ok(Self::Stdout(BufWriter::new(io::stdout()))),
        }
    }

    /// Completes the output.
    pub(crate) fn commit(self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.commit(),
            Self::Stdout(mut stdout) => stdout.flush().map_err(Error::Stdout),
        }
    }

    /// Returns an error of writing.
    pub(crate) fn error(&self, source: io::Error) -> Error {
        match self {
            Self::File(file) => Error::write(&file.path)(source),
            Self::Stdout(_) => Error::Stdout(source),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Writes a text to standard output.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut output = Output::create(None, false)?;
    output.write_all(text.as_bytes()).map_err(Error::Stdout)?;
    output.commit()
}

/// Makes a folder that has nothing in it.
pub(crate) fn create_empty_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::write(path))?;
    let mut entries = path.read_dir().map_err(Error::write(path))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Error::FolderExists(path.to_owned())),
    }
}

/// Begins a file in a folder that was made for it.
pub(crate) fn create_file(path: &Path) -> Result<BufWriter<File>, Error> {
    let file = File::options().write(true).create_new(true).open(path);
    file.map(|file| BufWriter::with_capacity(1 << 20, file))
        .map_err(Error::write(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("x.csv");
        let mut file = OutputFile::create(&path, false).expect("created");
        file.write_all(b"text").expect("written");
        assert!(!path.exists());
        file.commit().expect("committed");
        assert_eq!(fs::read(&path).expect("readable"), b"text");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o400, 0o400);
        assert!(matches!(
            OutputFile::create(&path, false),
            Err(Error::Exists(_))
        ));
        let mut file = OutputFile::create(&path, true).expect("created");
        file.write_all(b"new").expect("written");
        drop(file);
        assert_eq!(fs::read(&path).expect("readable"), b"text");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("x.csv");
        let file = OutputFile::create(&path, false).expect("created");
        fs::write(&path, "other").expect("written");
        assert!(matches!(file.commit(), Err(Error::Exists(_))));
        assert_eq!(fs::read(&path).expect("readable"), b"other");
    }
}
