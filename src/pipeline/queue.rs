//! Queue between the thread that reads a link and the thread that publishes: bounded in bytes, drops the oldest.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Fill;

/// First-in-first-out queue bounded in bytes, for one producer that never waits and one consumer that may.
///
/// **Overflow policy: drop oldest.** [`push`](Self::push) makes room by returning the oldest items to the producer,
/// which accounts for them. An item larger than the whole bound is returned itself: it would push out everything and
/// still not fit.
///
/// ```
/// use sensr_bridge::pipeline::queue::ByteQueue;
///
/// let queue = ByteQueue::new(10);
/// assert!(queue.push("a", 6).is_empty());
/// assert_eq!(queue.push("b", 6), ["a"]);
/// assert_eq!(queue.push("c", 11), ["c"]);
/// ```
#[derive(Debug)]
pub struct ByteQueue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    max_bytes: usize,
    taken: u64,
    /// True from an item's pop until the consumer's next call.
    is_consumer_busy: bool,
    /// Bytes of the item that the producer handles itself.
    claimed: Option<usize>,
    is_interrupted: bool,
    closed: bool,
}

/// Right of the producer to handle an item itself, ahead of none. The item counts as one that waits until this is
/// dropped, and then as taken.
#[derive(Debug)]
#[must_use]
pub struct Claim<'q, T>(&'q ByteQueue<T>);

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.claimed = None;
        state.taken += 1;
    }
}

/// Answer of [`ByteQueue::pop`] and [`ByteQueue::pop_ready`].
#[derive(Debug, PartialEq, Eq)]
pub enum Popped<T> {
    /// The oldest item, or the oldest ready one.
    Item(T),
    /// [`ByteQueue::interrupt`] was called.
    Interrupted,
    /// No item is ready yet.
    NotReady,
    /// The queue is closed and empty.
    Closed,
}

impl<T> Popped<T> {
    /// Returns the item, if it is one.
    pub fn item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Interrupted | Self::NotReady | Self::Closed => None,
        }
    }
}

impl<T> ByteQueue<T> {
    /// Creates an empty queue that holds at most `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                max_bytes,
                taken: 0,
                is_consumer_busy: false,
                claimed: None,
                is_interrupted: false,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Appends `item`, which counts as `bytes` (at least one), without waiting. Returns the items that were pushed out,
    /// oldest first, or `item` itself if it can never fit or the queue is closed.
    #[must_use = "dropped items are lost data and have to be counted"]
    pub fn push(&self, item: T, bytes: usize) -> Vec<T> {
        let bytes = bytes.max(1);
        let mut state = self.lock();
        if state.closed || bytes > state.max_bytes {
            return vec![item];
        }
        let room_for = state.max_bytes - bytes;
        let evicted = state.evict_down_to(room_for);
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        drop(state);
        self.changed.notify_one();
        evicted
    }

