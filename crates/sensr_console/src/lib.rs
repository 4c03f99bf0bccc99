//! Standard output and standard error that never block the writing thread.
//!
//! A stopped terminal, a full pipe or a hanging journal would block every thread that writes to it next, in the middle of
//! a `publish` of the middleware or of the report of a panic. So both streams are replaced by pipes that are always
//! read, and dedicated threads write their content to the real streams. Whole lines that do not fit into the queue are
//! dropped and counted.

mod abort;
mod line_splitter;
pub mod lossy_queue;
mod relay;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::low_level;

use relay::{Relay, Stream};

/// At the end of the process, longest wait for a console that takes nothing.
const STALL_LIMIT: Duration = Duration::from_millis(400);
/// At the end of the process, longest wait for a console that takes a little now and then.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

static CONSOLE: OnceLock<Relays> = OnceLock::new();

#[derive(Debug)]
struct Relays {
    stdout: Relay,
    stderr: Relay,
}

/// Replaced console, restored when dropped.
#[derive(Debug)]
#[must_use = "the console is restored when this is dropped"]
pub struct Console(());

/// Counts of lines that were not written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsoleFigures {
    /// Lines dropped since the start.
    pub lost_lines: u64,
    /// True while lines are being dropped.
    pub is_losing: bool,
}

impl Console {
    /// Replaces standard output and standard error of this process. To be called at the start of `main`.
    pub fn take_over() -> io::Result<Self> {
        let relays = Relays {
            stdout: Relay::start(Stream::Stdout)?,
            stderr: Relay::start(Stream::Stderr)?,
        };
        // A process has one console: a second relay would only relay to the first.
        if CONSOLE.set(relays).is_err() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        abort::delay_abort()?;
        Ok(Self(()))
    }

    /// Restores the console at the end of `main`. Ends the process immediately if the console does not take the remaining
    /// output, because any further write would never return.
    #[must_use = "the exit code of the process"]
    pub fn end_with(self, code: u8) -> ExitCode {
        if !restore_console() {
            low_level::exit(code.into());
        }
        std::mem::forget(self);
        ExitCode::from(code)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        /// Exit code of Rust for a panic of the main thread.
        const PANIC: i32 = 101;
        if !restore_console() {
            low_level::exit(if thread::panicking() { PANIC } else { 0 });
        }
    }
}

/// Ends the process without running destructors, after waiting briefly for the console to take the remaining output.
pub fn end_at_once(code: u8) -> ! {
    restore_console();
    low_level::exit(code.into())
}

/// Writes a line to standard error through the relay, without locks or writes that can block.
pub fn write_stderr(line: &str) {
    if let Some(console) = CONSOLE.get() {
        console.stderr.push_line(format!("{line}\n").into_bytes());
    }
}

/// Returns the counts since [`Console::take_over`].
#[must_use]
pub fn figures() -> ConsoleFigures {
    CONSOLE
        .get()
        .map_or_else(ConsoleFigures::default, |console| {
            let queues = [&console.stdout, &console.stderr].map(Relay::queue);
            ConsoleFigures {
                lost_lines: queues.iter().map(|queue| queue.lost()).sum(),
                is_losing: queues.iter().any(|queue| queue.is_losing()),
            }
        })
}

/// Restores the real console and waits briefly until all output is written to it. Returns whether it was.
fn restore_console() -> bool {
    log::logger().flush();
    // A failure would show in the next write, and there is none.
    let _ = io::stdout().flush();
    let Some(Relays { stdout, stderr }) = CONSOLE.get() else {
        return true;
    };
    let deadline = Instant::now() + FLUSH_LIMIT;
    let relays = [stdout, stderr].map(Relay::restore);
    let finished = [stdout, stderr].map(|relay| relay.queue().finish(STALL_LIMIT, deadline));
    relays.into_iter().chain(finished).all(|is_good| is_good)
}
