//! Standard error of the monitor while it runs: kept while a view owns the terminal, and never blocking.
//!
//! rcl and the middleware write there whenever they like, which would tear the picture of the view, and would stop the
//! collecting at a terminal that is stopped.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::output::Output;

/// Number of lines that are kept: the newest.
const MAX_KEPT_LINES: usize = 200;
/// Longest line that is taken as one, bytes.
const MAX_LINE_BYTES: u64 = 8192;
/// Longest wait at the end for the lines in the pipe.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// Time between two looks for the end of the thread.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Replaced standard error, restored when dropped.
#[derive(Debug)]
#[must_use = "standard error is restored when this is dropped"]
pub struct StderrRelay {
    /// `None` once it is restored.
    real: Option<File>,
    destination: Arc<Destination>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Destination {
    /// Lines for the time after the view.
    Kept(Mutex<Kept>),
    /// Lines that are passed on.
    Passed(Output),
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Vec<u8>>,
    dropped: u64,
}

impl StderrRelay {
    /// Replaces standard error. Its lines are passed on, or kept until the end if `is_kept`.
    pub fn start(is_kept: bool) -> io::Result<Self> {
        let duplicate = || io::stderr().as_fd().try_clone_to_owned().map(File::from);
        let real = duplicate()?;
        let destination = Arc::new(if is_kept {
            Destination::Kept(Mutex::default())
        } else {
            Destination::Passed(Output::start("standard error", duplicate()?)?)
        });
        let (pipe, writer) = io::pipe()?;
        let lines = Arc::clone(&destination);
        let reader = thread::Builder::new()
            .name("stderr".to_owned())
            .spawn(move || read_lines(pipe, &lines))?;
        rustix::stdio::dup2_stderr(&writer)?;
        Ok(Self {
            real: Some(real),
            destination,
            reader: Some(reader),
        })
    }

    /// Restores standard error and writes what was kept. A reader that takes nothing is waited for some seconds.
    fn restore(&mut self) {
        let Some(real) = self.real.take() else {
            return;
        };
        if rustix::stdio::dup2_stderr(&real).is_err() {
            return;
        }
        // The pipe has no writer any more, so its thread ends.
        let deadline = Instant::now() + DRAIN_LIMIT;
        if let Some(reader) = self.reader.take() {
            while !reader.is_finished() && Instant::now() < deadline {
                thread::sleep(POLL_INTERVAL);
            }
        }
        // There is no other place for an error of standard error.
        match &*self.destination {
            Destination::Passed(output) => {
                let _ = output.finish();
            }
            Destination::Kept(kept) => {
                if let Ok(output) = Output::start("standard error", real) {
                    let kept = std::mem::take(&mut *lock(kept));
                    output.write(kept.into_text());
                    let _ = output.finish();
                }
            }
        }
    }
}

impl Drop for StderrRelay {
    fn drop(&mut self) {
        self.restore();
    }
}

impl Destination {
    fn take(&self, line: Vec<u8>) {
        match self {
            Self::Passed(output) => output.write(line),
            Self::Kept(kept) => lock(kept).push(line),
        }
    }
}

impl Kept {
    fn push(&mut self, line: Vec<u8>) {
        if self.lines.len() == MAX_KEPT_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    fn into_text(self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.dropped > 0 {
            let note = format!("({} earlier lines are not shown)\n", self.dropped);
            text.extend(note.into_bytes());
        }
        text.extend(self.lines.into_iter().flatten());
        text
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads to the end of the pipe, independently of the real stream.
fn read_lines(pipe: PipeReader, destination: &Destination) {
    let mut pipe = BufReader::new(pipe);
    loop {
        let mut line = Vec::new();
        // Errors do not occur on a pipe of this process; the standard library repeats interrupted reads.
        match pipe
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => destination.take(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_newest_lines_are_kept_and_the_others_are_counted() {
        let destination = Destination::Kept(Mutex::default());
        let (pipe, mut writer) = io::pipe().expect("a pipe");
        thread::scope(|threads| {
            threads.spawn(|| read_lines(pipe, &destination));
            for number in 0..MAX_KEPT_LINES + 3 {
                writeln!(writer, "line {number}").expect("written");
            }
            write!(writer, "the last").expect("written");
            drop(writer);
        });
        let Destination::Kept(kept) = destination else {
            unreachable!("as created");
        };
        let text = kept.into_inner().expect("no panic").into_text();
        let text = String::from_utf8(text).expect("UTF-8");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), MAX_KEPT_LINES + 1);
        assert_eq!(lines[..2], ["(4 earlier lines are not shown)", "line 4"]);
        assert_eq!(lines[MAX_KEPT_LINES], "the last");
    }
}
