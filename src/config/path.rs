//! Paths with `~`, and relative paths.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Path whose `~` cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Home folder of another user, which is not looked up.
    #[error("~ stands for your own home only, as in ~/hosts.yaml: give the whole path")]
    OtherHome,
    /// `HOME` is not set.
    #[error("~ stands for the home folder, and HOME is not set: give the whole path")]
    NoHome,
    /// The working directory cannot be read.
    #[error(
        "the path is relative, and the working directory is not known ({reason}): give the whole path"
    )]
    NoWorkingDirectory {
        /// Error of the operating system.
        reason: String,
    },
}

/// Expands a leading `~` to the home folder, as a shell does on a command line.
pub fn expand_home(text: &str) -> Result<PathBuf, PathError> {
    expand_home_with(text, || std::env::var_os("HOME"))
}

/// Resolves a relative path against the working directory.
pub fn make_absolute(path: PathBuf) -> Result<PathBuf, PathError> {
    if path.is_absolute() {
        return Ok(path);
    }
    match std::env::current_dir() {
        Ok(folder) => Ok(folder.join(path)),
        Err(error) => Err(PathError::NoWorkingDirectory {
            reason: error.to_string(),
        }),
    }
}

fn expand_home_with(text: &str, home: impl Fn() -> Option<OsString>) -> Result<PathBuf, PathError> {
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(text.into());
    };
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest,
        None if rest.is_empty() => "",
        None => return Err(PathError::OtherHome),
    };
    let home = home().filter(|home| !home.is_empty());
    let home = home.ok_or(PathError::NoHome)?;
    Ok(Path::new(&home).join(rest.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_below_the_working_directory() {
        let working_directory = std::env::current_dir().expect("tests have one");
        let absolute = |path: &str| make_absolute(path.into());
        assert_eq!(absolute("bags"), Ok(working_directory.join("bags")));
        assert_eq!(absolute("/data/bags"), Ok("/data/bags".into()));
    }

    #[test]
    fn only_a_leading_tilde_is_the_home_folder() {
        let expand = |text| expand_home_with(text, || Some("/home/kim".into()));
        for (text, path) in [
            ("", ""),
            ("hosts.yaml", "hosts.yaml"),
            ("/etc/~/hosts.yaml", "/etc/~/hosts.yaml"),
            ("~/hosts.yaml", "/home/kim/hosts.yaml"),
            ("~//hosts.yaml", "/home/kim/hosts.yaml"),
            ("~", "/home/kim/"),
        ] {
            assert_eq!(expand(text), Ok(path.into()), "{text}");
        }
        assert_eq!(expand("~lee/hosts.yaml"), Err(PathError::OtherHome));
    }

    #[test]
    fn home_is_needed_only_for_a_tilde() {
        for home in [None, Some(OsString::new())] {
            let expand = |text| expand_home_with(text, || home.clone());
            assert_eq!(expand("hosts.yaml"), Ok("hosts.yaml".into()));
            assert_eq!(expand("~/hosts.yaml"), Err(PathError::NoHome));
        }
    }
}
