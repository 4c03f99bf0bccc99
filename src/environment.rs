//! The surroundings of the process: its log folder, its terminal, the shared memory of the middleware.

mod log_folder;
mod restart;
pub mod shared_memory;
pub mod shared_memory_users;

use std::env;
use std::io::{self, IsTerminal as _};

pub use log_folder::LogFolderError;
use restart::Restart;

/// Set for the restarted program: the reason why it has no log file.
const NO_LOG_FILE: &str = "SENSR_BRIDGE_NO_LOG_FILE";
/// The flag with which rcl opens no log file.
const WITHOUT_LOG_FILE: &str = "--disable-external-lib-logs";
/// Its opposite. The last of both counts.
const WITH_LOG_FILE: &str = "--enable-external-lib-logs";

/// Puts in order what can only be set before a program starts, if need be by starting it again in its place:
///
/// - rcl does not start without a log folder that can be written, and data matter more than a file of log lines: it
///   is told to do without. `ros_args` are the arguments between `--ros-args` and `--`.
/// - rcl colours lines for a terminal, but the console is a pipe from now on
///   ([`Console`](sensr_console::Console)): it is told to.
pub fn prepare(ros_args: &[String]) -> Result<(), LogFolderError> {
    let mut restart = Restart::default();
    let flags = [WITHOUT_LOG_FILE, WITH_LOG_FILE];
    let flag = ros_args.iter().rev().find(|arg| flags.contains(&&***arg));
    let problem = match flag {
        Some(flag) if flag == WITHOUT_LOG_FILE => None,
        _ => log_folder::check().err(),
    };
    if let Some(problem) = &problem {
        restart.ros_arg(WITHOUT_LOG_FILE);
        restart.variable(NO_LOG_FILE, problem);
    }
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let uses_stdout = env::var_os("RCUTILS_LOGGING_USE_STDOUT").is_some_and(|value| value == "1");
    let is_terminal = if uses_stdout {
        io::stdout().is_terminal()
    } else {
        io::stderr().is_terminal()
    };
    if is_terminal && !is_set("RCUTILS_COLORIZED_OUTPUT") {
        restart.variable("RCUTILS_COLORIZED_OUTPUT", "1");
        if uses_stdout && !is_set("RCUTILS_LOGGING_BUFFERED_STREAM") {
            // Line by line, as on a terminal.
            restart.variable("RCUTILS_LOGGING_BUFFERED_STREAM", "1");
        }
    }
    restart.carry_out();
    // Without colours it can go on.
    problem.map_or(Ok(()), Err)
}

/// The reason why there is no log file though nobody said that there should be none.
#[must_use]
pub fn why_no_log_file() -> Option<String> {
    env::var(NO_LOG_FILE).ok()
}
