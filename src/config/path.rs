//! Paths as people write them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A path that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Another user's home is not looked up.
    #[error("~ stands for your own home only, as in ~/hosts.yaml: give the whole path")]
    OtherHome,
    /// There is no home.
    #[error("~ stands for the home folder, and HOME is not set: give the whole path")]
    NoHome,
}

/// Expands `~` at the beginning, as a shell does: in a parameter or a file no shell does it.
pub fn expand(text: &str) -> Result<PathBuf, PathError> {
    expand_with(text, || std::env::var_os("HOME"))
}

fn expand_with(text: &str, home: impl Fn() -> Option<OsString>) -> Result<PathBuf, PathError> {
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
    fn only_a_tilde_of_its_own_at_the_beginning_is_the_home() {
        let expand = |text| expand_with(text, || Some("/home/kim".into()));
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
    fn a_home_is_needed_only_where_it_is_meant() {
        for home in [None, Some(OsString::new())] {
            let expand = |text| expand_with(text, || home.clone());
            assert_eq!(expand("hosts.yaml"), Ok("hosts.yaml".into()));
            assert_eq!(expand("~/hosts.yaml"), Err(PathError::NoHome));
        }
    }
}
