//! Standard output and standard error that never block whoever writes to them.
//!
//! A terminal that is stopped, a pipe that is full or a journal that hangs would hold up every thread that writes to
//! it next, in the middle of a `publish` of the middleware or of the report of a panic. So both are replaced by pipes
//! that are always read, and threads that do nothing else write what came out of them where it belongs. Whole lines
//! that find no room are lost and counted.

mod crash;
mod lines;
pub mod lossy_queue;
mod relay;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::low_level;

use relay::{Relay, Stream};

/// At the end, a console that has taken nothing for this long is not waited for any more.
const STALL_LIMIT: Duration = Duration::from_millis(400);
/// One that takes a little now and then is waited for no longer than this.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

static CONSOLE: OnceLock<Relays> = OnceLock::new();

#[derive(Debug)]
struct Relays {
    stdout: Relay,
    stderr: Relay,
}

/// The replaced console. Dropped, it is put back.
#[derive(Debug)]
#[must_use = "the console is put back when this is dropped"]
pub struct Console(());

/// Figures of what was not written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsoleFigures {
    /// Lines lost since the start.
    pub lost_lines: u64,
    /// Lines are being lost at this moment.
    pub is_losing: bool,
}

impl Console {
    /// Replaces standard output and standard error of this process. For the start of `main`.
    pub fn take_over() -> io::Result<Self> {
        let relays = Relays {
            stdout: Relay::start(Stream::Stdout)?,
            stderr: Relay::start(Stream::Stderr)?,
        };
        // A process has one console: of a second relay nothing would be seen but that it relays to the first.
        if CONSOLE.set(relays).is_err() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        crash::delay_abort()?;
        Ok(Self(()))
    }

    /// Puts the console back for the end of `main`. If it takes nothing the process ends here and now, for
    /// whatever else writes to it on the way out would never return.
    #[must_use = "the exit code of the process"]
    pub fn end_with(self, code: u8) -> ExitCode {
        if !release() {
            low_level::exit(code.into());
        }
        std::mem::forget(self);
        ExitCode::from(code)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        /// Rust's own for a panic of the main thread.
        const PANIC: i32 = 101;
        if !release() {
            low_level::exit(if thread::panicking() { PANIC } else { 0 });
        }
    }
}

/// Ends the process: nothing is waited for but what the console still has to take, and that not for long. No
/// destructor runs.
pub fn end_at_once(code: u8) -> ! {
    release();
    low_level::exit(code.into())
}

/// Writes a line to standard error, past everything that may hang.
pub fn say(line: &str) {
    if let Some(console) = CONSOLE.get() {
        console.stderr.push(format!("{line}\n").into_bytes());
    }
}

/// Figures since [`Console::take_over`].
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

/// Puts the real console back and waits, not for long, until all that was written is on it. Returns false if it is
/// not.
fn release() -> bool {
    log::logger().flush();
    // What is left in the buffer comes with the next line, of which there is none.
    let _ = io::stdout().flush();
    let Some(Relays { stdout, stderr }) = CONSOLE.get() else {
        return true;
    };
    let deadline = Instant::now() + FLUSH_LIMIT;
    let relays = [stdout, stderr].map(Relay::restore);
    let finished = [stdout, stderr].map(|relay| relay.queue().finish(STALL_LIMIT, deadline));
    relays.into_iter().chain(finished).all(|is_good| is_good)
}
