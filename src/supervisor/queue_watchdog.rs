//! Watchdog of the queues: detects a publishing thread that hangs in the middleware. Such a thread has not ended, but
//! it takes nothing out of its queue.

use std::time::{Duration, Instant};

use super::workers::ThreadError;

/// Time for which messages may wait while none is taken. Publishing takes milliseconds, and a tenth of a second when
/// the middleware waits for a slow reader.
const STUCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for which messages may wait while none is taken, until the thread no longer counts as working. It may recover.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time between two polls that counts. In a longer one the process was stopped, or the machine asleep.
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Progress of the thread that empties a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueProgress {
    /// Items taken out since the start.
    pub taken: u64,
    /// Items that wait.
    pub waiting: usize,
}

/// Watches the threads that empty `N` queues.
#[derive(Debug)]
pub struct QueueWatchdog<const N: usize> {
    watched: [WatchedThread; N],
    last_poll: Instant,
}

#[derive(Debug)]
struct WatchedThread {
    name: &'static str,
    taken: u64,
    stuck_for: Duration,
}

impl<const N: usize> QueueWatchdog<N> {
    /// Watches the named threads from `now` on.
    #[must_use]
    pub fn new(threads: [&'static str; N], now: Instant) -> Self {
        Self {
            watched: threads.map(|name| WatchedThread {
                name,
                taken: 0,
                stuck_for: Duration::ZERO,
            }),
            last_poll: now,
        }
    }

    /// Compares each queue, in the order of the threads, with its state at the poll before. To be called several times
    /// a second. Fails once a thread is stuck.
    pub fn poll(&mut self, now: Instant, queues: [QueueProgress; N]) -> Result<(), ThreadError> {
        let elapsed = now.saturating_duration_since(self.last_poll);
        let elapsed = elapsed.min(MAX_POLL_INTERVAL);
        self.last_poll = now;
        let mut threads = self.watched.iter_mut().zip(queues);
        threads.try_for_each(|(thread, queue)| thread.poll(elapsed, queue))
    }

    /// Returns whether, at the last poll, each thread took messages out of its queue or had none to take.
    #[must_use]
    pub fn are_working(&self) -> bool {
        let mut threads = self.watched.iter();
        threads.all(|thread| thread.stuck_for < STALL_TIMEOUT)
    }
}

impl WatchedThread {
    fn poll(&mut self, elapsed: Duration, queue: QueueProgress) -> Result<(), ThreadError> {
        if queue.taken != self.taken || queue.waiting == 0 {
            self.taken = queue.taken;
            self.stuck_for = Duration::ZERO;
            return Ok(());
        }
        self.stuck_for += elapsed;
        if self.stuck_for >= STUCK_TIMEOUT {
            return Err(ThreadError::Stuck { thread: self.name });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        watchdog: QueueWatchdog<1>,
        queue: QueueProgress,
        now: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            let now = Instant::now();
            let queue = QueueProgress {
                taken: 0,
                waiting: 0,
            };
            Self {
                watchdog: QueueWatchdog::new(["test"], now),
                queue,
                now,
            }
        }

        fn poll_for(&mut self, seconds: u64) -> Result<(), ThreadError> {
            (0..seconds * 10).try_for_each(|_| {
                self.now += Duration::from_millis(100);
                self.watchdog.poll(self.now, [self.queue])
            })
        }
    }

    #[test]
    fn an_empty_queue_is_never_stuck() {
        Fixture::new().poll_for(1000).expect("nothing waits");
    }

    #[test]
    fn a_queue_that_is_not_emptied_is_an_error_after_a_while() {
        let mut fixture = Fixture::new();
        fixture.queue.waiting = 1;
        fixture.poll_for(29).expect("it may take long");
        let error = fixture.poll_for(2).expect_err("too long");
        assert!(matches!(error, ThreadError::Stuck { thread: "test" }));
    }

    #[test]
    fn a_thread_that_takes_nothing_does_not_work_until_it_takes_something() {
        let mut fixture = Fixture::new();
        fixture.queue.waiting = 1;
        fixture.poll_for(4).expect("it may take long");
        assert!(fixture.watchdog.are_working());
        fixture.poll_for(2).expect("it may take long");
        assert!(!fixture.watchdog.are_working());
        fixture.queue.taken += 1;
        fixture.poll_for(1).expect("it goes on");
        assert!(fixture.watchdog.are_working());
    }

    #[test]
    fn slow_is_not_stuck() {
        let mut fixture = Fixture::new();
        fixture.queue.waiting = 2;
        for _ in 0..10 {
            fixture.poll_for(29).expect("it may take long");
            fixture.queue.taken += 1;
        }
    }

    #[test]
    fn no_time_passes_while_the_process_is_stopped() {
        let mut fixture = Fixture::new();
        fixture.queue.waiting = 1;
        for _ in 1..10 {
            fixture.now += Duration::from_secs(3600);
            let polled = fixture.watchdog.poll(fixture.now, [fixture.queue]);
            polled.expect("an hour is no time here");
        }
    }
}