    /// Lets the producer handle an item of `bytes` itself, if no other item waits or is being handled, so that the order
    /// is kept. `None` also if the item would not fit into the queue, or the queue is closed.
    pub fn claim(&self, bytes: usize) -> Option<Claim<'_, T>> {
        let mut state = self.lock();
        let is_idle = state.items.is_empty() && !state.is_consumer_busy && state.claimed.is_none();
        if !is_idle || state.closed || bytes > state.max_bytes {
            return None;
        }
        state.claimed = Some(bytes.max(1));
        Some(Claim(self))
    }

    /// Takes the oldest item, and waits for one. Never returns [`Popped::NotReady`].
    pub fn pop(&self) -> Popped<T> {
        let mut state = self.lock();
        state.is_consumer_busy = false;
        loop {
            if state.take_interrupt() {
                return Popped::Interrupted;
            }
            if let Some((item, bytes)) = state.items.pop_front() {
                state.record_pop(bytes);
                return Popped::Item(item);
            }
            if state.closed {
                return Popped::Closed;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the oldest item for which `is_ready` holds, even before older ones; once the queue is closed, the oldest.
    ///
    /// Waits for an item, and at most `timeout` for a ready one. Returns [`Popped::NotReady`] after the timeout and
    /// when the first item arrives in an empty queue, for the caller to evaluate readiness again.
    pub fn pop_ready(&self, is_ready: impl Fn(&T) -> bool, timeout: Duration) -> Popped<T> {
        let mut state = self.lock();
        state.is_consumer_busy = false;
        if state.take_interrupt() {
            return Popped::Interrupted;
        }
        if state.items.is_empty() && !state.closed {
            drop(
                self.changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            return Popped::NotReady;
        }
        let ready = if state.closed {
            Some(0)
        } else {
            state.items.iter().position(|(item, _)| is_ready(item))
        };
        let Some(ready) = ready else {
            drop(
                self.changed
                    .wait_timeout(state, timeout)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            return Popped::NotReady;
        };
        let Some((item, bytes)) = state.items.remove(ready) else {
            return Popped::Closed;
        };
        state.record_pop(bytes);
        Popped::Item(item)
    }

    /// Makes one call of the consumer return [`Popped::Interrupted`], ahead of all items: the one that waits, or the
    /// next. Interrupts before that call count as one.
    pub fn interrupt(&self) {
        self.lock().is_interrupted = true;
        self.changed.notify_all();
    }

    /// Changes the bound. Returns the items that no longer fit, oldest first.
    #[must_use = "dropped items are lost data and have to be counted"]
    pub fn set_max_bytes(&self, max_bytes: usize) -> Vec<T> {
        let mut state = self.lock();
        state.max_bytes = max_bytes;
        state.evict_down_to(max_bytes)
    }

    /// Closes the queue for new items. Queued ones can still be popped.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until the queue is empty or `deadline` has passed, and returns the remaining items.
    #[must_use = "remaining items are lost data and have to be counted"]
    pub fn drain_until(&self, deadline: Instant) -> Vec<T> {
        // The consumer sends no signal when it pops; polling is good enough for a shutdown.
        const POLL_INTERVAL: Duration = Duration::from_millis(10);
        while self.fill().items > 0 && Instant::now() < deadline {
            std::thread::sleep(POLL_INTERVAL);
        }
        self.lock().evict_down_to(0)
    }

    /// Number of items popped, or handled by the producer, so far. If items wait and this number does not grow, the consumer hangs.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Fill level.
    pub fn fill(&self) -> Fill {
        let state = self.lock();
        Fill {
            items: state.items.len() + usize::from(state.claimed.is_some()),
            bytes: state.bytes + state.claimed.unwrap_or(0),
            max_bytes: state.max_bytes,
        }
    }

    /// Locks the state. No invariant spans a panic here (each method is a few moves), so a poisoned lock is recovered;
    /// the supervisor ends the process for the panic.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take_interrupt(&mut self) -> bool {
        std::mem::take(&mut self.is_interrupted)
    }

    fn record_pop(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.taken += 1;
        self.is_consumer_busy = true;
    }

    fn evict_down_to(&mut self, bytes: usize) -> Vec<T> {
        let mut evicted = Vec::new();
        while self.bytes > bytes {
            let Some((item, item_bytes)) = self.items.pop_front() else {
                break;
            };
            self.bytes -= item_bytes;
            evicted.push(item);
        }
        evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn first_in_first_out() {
        let queue = ByteQueue::new(100);
        for i in 0..3 {
            assert!(queue.push(i, 10).is_empty());
        }
        assert_eq!(
            queue.fill(),
            Fill {
                items: 3,
                bytes: 30,
                max_bytes: 100
            }
        );
        queue.close();
        assert_eq!(
            std::iter::from_fn(|| queue.pop().item()).collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }

    #[test]
    fn popped_items_are_counted_and_dropped_ones_are_not() {
        let queue = ByteQueue::new(10);
        assert!(queue.push(1, 10).is_empty());
        assert_eq!(queue.push(2, 10), [1]);
        assert_eq!(queue.taken(), 0);
        assert_eq!(queue.pop().item(), Some(2));
        assert_eq!(queue.taken(), 1);
    }

    /// The supervisor ends the process after a panic; until then the other threads and the ledger go on.
    #[test]
    fn a_poisoned_lock_is_recovered() {
        let queue = Arc::new(ByteQueue::new(10));
        let poisoner = Arc::clone(&queue);
        let panicked = std::thread::spawn(move || {
            let _held = poisoner.lock();
            panic!("while holding the lock");
        });
        assert!(panicked.join().is_err());
        assert!(queue.state.is_poisoned());
        assert!(queue.push(1, 1).is_empty());
        assert_eq!((queue.pop().item(), queue.fill().items), (Some(1), 0));
    }

    #[test]
    fn a_closed_queue_returns_pushed_items() {
        let queue = ByteQueue::new(100);
        queue.close();
        assert_eq!(queue.push(1, 1), [1]);
        assert_eq!(queue.pop().item(), None);
    }

    #[test]
    fn a_smaller_bound_evicts_the_oldest() {
        let queue = ByteQueue::new(100);
        for i in 0..5 {
            assert!(queue.push(i, 20).is_empty());
        }
        assert_eq!(queue.set_max_bytes(50), [0, 1, 2]);
        assert_eq!(queue.fill().bytes, 40);
    }

    #[test]
    fn a_waiting_consumer_is_woken_by_a_push_and_by_close() {
        let queue = Arc::new(ByteQueue::new(100));
        let consumer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || (queue.pop().item(), queue.pop().item())
        });
        assert!(queue.push(7, 1).is_empty());
        while queue.fill().items > 0 {
            std::thread::yield_now();
        }
        queue.close();
        assert_eq!(consumer.join().unwrap(), (Some(7), None));
    }

    #[test]
    fn an_item_that_is_not_ready_waits_without_blocking_others() {
        let queue = ByteQueue::new(100);
        for i in 0..4 {
            assert!(queue.push(i, 10).is_empty());
        }
        let odd = || queue.pop_ready(|i| i % 2 == 1, Duration::ZERO);
        assert_eq!(odd(), Popped::Item(1));
        assert_eq!(odd(), Popped::Item(3));
        assert_eq!(odd(), Popped::NotReady);
        assert_eq!((queue.fill().items, queue.fill().bytes), (2, 20));
        assert_eq!(queue.taken(), 2);
        queue.close();
        assert_eq!(
            (odd(), odd(), odd()),
            (Popped::Item(0), Popped::Item(2), Popped::Closed)
        );
    }

    #[test]
    fn the_producer_may_claim_an_item_only_while_nothing_else_waits_or_is_handled() {
        let queue = ByteQueue::new(100);
        let claim = queue.claim(10).expect("idle");
        assert!(queue.claim(10).is_none());
        assert_eq!(
            (queue.fill().items, queue.fill().bytes, queue.taken()),
            (1, 10, 0)
        );
        drop(claim);
        assert_eq!(
            (queue.fill().items, queue.fill().bytes, queue.taken()),
            (0, 0, 1)
        );
        assert!(queue.push(1, 10).is_empty());
        assert!(queue.claim(10).is_none(), "an item waits");
        assert_eq!(queue.pop(), Popped::Item(1));
        assert!(queue.claim(10).is_none(), "the consumer has not come back");
        queue.interrupt();
        assert_eq!(queue.pop(), Popped::Interrupted);
        assert!(queue.claim(101).is_none(), "it does not fit");
        drop(queue.claim(100).expect("the consumer has come back"));
        queue.close();
        assert!(queue.claim(1).is_none());
    }

    #[test]
    fn an_interrupt_precedes_all_items_once() {
        let queue = ByteQueue::new(10);
        assert!(queue.push(1, 1).is_empty());
        queue.interrupt();
        queue.interrupt();
        assert_eq!(queue.pop(), Popped::Interrupted);
        assert_eq!(queue.pop(), Popped::Item(1));
        queue.interrupt();
        let ready = || queue.pop_ready(|_| true, Duration::ZERO);
        assert_eq!(ready(), Popped::Interrupted);
        queue.close();
        assert_eq!((ready(), queue.pop()), (Popped::Closed, Popped::Closed));
    }

    #[test]
    fn an_interrupt_wakes_a_waiting_consumer() {
        let queue = Arc::new(ByteQueue::<u8>::new(10));
        let consumer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.pop()
        });
        queue.interrupt();
        assert_eq!(consumer.join().unwrap(), Popped::Interrupted);
    }

    #[test]
    fn the_first_item_wakes_a_consumer_that_waits_for_a_ready_one() {
        let queue = Arc::new(ByteQueue::new(100));
        let consumer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let forever = Duration::from_secs(3600);
                while queue.pop_ready(|_| true, forever) != Popped::Item(7) {}
            }
        });
        assert!(queue.push(7, 1).is_empty());
        consumer.join().expect("it has the item");
    }

    #[test]
    fn items_that_are_not_popped_remain_at_the_deadline() {
        let queue = ByteQueue::new(100);
        assert!(queue.push(1, 1).is_empty());
        queue.close();
        assert_eq!(
            queue.drain_until(Instant::now() + Duration::from_millis(20)),
            [1]
        );
        assert_eq!(queue.fill().bytes, 0);
    }

    proptest! {
        /// The bound holds, every item is popped or returned, and the order is kept.
        #[test]
        fn items_stay_within_the_bound_and_none_vanishes(sizes in proptest::collection::vec(0usize..60, 0..100)) {
            let queue = ByteQueue::new(100);
            let mut out = Vec::new();
            for (i, &size) in sizes.iter().enumerate() {
                out.extend(queue.push(i, size));
                prop_assert!(queue.fill().bytes <= 100);
            }
            queue.close();
            out.extend(std::iter::from_fn(|| queue.pop().item()));
            prop_assert_eq!(out, (0..sizes.len()).collect::<Vec<_>>());
        }
    }
}
