//! Folder of rcl's log files.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Reason why rcl cannot write a log file.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write log files to {}: {reason}; set ROS_LOG_DIR to a writable folder, or start with \
     --ros-args --disable-external-lib-logs",
    folder.display()
)]
pub struct LogFolderError {
    folder: PathBuf,
    reason: String,
}

/// Checks that rcl's log folder is writable, by writing a file.
pub(super) fn check_log_folder() -> Result<(), LogFolderError> {
    let folder = log_folder()?;
    check_writable(&folder).map_err(|error| LogFolderError {
        folder,
        reason: error.to_string(),
    })
}

/// Returns the folder in which rcl writes the log files of this process. It need not exist yet.
pub fn log_folder() -> Result<PathBuf, LogFolderError> {
    rcl_log_folder(|name| env::var_os(name))
}

/// Returns rcl's log folder: `ROS_LOG_DIR`, else `log` in `ROS_HOME`, else `~/.ros/log`. Empty variables are ignored.
fn rcl_log_folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, LogFolderError> {
    let non_empty = |name| variable(name).filter(|value| !value.is_empty());
    let folder = non_empty("ROS_LOG_DIR").map_or_else(
        || PathBuf::from(non_empty("ROS_HOME").unwrap_or_else(|| "~/.ros".into())).join("log"),
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

/// Creates the folder if it does not exist, as rcl does, and a file in it.
fn check_writable(folder: &Path) -> io::Result<()> {
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

    fn folder_for(variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            let entry = variables.iter().find(|(key, _)| *key == name)?;
            Some(OsString::from(entry.1))
        };
        rcl_log_folder(variable)
            .map(|folder| folder.display().to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn folder_is_that_of_rcl() {
        let home = ("HOME", "/home/x");
        assert_eq!(folder_for(&[home]).as_deref(), Ok("/home/x/.ros/log"));
        assert_eq!(
            folder_for(&[home, ("ROS_HOME", "/r")]).as_deref(),
            Ok("/r/log")
        );
        let both = [home, ("ROS_HOME", "/r"), ("ROS_LOG_DIR", "~/logs")];
        assert_eq!(folder_for(&both).as_deref(), Ok("/home/x/logs"));
        assert_eq!(
            folder_for(&[home, ("ROS_HOME", ""), ("ROS_LOG_DIR", "")]).as_deref(),
            Ok("/home/x/.ros/log")
        );
        assert_eq!(folder_for(&[("ROS_LOG_DIR", "/l")]).as_deref(), Ok("/l"));
        let error = folder_for(&[]).expect_err("no home");
        assert!(
            error.starts_with(
                "cannot write log files to ~/.ros/log: HOME is not set; set ROS_LOG_DIR"
            ),
            "{error}"
        );
    }

    #[test]
    fn writable_folder_is_created_and_left_empty() {
        let name = format!("sensr_bridge_log_folder_{}", std::process::id());
        let parent = env::temp_dir().join(name);
        let folder = parent.join("deep");
        check_writable(&folder).expect("can be written");
        check_writable(&folder).expect("still");
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
        fs::write(parent.join("file"), "").expect("written");
        assert!(check_writable(&parent.join("file")).is_err());
        assert!(check_writable(Path::new("/proc/nope")).is_err());
        fs::remove_dir_all(parent).expect("removed");
    }
}
