//! Relay of one console stream: a pipe in its place, a thread that always reads the pipe, and one that writes.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read as _, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::line_splitter::LineSplitter;
use crate::lossy_queue::LossyQueue;

/// Capacity of the queue of one stream: about two thousand lines.
const MAX_WAITING_BYTES: usize = 256 * 1024;
/// Size of one read: the capacity of a pipe.
const READ_BYTES: usize = 64 * 1024;
/// Pause before writing again to a stream that another process has made non-blocking.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Stream of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// Replaced stream.
#[derive(Debug)]
pub(super) struct Relay {
    stream: Stream,
    real: Arc<File>,
    queue: Arc<LossyQueue<Vec<u8>>>,
}

impl Stream {
    fn duplicate(self) -> io::Result<OwnedFd> {
        match self {
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned(),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        }
    }

    fn replace(self, with: impl AsFd) -> io::Result<()> {
        match self {
            Self::Stdout => rustix::stdio::dup2_stdout(with),
            Self::Stderr => rustix::stdio::dup2_stderr(with),
        }
        .map_err(io::Error::from)
    }

    const fn thread_names(self) -> [&'static str; 2] {
        match self {
            Self::Stdout => ["stdout-read", "stdout-write"],
            Self::Stderr => ["stderr-read", "stderr-write"],
        }
    }
}

impl Relay {
    /// Replaces the stream and starts its threads.
    pub(super) fn start(stream: Stream) -> io::Result<Self> {
        let relay = Self {
            stream,
            real: Arc::new(stream.duplicate()?.into()),
            queue: Arc::new(LossyQueue::new(MAX_WAITING_BYTES)),
        };
        let (reader, writer) = io::pipe()?;
        let [read_name, write_name] = stream.thread_names();
        let queue = Arc::clone(&relay.queue);
        spawn_thread(read_name, move || read_pipe(reader, &queue))?;
        let (real, queue) = (Arc::clone(&relay.real), Arc::clone(&relay.queue));
        spawn_thread(write_name, move || write_queue(&real, &queue))?;
        stream.replace(writer)?;
        Ok(relay)
    }

    pub(super) fn push_line(&self, line: Vec<u8>) {
        let bytes = line.len();
        self.queue.push(line, bytes);
    }

    pub(super) fn queue(&self) -> &LossyQueue<Vec<u8>> {
        &self.queue
    }

    /// Restores the real stream, which ends the pipe. Returns whether this worked.
    pub(super) fn restore(&self) -> bool {
        self.stream.replace(&*self.real).is_ok()
    }
}

fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
}

/// Reads to the end of the pipe, independently of the real stream.
fn read_pipe(mut pipe: PipeReader, queue: &LossyQueue<Vec<u8>>) {
    let mut splitter = LineSplitter::default();
    let mut bytes = vec![0; READ_BYTES];
    let push = |line: Vec<u8>| {
        let bytes = line.len();
        queue.push(line, bytes);
    };
    loop {
        match pipe.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => splitter.push_bytes(&bytes[..count], push),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Other errors do not occur on a pipe of this process.
            Err(_) => break,
        }
    }
    if let Some(rest) = splitter.into_partial() {
        push(rest);
    }
    queue.close();
}

/// Writes line by line. May block on a line indefinitely.
fn write_queue(real: &File, queue: &LossyQueue<Vec<u8>>) {
    while let Some(line) = queue.pop() {
        if write_all(real, &line).is_err() {
            queue.count_unwritten();
        }
        if let Some(loss) = queue.take_loss() {
            log::warn!(
                "{} log lines were lost: the console did not take them for {:.1} s. Is the terminal stopped (Ctrl-Q \
                 resumes it), or does its reader hang?",
                loss.lines,
                loss.lasted.as_secs_f64()
            );
        }
    }
}

fn write_all(mut real: impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match real.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn every_byte_read_is_written() {
        let queue = LossyQueue::new(MAX_WAITING_BYTES);
        let (from_process, mut process) = io::pipe().expect("a pipe");
        let (mut console, real) = io::pipe().expect("a pipe");
        let real = File::from(OwnedFd::from(real));
        let seen = thread::scope(|threads| {
            threads.spawn(|| read_pipe(from_process, &queue));
            threads.spawn(|| write_queue(&real, &queue));
            process.write_all(b"one\ntwo\nthr").expect("written");
            drop(process);
            assert!(queue.finish(LONG, Instant::now() + LONG));
            let mut seen = [0; 11];
            console.read_exact(&mut seen).expect("all of it");
            seen
        });
        assert_eq!(&seen, b"one\ntwo\nthr");
    }

    #[test]
    fn console_that_takes_nothing_costs_lines_and_no_time() {
        let queue = LossyQueue::new(MAX_WAITING_BYTES);
        let (from_process, mut process) = io::pipe().expect("a pipe");
        let (console, real) = io::pipe().expect("a pipe");
        let real = File::from(OwnedFd::from(real));
        let line = [b'x'; 999].iter().chain(b"\n").copied().collect::<Vec<_>>();
        thread::scope(|threads| {
            threads.spawn(|| read_pipe(from_process, &queue));
            threads.spawn(|| write_queue(&real, &queue));
            for _ in 0..1000 {
                process.write_all(&line).expect("written");
            }
            drop(process);
            assert!(!queue.finish(Duration::from_millis(50), Instant::now() + LONG));
            assert!(queue.lost() > 0);
            // Lets the thread end: without a reader each write fails.
            drop(console);
            assert!(queue.finish(LONG, Instant::now() + LONG));
        });
    }
}
