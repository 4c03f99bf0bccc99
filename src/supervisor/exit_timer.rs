//! Forced exit: ends the process if its graceful shutdown hangs.
//!
//! A graceful shutdown waits for threads and for the middleware. If one of them hangs, it never completes, and the
//! process would go on without bridging anything: a supervisor restarts only what has ended.

use std::panic;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use sensr_console::end_at_once;

/// Limit of a graceful shutdown after a panic or a fatal error.
pub const AFTER_ERROR: Duration = Duration::from_millis(1500);
/// Limit of a graceful shutdown of the bridge after SIGINT or SIGTERM. It takes less than two seconds, but may take longer
/// on a starved machine; `ros2 launch` escalates later than this.
pub const AFTER_SIGNAL: Duration = Duration::from_secs(8);

/// Exit code of failures that a restart may mend.
pub const EXIT_FAILURE: u8 = 1;

/// Ends the process with that exit code after `limit`, unless it has ended by then.
pub fn start(limit: Duration, exit_code: u8) {
    let expire = move || {
        std::thread::sleep(limit);
        sensr_console::write_stderr(&format!(
            "{}: the shutdown has not completed after {limit:?}: forced exit",
            program_name()
        ));
        end_at_once(exit_code);
    };
    if std::thread::Builder::new()
        .name("exit-timer".to_owned())
        .spawn(expire)
        .is_err()
    {
        end_at_once(exit_code);
    }
}

/// Returns the file name of the program as it was started.
fn program_name() -> String {
    let program = std::env::args_os().next().map(PathBuf::from);
    let name = program.as_deref().and_then(Path::file_name);
    name.map_or_else(
        || env!("CARGO_PKG_NAME").to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Starts the timer whenever a thread panics.
pub fn start_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        start(AFTER_ERROR, EXIT_FAILURE);
        report(info);
    }));
}
