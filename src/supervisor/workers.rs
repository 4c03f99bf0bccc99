//! Worker threads that cannot end unnoticed.

use std::any::Any;
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between two checks while a thread is joined with a deadline.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Failure of a supervised thread.
#[derive(Debug, thiserror::Error)]
pub enum ThreadError {
    /// The operating system started no thread.
    #[error("cannot start the {thread} thread: {source}")]
    Start {
        /// Name of the thread.
        thread: &'static str,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The thread ended without a request, or with an error.
    #[error("the {thread} thread ended: {reason}")]
    Ended {
        /// Name of the thread.
        thread: &'static str,
        /// Its error, or the message of its panic.
        reason: String,
    },
    /// The thread hangs.
    #[error("the {thread} thread hangs")]
    Stuck {
        /// Name of the thread.
        thread: &'static str,
    },
}

/// A named thread that is joined.
#[must_use = "a thread that is not supervised can end unnoticed"]
#[derive(Debug)]
pub struct Worker {
    name: &'static str,
    handle: JoinHandle<Result<(), String>>,
}

impl Worker {
    /// Starts a thread. An error that `work` returns ends up in [`ThreadError::Ended`].
    pub fn spawn(
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Result<Self, ThreadError> {
        let handle = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|source| ThreadError::Start {
                thread: name,
                source,
            })?;
        Ok(Self { name, handle })
    }

    /// Returns whether the thread has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for the end of a thread that was not asked to end, and returns the reason.
    #[must_use]
    pub fn into_error(self) -> ThreadError {
        let thread = self.name;
        let reason = self.join().err();
        let reason = reason.unwrap_or_else(|| "it returned".to_owned());
        ThreadError::Ended { thread, reason }
    }

    /// Waits for the end of a thread that was asked to end.
    pub fn join_until(self, deadline: Instant) -> Result<(), ThreadError> {
        let thread = self.name;
        while !self.handle.is_finished() {
            if Instant::now() >= deadline {
                return Err(ThreadError::Stuck { thread });
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        let joined = self.join();
        joined.map_err(|reason| ThreadError::Ended { thread, reason })
    }

    fn join(self) -> Result<(), String> {
        let joined = self.handle.join();
        joined.unwrap_or_else(|panic| Err(panic_message(panic.as_ref())))
    }
}

/// Threads that start and end together.
#[must_use = "threads that are not supervised can end unnoticed"]
#[derive(Debug)]
pub struct Workers(Vec<Worker>);

impl Workers {
    /// Groups threads.
    pub fn new(workers: impl Into<Vec<Worker>>) -> Self {
        Self(workers.into())
    }

    /// Returns whether any of the threads has ended.
    #[must_use]
    pub fn any_has_ended(&self) -> bool {
        self.0.iter().any(Worker::has_ended)
    }

    /// Waits for the end of all threads, which were asked to end. Returns the first failure.
    pub fn join_until(self, deadline: Instant) -> Result<(), ThreadError> {
        let results = self.0.into_iter().map(|worker| worker.join_until(deadline));
        results.fold(Ok(()), Result::and)
    }

    /// Removes and returns the threads that have ended.
    pub fn take_ended(&mut self) -> Vec<Worker> {
        self.0.extract_if(.., |worker| worker.has_ended()).collect()
    }
}

/// Returns the message of a panic.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_reported_with_its_message() {
        let worker = Worker::spawn("test", || panic!("out of {}", "luck")).expect("spawned");
        let error = worker.into_error().to_string();
        assert_eq!(error, "the test thread ended: out of luck");
    }

    #[test]
    fn a_thread_that_returns_an_error_is_reported_with_it() {
        let worker = Worker::spawn("test", || Err("no more".to_owned())).expect("spawned");
        assert_eq!(
            worker.into_error().to_string(),
            "the test thread ended: no more"
        );
        let worker = Worker::spawn("test", || Ok(())).expect("spawned");
        assert_eq!(
            worker.into_error().to_string(),
            "the test thread ended: it returned"
        );
    }

    #[test]
    fn a_thread_that_does_not_end_is_stuck() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let worker = Worker::spawn("test", move || {
            let _ = wait.recv();
            Ok(())
        })
        .expect("spawned");
        assert!(!worker.has_ended());
        let error = worker
            .join_until(Instant::now())
            .expect_err("it still runs");
        assert!(matches!(error, ThreadError::Stuck { thread: "test" }));
        drop(release);
    }
}
