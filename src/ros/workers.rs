//! The node's threads, none of which can end unnoticed.

use std::any::Any;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Error;

/// A named thread.
#[must_use = "a thread that nobody looks after can end unnoticed"]
pub(super) struct Worker {
    name: &'static str,
    handle: JoinHandle<Result<(), String>>,
}

impl Worker {
    pub(super) fn spawn(
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Result<Self, Error> {
        let handle = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|source| Error::System {
                what: "start a thread",
                source,
            })?;
        Ok(Self { name, handle })
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Why it ended, for one that was not asked to. Waits until it has.
    pub(super) fn autopsy(self) -> Error {
        let thread = self.name;
        let reason = match self.handle.join() {
            Ok(Ok(())) => "it returned".to_owned(),
            Ok(Err(reason)) => reason,
            Err(panic) => panic_message(panic.as_ref()),
        };
        Error::Worker { thread, reason }
    }

    /// Waits for one that was asked to end.
    pub(super) fn join_until(self, deadline: Instant) -> Result<(), Error> {
        const LOOK: Duration = Duration::from_millis(5);
        while !self.handle.is_finished() {
            if Instant::now() >= deadline {
                return Err(Error::Stuck { thread: self.name });
            }
            std::thread::sleep(LOOK);
        }
        let reason = match self.handle.join() {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(panic) => panic_message(panic.as_ref()),
        };
        Err(Error::Worker {
            thread: self.name,
            reason,
        })
    }
}

/// Threads that live and end together.
#[must_use = "threads that nobody looks after can end unnoticed"]
pub(super) struct Workers(Vec<Worker>);

impl Workers {
    pub(super) fn new(workers: impl Into<Vec<Worker>>) -> Self {
        Self(workers.into())
    }

    /// Whether one of them has ended.
    pub(super) fn any_has_ended(&self) -> bool {
        self.0.iter().any(Worker::has_ended)
    }

    /// Waits for all, who were asked to end. Returns what was wrong with the first with whom something was.
    pub(super) fn join_until(self, deadline: Instant) -> Result<(), Error> {
        let results = self.0.into_iter().map(|worker| worker.join_until(deadline));
        results.fold(Ok(()), Result::and)
    }

    /// Takes out those that have ended.
    pub(super) fn take_ended(&mut self) -> Vec<Worker> {
        self.0.extract_if(.., |worker| worker.has_ended()).collect()
    }
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
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
        let error = worker.autopsy().to_string();
        assert_eq!(error, "the test thread ended: out of luck");
    }

    #[test]
    fn a_thread_that_gives_up_says_why() {
        let worker = Worker::spawn("test", || Err("no more".to_owned())).expect("spawned");
        assert_eq!(
            worker.autopsy().to_string(),
            "the test thread ended: no more"
        );
        let worker = Worker::spawn("test", || Ok(())).expect("spawned");
        assert_eq!(
            worker.autopsy().to_string(),
            "the test thread ended: it returned"
        );
    }

    #[test]
    fn a_thread_that_does_not_end_is_an_error() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let worker = Worker::spawn("test", move || {
            let _ = wait.recv();
            Ok(())
        })
        .expect("spawned");
        assert!(!worker.has_ended());
        let error = worker.join_until(Instant::now()).expect_err("still there");
        assert!(matches!(error, Error::Stuck { thread: "test" }));
        drop(release);
    }
}
