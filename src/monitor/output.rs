//! Output that never delays the monitor: lines are written by a thread of their own.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sensr_console::lossy_queue::LossyQueue;

/// Capacity of the queue: hours of lines, should their reader stand still.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// Longest wait at the end for a reader that takes nothing.
const STALL_LIMIT: Duration = Duration::from_secs(2);
/// Longest wait at the end for a reader that takes a little now and then.
const FINISH_LIMIT: Duration = Duration::from_secs(10);
/// Pause before writing again to a stream that another process has made non-blocking.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Stream or file that lines are written to in their order. Lines that find no room are lost, and counted.
#[derive(Debug)]
pub struct Output {
    name: String,
    queue: Arc<LossyQueue<Vec<u8>>>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

/// Reason why not everything was written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Writing failed.
    #[error("{name}: {source}; check folder, rights and free space")]
    Failed {
        /// Stream or file.
        name: String,
        /// Error of the system.
        source: io::Error,
    },
    /// The reader, or the disk, has taken nothing for too long.
    #[error("{name}: the rest was not written, because its reader or disk takes nothing")]
    Stalled {
        /// Stream or file.
        name: String,
    },
    /// Some lines found no room.
    #[error("{name}: {lines} lines were lost, because its reader or disk was too slow")]
    Lost {
        /// Stream or file.
        name: String,
        /// Number of lost lines.
        lines: u64,
    },
}

impl Output {
    /// Starts the thread that writes to `target`. `name` is for errors.
    pub fn start(name: impl Into<String>, target: impl Write + Send + 'static) -> io::Result<Self> {
        let output = Self {
            name: name.into(),
            queue: Arc::new(LossyQueue::new(MAX_WAITING_BYTES)),
            failure: Arc::default(),
        };
        let (queue, failure) = (Arc::clone(&output.queue), Arc::clone(&output.failure));
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || write_queue(target, &queue, &failure))?;
        Ok(output)
    }

    /// Returns the name of the stream or file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a text of one or more whole lines. Returns at once.
    pub fn write(&self, lines: impl Into<Vec<u8>>) {
        let lines = lines.into();
        let bytes = lines.len();
        self.queue.push(lines, bytes);
    }

    /// Returns whether writing has failed. Nothing is written after that.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.lock_failure().is_some()
    }

    /// Ends the output: waits until everything is written, as long as its reader takes something. What is written later
    /// is lost.
    pub fn finish(&self) -> Result<(), OutputError> {
        self.queue.close();
        let deadline = Instant::now() + FINISH_LIMIT;
        let is_finished = self.queue.finish(STALL_LIMIT, deadline);
        let failure = self.lock_failure().take();
        let (name, lines) = (self.name.clone(), self.queue.lost());
        match failure {
            Some(source) => Err(OutputError::Failed { name, source }),
            None if !is_finished => Err(OutputError::Stalled { name }),
            None if lines > 0 => Err(OutputError::Lost { name, lines }),
            None => Ok(()),
        }
    }

    fn lock_failure(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputError {
    /// Returns whether the reader has ended, as that of a pipe into `head` does: no fault of anybody.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.kind() == ErrorKind::BrokenPipe)
    }
}

/// Writes what comes until the queue is closed. May block on a line indefinitely.
fn write_queue(
    mut target: impl Write,
    queue: &LossyQueue<Vec<u8>>,
    failure: &Mutex<Option<io::Error>>,
) {
    let mut has_failed = false;
    while let Some(lines) = queue.pop() {
        if has_failed {
            continue;
        }
        if let Err(error) = write_all(&mut target, &lines) {
            has_failed = true;
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

fn write_all(target: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match target.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(error) => return Err(error),
        }
    }
    target.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn everything_is_written_in_order() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let output = Output::start("pipe", writer).expect("started");
        for line in ["one\n", "two\nthree\n"] {
            output.write(line);
        }
        output.finish().expect("all written");
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "one\ntwo\nthree\n");
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let output = Output::start("pipe", writer).expect("started");
        let line = vec![b'x'; 64 * 1024];
        let count = 2 * MAX_WAITING_BYTES / line.len();
        for _ in 0..count {
            output.write(line.clone());
        }
        let drain = thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        let error = output.finish().expect_err("lines are lost");
        assert!(
            matches!(error, OutputError::Lost { lines: 1.., .. }),
            "{error}"
        );
        assert!(error.to_string().contains("too slow"));
        drain.join().expect("no panic").expect("readable");
    }

    #[test]
    fn a_reader_that_has_ended_is_told_from_a_failure() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let output = Output::start("standard output", writer).expect("started");
        output.write("line\n");
        let error = output.finish().expect_err("nobody reads");
        assert!(error.is_closed(), "{error}");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let output = Output::start("run.csv", full.expect("a device of Linux")).expect("started");
        output.write("line\n");
        let error = output.finish().expect_err("the disk is full");
        assert!(!error.is_closed());
        assert!(
            error.to_string().starts_with("run.csv: No space left"),
            "{error}"
        );
    }
}
