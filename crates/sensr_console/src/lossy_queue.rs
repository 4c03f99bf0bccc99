//! Queue in front of a writer that may hang: log lines for a terminal, a pipe or a disk.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// First-in-first-out queue, bounded in bytes, for producers that must never wait and one consumer that may block
/// indefinitely on an item.
///
/// Overflow policy: **the newest items are dropped** and counted, because the first lines of a failure tell its cause.
/// After a drop nothing is accepted until the queue is half empty, so that drops form few long gaps, each of which is
/// [reported](Self::take_loss) in one line.
#[derive(Debug)]
pub struct LossyQueue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    max_bytes: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    /// True while an item was popped and is not written yet.
    is_one_in_hand: bool,
    /// Items that the consumer has finished.
    written: u64,
    lost: u64,
    reported: u64,
    /// Start of the current gap, whose end was not reported yet.
    losing_since: Option<Instant>,
    is_losing: bool,
    is_closed: bool,
}

/// Gap in the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Number of missing lines.
    pub lines: u64,
    /// Time from the first missing line until there was space again.
    pub lasted: Duration,
}

impl<T> LossyQueue<T> {
    /// Returns an empty queue of at most `max_bytes`.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                is_one_in_hand: false,
                written: 0,
                lost: 0,
                reported: 0,
                losing_since: None,
                is_losing: false,
                is_closed: false,
            }),
            changed: Condvar::new(),
            max_bytes,
        }
    }

    /// Appends an item that counts as `bytes`, or drops and counts it. Never waits.
    pub fn push(&self, item: T, bytes: usize) {
        let bytes = bytes.max(1);
        let mut state = self.lock();
        if state.is_losing {
            state.is_losing = state.bytes > self.max_bytes / 2;
        }
        if state.is_losing || state.is_closed || state.bytes + bytes > self.max_bytes {
            state.lost += 1;
            state.is_losing = true;
            state.losing_since.get_or_insert_with(Instant::now);
            return;
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the oldest item and removes it; the previous one counts as written. `None` once the queue is closed and
    /// empty. For one consumer only.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_one_in_hand) {
            state.written += 1;
            self.changed.notify_all();
        }
        loop {
            if let Some((item, bytes)) = state.items.pop_front() {
                state.bytes -= bytes;
                state.is_one_in_hand = true;
                return Some(item);
            }
            if state.is_closed {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns the gap that has ended, once. To be called by the consumer after writing an item.
    pub fn take_loss(&self) -> Option<Loss> {
        let mut state = self.lock();
        let since = state.losing_since?;
        if state.bytes > self.max_bytes / 2 {
            return None;
        }
        let lines = state.lost - state.reported;
        state.reported = state.lost;
        state.losing_since = None;
        state.is_losing = false;
        Some(Loss {
            lines,
            lasted: since.elapsed(),
        })
    }

    /// Counts an item that was popped and could not be written. It forms no gap: no reader would see the report.
    pub fn count_unwritten(&self) {
        let mut state = self.lock();
        state.lost += 1;
        state.reported += 1;
    }

    /// Returns the number of lines dropped since the start.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Returns whether lines are being dropped now.
    pub fn is_losing(&self) -> bool {
        let state = self.lock();
        state.is_losing && state.bytes > self.max_bytes / 2
    }

    /// Drops all further items; queued ones can still be popped.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until everything pushed so far is written. Returns false if nothing was written for `stall`, or at `deadline`.
    pub fn flush(&self, stall: Duration, deadline: Instant) -> bool {
        self.wait_until(stall, deadline, |_| true)
    }

    /// Waits until the queue is closed and everything in it is written. Returns false like [`flush`](Self::flush).
    pub fn finish(&self, stall: Duration, deadline: Instant) -> bool {
        self.wait_until(stall, deadline, |state| state.is_closed)
    }

    fn wait_until(
        &self,
        stall: Duration,
        deadline: Instant,
        is_over: impl Fn(&State<T>) -> bool,
    ) -> bool {
        let mut state = self.lock();
        let mut written = state.written;
        let mut patience = Instant::now() + stall;
        while !state.items.is_empty() || state.is_one_in_hand || !is_over(&state) {
            let now = Instant::now();
            if state.written != written {
                written = state.written;
                patience = now + stall;
            }
            let until = patience.min(deadline);
            if now >= until {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, until - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Locks the state. A poisoned lock is recovered: no method can panic between related changes.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    fn far_deadline() -> Instant {
        Instant::now() + LONG
    }

    #[test]
    fn newest_items_are_dropped_until_half_is_written() {
        let queue = LossyQueue::new(4);
        for number in 0..6 {
            queue.push(number, 1);
        }
        assert_eq!(queue.lost(), 2);
        assert!(queue.is_losing());
        assert_eq!(queue.pop(), Some(0));
        queue.push(6, 1);
        assert_eq!(queue.lost(), 3, "not yet half empty");
        assert_eq!(queue.take_loss(), None, "the gap has not ended");
        assert_eq!(queue.pop(), Some(1));
        queue.push(7, 1);
        assert!(!queue.is_losing());
        queue.close();
        assert_eq!(
            std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(),
            [2, 3, 7]
        );
        assert_eq!(queue.take_loss().expect("a gap").lines, 3);
        assert_eq!(queue.take_loss(), None);
    }

    #[test]
    fn gap_at_the_end_is_reported_too() {
        let queue = LossyQueue::new(1);
        queue.push('a', 1);
        queue.push('b', 1);
        assert_eq!(queue.pop(), Some('a'));
        assert_eq!(queue.take_loss().expect("a gap").lines, 1);
        assert_eq!(queue.lost(), 1);
    }

    #[test]
    fn unwritable_item_is_counted_without_a_gap() {
        let queue = LossyQueue::new(10);
        queue.push('a', 1);
        assert_eq!(queue.pop(), Some('a'));
        queue.count_unwritten();
        assert_eq!((queue.lost(), queue.take_loss()), (1, None));
    }

    #[test]
    fn popped_item_is_not_written_yet() {
        let queue = LossyQueue::new(10);
        queue.push((), 1);
        queue.pop();
        assert!(!queue.flush(Duration::ZERO, far_deadline()));
        assert!(!queue.flush(LONG, Instant::now()));
        queue.close();
        assert!(!queue.finish(Duration::ZERO, far_deadline()));
        assert_eq!(queue.pop(), None);
        assert!(queue.flush(Duration::ZERO, far_deadline()));
        assert!(queue.finish(Duration::ZERO, far_deadline()));
    }

    #[test]
    fn flush_waits_for_a_working_consumer() {
        let queue = Arc::new(LossyQueue::new(1000));
        for number in 0..100 {
            queue.push(number, 1);
        }
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || std::iter::from_fn(|| queue.pop()).count())
        };
        assert!(queue.flush(LONG, far_deadline()));
        assert!(
            !queue.finish(Duration::ZERO, far_deadline()),
            "not closed yet"
        );
        queue.close();
        assert!(queue.finish(LONG, far_deadline()));
        assert_eq!(consumer.join().expect("no panic"), 100);
    }

    proptest! {
        /// Items keep their order, the bound holds, and every dropped item is counted, for any sequence of pushes and pops.
        #[test]
        fn every_dropped_item_is_counted(
            max_bytes in 1_usize..50,
            steps in proptest::collection::vec((1_usize..20, any::<bool>()), 0..200),
        ) {
            let queue = LossyQueue::new(max_bytes);
            let (mut popped, mut reported) = (Vec::new(), 0);
            for (number, (bytes, is_pop)) in steps.iter().enumerate() {
                queue.push(number, *bytes);
                prop_assert!(queue.lock().bytes <= max_bytes);
                let is_empty = queue.lock().items.is_empty();
                if *is_pop && !is_empty {
                    popped.extend(queue.pop());
                    reported += queue.take_loss().map_or(0, |loss| loss.lines);
                }
            }
            queue.close();
            popped.extend(std::iter::from_fn(|| queue.pop()));
            reported += queue.take_loss().map_or(0, |loss| loss.lines);
            prop_assert!(popped.is_sorted());
            prop_assert_eq!(popped.len() as u64 + queue.lost(), steps.len() as u64);
            prop_assert_eq!(reported, queue.lost());
        }
    }
}
