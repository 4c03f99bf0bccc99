//! Whether the queues still have somebody who takes out of them. A thread that hangs in the middleware has not
//! ended, so that it goes on existing says nothing.

use std::time::{Duration, Instant};

use super::Error;
use crate::pipeline::Queues;
use crate::queue::ByteQueue;

/// Something may wait for so long while nothing is taken out. Handing a message over takes milliseconds, and a tenth
/// of a second when the middleware waits.
const LIMIT: Duration = Duration::from_secs(30);
/// More than this between two looks does not count: the process was stopped, or the machine asleep.
const LOOK: Duration = Duration::from_millis(500);

/// Watches those who take out of the queues.
#[derive(Debug)]
pub(super) struct Consumers {
    watched: [Consumer; 3],
    looked: Instant,
}

#[derive(Debug)]
struct Consumer {
    thread: &'static str,
    taken: u64,
    stuck_for: Duration,
}

impl Consumers {
    pub(super) fn new(now: Instant) -> Self {
        let watch = |thread| Consumer {
            thread,
            taken: 0,
            stuck_for: Duration::ZERO,
        };
        Self {
            watched: ["pub-points", "pub-objects", "pub-events"].map(watch),
            looked: now,
        }
    }

    /// Looks at them. Meant to be called some times a second.
    pub(super) fn look(&mut self, now: Instant, queues: &Queues) -> Result<(), Error> {
        let elapsed = now.saturating_duration_since(self.looked).min(LOOK);
        self.looked = now;
        let [clouds, objects, notices] = &mut self.watched;
        clouds.look(elapsed, &queues.clouds)?;
        objects.look(elapsed, &queues.objects)?;
        notices.look(elapsed, &queues.notices)
    }
}

impl Consumer {
    fn look<T>(&mut self, elapsed: Duration, queue: &ByteQueue<T>) -> Result<(), Error> {
        let taken = queue.taken();
        if taken != self.taken || queue.fill().items == 0 {
            self.taken = taken;
            self.stuck_for = Duration::ZERO;
            return Ok(());
        }
        self.stuck_for += elapsed;
        if self.stuck_for >= LIMIT {
            return Err(Error::Stuck {
                thread: self.thread,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rig {
        queue: ByteQueue<u8>,
        consumer: Consumer,
    }

    impl Rig {
        fn new() -> Self {
            Self {
                queue: ByteQueue::new(100),
                consumer: Consumer {
                    thread: "test",
                    taken: 0,
                    stuck_for: Duration::ZERO,
                },
            }
        }

        fn looks(&mut self, seconds: u64) -> Result<(), Error> {
            (0..seconds * 10)
                .try_for_each(|_| self.consumer.look(Duration::from_millis(100), &self.queue))
        }
    }

    #[test]
    fn an_empty_queue_needs_nobody() {
        Rig::new().looks(1000).expect("nothing waits");
    }

    #[test]
    fn a_queue_that_nobody_takes_out_of_is_an_error_after_a_while() {
        let mut rig = Rig::new();
        assert!(rig.queue.push(1, 1).is_empty());
        rig.looks(29).expect("it may take long");
        let error = rig.looks(2).expect_err("too long");
        assert!(matches!(error, Error::Stuck { thread: "test" }));
    }

    #[test]
    fn slow_is_not_stuck() {
        let mut rig = Rig::new();
        for _ in 0..10 {
            assert!(rig.queue.push(1, 1).is_empty());
            assert!(rig.queue.push(2, 1).is_empty());
            rig.looks(29).expect("it may take long");
            rig.queue.pop();
            rig.queue.pop();
        }
    }

    #[test]
    fn while_the_process_is_stopped_no_time_passes() {
        let start = Instant::now();
        let queues = Queues::new(100);
        let mut consumers = Consumers::new(start);
        for hours in 1..10 {
            let now = start + Duration::from_secs(3600 * hours);
            consumers.look(now, &queues).expect("nothing waits");
        }
        assert!(
            consumers
                .watched
                .iter()
                .all(|consumer| consumer.stuck_for <= LOOK)
        );
    }
}
