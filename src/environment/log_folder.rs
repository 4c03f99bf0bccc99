//! The folder of rcl's log files.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The reason why rcl can write no log file.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write log files to {}: {reason}; set ROS_LOG_DIR to a folder that can be written, or start with \
     --ros-args --disable-external-lib-logs",
    folder.display()
)]
pub struct LogFolderError {
    folder: PathBuf,
    reason: String,
}

/// Tries to write a file where rcl will.
pub(super) fn check() -> Result<(), LogFolderError> {
    let folder = folder(|name| env::var_os(name))?;
    check_folder(&folder).map_err(|error| LogFolderError {
        folder,
        reason: error.to_string(),
    })
}

/// rcl's rule: `ROS_LOG_DIR`, else `log` in `ROS_HOME`, else `~/.ros/log`. An empty variable is none.
fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, LogFolderError> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    let folder = given("ROS_LOG_DIR").map_or_else(
        || PathBuf::from(given("ROS_HOME").unwrap_or_else(|| "~/.ros".into())).join("log"),
        PathBuf::from,
    );
    let Some(below_home) = folder.as_os_str().as_bytes().strip_prefix(b"~") else {
        return Ok(folder);
    };
    let Some(home) = variable("HOME") else {
        return Err(LogFolderError {
            folder,
            reason: "HOME is not set".to_owned(),
        });
    };
    let path = [home.as_bytes(), below_home].concat();
    Ok(OsString::from_vec(path).into())
}

/// Makes the folder if it is not there, as rcl does.
fn check_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = [".sensr_bridge_", &std::process::id().to_string()].concat();
    let file = folder.join(OsStr::new(&name));
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&file)?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(OsString::from(found.1))
        };
        folder(variable)
            .map(|folder| folder.display().to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_folder_is_where_rcl_takes_it() {
        let home = ("HOME", "/home/x");
        assert_eq!(found(&[home]).as_deref(), Ok("/home/x/.ros/log"));
        assert_eq!(found(&[home, ("ROS_HOME", "/r")]).as_deref(), Ok("/r/log"));
        let both = [home, ("ROS_HOME", "/r"), ("ROS_LOG_DIR", "~/logs")];
        assert_eq!(found(&both).as_deref(), Ok("/home/x/logs"));
        assert_eq!(
            found(&[home, ("ROS_HOME", ""), ("ROS_LOG_DIR", "")]).as_deref(),
            Ok("/home/x/.ros/log")
        );
        assert_eq!(found(&[("ROS_LOG_DIR", "/l")]).as_deref(), Ok("/l"));
        let error = found(&[]).expect_err("no home");
        assert!(
            error.starts_with(
                "cannot write log files to ~/.ros/log: HOME is not set; set ROS_LOG_DIR"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_can_be_written_is_made_and_left_empty() {
        let name = format!("sensr_bridge_log_folder_{}", std::process::id());
        let parent = env::temp_dir().join(name);
        let folder = parent.join("deep");
        check_folder(&folder).expect("can be written");
        check_folder(&folder).expect("still");
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
        fs::write(parent.join("file"), "").expect("written");
        assert!(check_folder(&parent.join("file")).is_err());
        assert!(check_folder(Path::new("/proc/nope")).is_err());
        fs::remove_dir_all(parent).expect("removed");
    }
}
