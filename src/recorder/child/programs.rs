//! The programs that run the stock recorder, and the question which options it has.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{kill_group, wait_until};

/// Longest text of `--help`.
const MAX_HELP_BYTES: u64 = 1 << 20;
/// Time between the end of the output and that of the process.
const EXIT_TIME: Duration = Duration::from_secs(5);

/// Programs that run the stock recorder.
#[derive(Debug, Clone)]
pub(in crate::recorder) struct Programs {
    ros2: PathBuf,
    /// Ends the stock recorder with this process. `None` if it is not installed.
    setpriv: Option<PathBuf>,
    /// Search path of the programs, and of those that they start.
    path: OsString,
}

/// Reason why the stock recorder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::recorder) enum ProgramsError {
    /// No `ros2` is installed.
    #[error(
        "cannot find ros2 in PATH; source the ROS 2 installation, or install the package ros-{}-ros2bag",
        distribution()
    )]
    NoRos2,
    /// `ros2` refuses `bag record`.
    #[error(
        "ros2 bag record --help failed ({reason}); install the packages ros-{0}-ros2bag and \
         ros-{0}-rosbag2-storage-mcap",
        distribution()
    )]
    NoBag {
        /// Reason.
        reason: String,
    },
    /// `ros2` cannot be run now.
    #[error("cannot run ros2 bag record --help: {reason}; check that ros2 works in this shell")]
    NotRunnable {
        /// Reason.
        reason: String,
    },
}

/// Name of the ROS distribution, for package names.
fn distribution() -> String {
    env::var("ROS_DISTRO")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "$ROS_DISTRO".to_owned())
}

impl Programs {
    /// Finds the programs in a search path.
    pub(in crate::recorder) fn find(path: &OsStr) -> Result<Self, ProgramsError> {
        Ok(Self {
            ros2: find_program("ros2", path).ok_or(ProgramsError::NoRos2)?,
            setpriv: find_program("setpriv", path),
            path: path.to_owned(),
        })
    }

    /// True if the stock recorder is ended with this process, however that dies.
    pub(in crate::recorder) fn bind_lifetime(&self) -> bool {
        self.setpriv.is_some()
    }

    /// Composes a command that runs `ros2` with arguments in a process group of its own, so that the Ctrl-C of a
    /// terminal does not reach it.
    pub(super) fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = match &self.setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "INT", "--"]).arg(&self.ros2);
                command
            }
            None => Command::new(&self.ros2),
        };
        command
            .args(arguments)
            .env("PATH", &self.path)
            // Lines as the log expects them, at once.
            .env("RCUTILS_COLORIZED_OUTPUT", "0")
            .env("PYTHONUNBUFFERED", "1")
            .env_remove("RCUTILS_CONSOLE_OUTPUT_FORMAT")
            // Those of this process.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Asks for the options of the stock recorder.
    pub(in crate::recorder) fn help(&self, limit: Duration) -> Result<String, ProgramsError> {
        let arguments = ["bag", "record", "--help"].map(OsString::from);
        let not_runnable = |reason: String| ProgramsError::NotRunnable { reason };
        let mut command = self.command(&arguments);
        // argparse breaks lines, even within the names of options, at the width of the terminal.
        command.env("COLUMNS", "1000");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| not_runnable(error.to_string()))?;
        let answer = read_answer(&mut child, limit);
        let status = answer
            .as_ref()
            .ok()
            .and_then(|_| wait_until(&mut child, Instant::now() + EXIT_TIME));
        if status.is_none() {
            kill_group(&child);
            drop(child.wait());
        }
        let (help, errors) = answer.map_err(not_runnable)?;
        match status {
            Some(status) if status.success() => Ok(help),
            Some(status) => Err(ProgramsError::NoBag {
                reason: failure(status, &errors),
            }),
            None => Err(not_runnable("it does not end".to_owned())),
        }
    }
}

fn failure(status: ExitStatus, errors: &str) -> String {
    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(|| status.to_string(), |line| line.trim().to_owned())
}

/// Reads standard output and standard error to their ends.
fn read_answer(child: &mut Child, limit: Duration) -> Result<(String, String), String> {
    let deadline = Instant::now() + limit;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("its output is not readable".to_owned());
    };
    let outputs = [read_in_background(stdout), read_in_background(stderr)];
    let mut texts = outputs.into_iter().map(|output| {
        match output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(text) => Ok(text),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer in {} s", limit.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err("its output is not readable".to_owned()),
        }
    });
    let mut next = || texts.next().unwrap_or_else(|| Ok(String::new()));
    Ok((next()?, next()?))
}

fn read_in_background(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if output.take(MAX_HELP_BYTES).read_to_end(&mut bytes).is_ok() {
            // Nobody waits any more after a timeout.
            drop(sender.send(String::from_utf8_lossy(&bytes).into_owned()));
        }
    });
    receiver
}

/// Finds an executable file in a search path.
fn find_program(name: &str, path: &OsStr) -> Option<PathBuf> {
    let is_executable = |file: &Path| {
        file.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::Stub;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn help_is_the_output_of_the_program_in_the_path() {
        let stub = Stub::new("echo \"usage: $*\"; echo noise >&2");
        let programs = Programs::find(&stub.path()).expect("found");
        let help = programs.help(LIMIT).expect("answered");
        assert_eq!(help.trim(), "usage: bag record --help");
    }

    #[test]
    fn missing_ros2_and_missing_plugin_are_told_with_the_cure() {
        let empty = tempfile::tempdir().unwrap();
        let error = Programs::find(empty.path().as_os_str()).expect_err("no ros2");
        assert!(error.to_string().contains("cannot find ros2 in PATH"));

        let stub = Stub::new("echo \"ros2: error: invalid choice: 'bag'\" >&2; exit 2");
        let programs = Programs::find(&stub.path()).expect("found");
        let error = programs.help(LIMIT).expect_err("refused").to_string();
        assert!(error.contains("invalid choice: 'bag'"), "{error}");
        assert!(error.contains("-ros2bag"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn hanging_ros2_is_ended() {
        let stub = Stub::new("exec sleep 1000");
        let programs = Programs::find(&stub.path()).expect("found");
        let error = programs
            .help(Duration::from_millis(100))
            .expect_err("hangs");
        assert!(
            matches!(error, ProgramsError::NotRunnable { .. }),
            "{error}"
        );
    }

    #[test]
    fn file_that_is_not_executable_is_no_program() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ros2"), "").unwrap();
        assert_eq!(find_program("ros2", folder.path().as_os_str()), None);
        let path = env::join_paths([folder.path(), Path::new("/bin")]).unwrap();
        assert_eq!(find_program("sh", &path), Some(PathBuf::from("/bin/sh")));
    }
}
