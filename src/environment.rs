//! Environment of the process: log folder, terminal, and the middleware's shared memory.

mod log_folder;
mod restart;
pub mod shared_memory;
pub mod terminal;

use std::env;
use std::io::{self, IsTerminal as _};

pub use log_folder::{LogFolderError, log_folder};
use restart::Restart;

/// Environment variable of the restarted program: the reason why it has no log file.
const NO_LOG_FILE: &str = "SENSR_BRIDGE_NO_LOG_FILE";
/// Flag with which rcl opens no log file.
const WITHOUT_LOG_FILE: &str = "--disable-external-lib-logs";
/// Opposite flag. The last of both wins.
const WITH_LOG_FILE: &str = "--enable-external-lib-logs";

/// Sets arguments and variables that must be set before the program starts, by restarting it in place if any is missing:
///
/// - rcl does not start without a writable log folder. Data matter more than a log file: the log file is disabled.
///   `ros_args` are the arguments between `--ros-args` and `--`.
/// - rcl colors lines on a terminal only, and the console is a pipe from now on ([`Console`](sensr_console::Console)):
///   colors are enabled explicitly.
pub fn prepare_process(ros_args: &[String]) -> Result<(), LogFolderError> {
    let mut restart = Restart::default();
    let flags = [WITHOUT_LOG_FILE, WITH_LOG_FILE];
    let flag = ros_args.iter().rev().find(|arg| flags.contains(&&***arg));
    let problem = match flag {
        Some(flag) if flag == WITHOUT_LOG_FILE => None,
        _ => log_folder::check_log_folder().err(),
    };
    if let Some(problem) = &problem {
        restart.add_ros_arg(WITHOUT_LOG_FILE);
        restart.set_variable(NO_LOG_FILE, problem);
    }
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let uses_stdout = env::var_os("RCUTILS_LOGGING_USE_STDOUT").is_some_and(|value| value == "1");
    let is_terminal = if uses_stdout {
        io::stdout().is_terminal()
    } else {
        io::stderr().is_terminal()
    };
    if is_terminal && !is_set("RCUTILS_COLORIZED_OUTPUT") {
        restart.set_variable("RCUTILS_COLORIZED_OUTPUT", "1");
        if uses_stdout && !is_set("RCUTILS_LOGGING_BUFFERED_STREAM") {
            // Line buffering, as on a terminal.
            restart.set_variable("RCUTILS_LOGGING_BUFFERED_STREAM", "1");
        }
    }
    restart.exec_if_needed();
    // Missing colors are no error.
    problem.map_or(Ok(()), Err)
}

/// Returns the reason why there is no log file although the arguments do not disable it.
#[must_use]
pub fn missing_log_file_reason() -> Option<String> {
    env::var(NO_LOG_FILE).ok()
}
