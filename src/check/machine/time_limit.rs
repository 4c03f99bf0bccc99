//! Work that may hang, such as questions to a file system whose server is gone.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Work in the background that is waited for until a deadline, and left alone after it.
#[derive(Debug)]
pub(super) struct Background<T> {
    result: Receiver<T>,
    deadline: Instant,
}

impl<T: Send + 'static> Background<T> {
    /// Starts work in a thread of its own.
    pub(super) fn start(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let deadline = Instant::now() + limit;
        let (sender, result) = mpsc::sync_channel(1);
        // After the deadline nothing receives the result any more, and it is dropped.
        thread::spawn(move || drop(sender.send(work())));
        Self { result, deadline }
    }

    /// Waits for the result. `None` if there is none at the deadline.
    ///
    /// # Panics
    ///
    /// If the work has panicked.
    pub(super) fn wait(self) -> Option<T> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.result.recv_timeout(left) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("an examination has panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_hangs_is_given_up_and_other_work_is_not() {
        let quick = Background::start(Duration::from_secs(60), || 7);
        let (release, hanging) = mpsc::channel::<()>();
        let hangs = Background::start(Duration::from_millis(20), move || hanging.recv().is_ok());
        assert_eq!(hangs.wait(), None);
        assert_eq!(quick.wait(), Some(7));
        drop(release);
    }

    #[test]
    #[should_panic(expected = "has panicked")]
    fn a_panic_is_passed_on() {
        let work = Background::start(Duration::from_secs(60), || -> u32 { panic!("in the work") });
        let _ = work.wait();
    }
}
