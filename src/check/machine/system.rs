//! Access to the machine under examination: files below a root folder, and environment variables.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Machine under examination.
#[derive(Debug, Clone)]
pub struct System {
    root: PathBuf,
    variables: BTreeMap<OsString, OsString>,
}

impl System {
    /// Returns this machine, with the environment variables of this process.
    #[must_use]
    pub fn current() -> Self {
        Self {
            root: PathBuf::from("/"),
            variables: env::vars_os().collect(),
        }
    }

    /// Returns a machine whose files are below a folder.
    #[must_use]
    pub fn below<'a>(root: &Path, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = variables.into_iter();
        Self {
            root: root.to_owned(),
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// Returns an environment variable. `None` if it is not set or empty.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value.as_os_str())
    }

    /// Returns an environment variable as text. `None` if it is not set or empty.
    pub(super) fn text_variable(&self, name: &str) -> Option<String> {
        self.variable(name)
            .map(|value| value.to_string_lossy().into_owned())
    }

    /// Returns where an absolute path of the machine is found.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns the path on the machine of a file found below its root folder, both without links.
    pub(super) fn without_root(&self, path: &Path) -> PathBuf {
        let root = fs::canonicalize(&self.root);
        let inside = root.as_deref().map(|root| path.strip_prefix(root));
        match inside {
            Ok(Ok(inside)) => Path::new("/").join(inside),
            _ => path.to_owned(),
        }
    }

    /// Reads a file of the machine, which is text.
    pub(super) fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        fs::read(self.path(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}
