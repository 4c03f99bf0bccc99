//! Clients of one stream and the distribution of messages to them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::counters::LinkCounters;
use super::ending::Close;
use super::outgoing::Message;
use super::send_queue::{Full, SendQueue};

/// Clients of one stream; every message is queued for each of them.
#[derive(Debug)]
pub(super) struct Hub {
    /// `points` or `output`.
    pub name: &'static str,
    pub counters: Arc<LinkCounters>,
    limit_bytes: usize,
    members: Mutex<Members>,
    joined: Notify,
}

#[derive(Debug, Default)]
struct Members {
    queues: Vec<Arc<SendQueue>>,
    /// Close frame for all further clients.
    closed: Option<Close>,
}

/// Registration of one client, ended by dropping it.
#[derive(Debug)]
pub(super) struct Membership {
    hub: Arc<Hub>,
    pub queue: Arc<SendQueue>,
}

impl Hub {
    /// Returns a stream without clients. `limit_bytes` bounds the send queue of each client.
    pub(super) fn new(name: &'static str, limit_bytes: usize) -> Self {
        Self {
            name,
            counters: Arc::default(),
            limit_bytes,
            members: Mutex::default(),
            joined: Notify::new(),
        }
    }

    pub(super) fn join(self: &Arc<Self>) -> Membership {
        let queue = Arc::new(SendQueue::new(self.limit_bytes, Arc::clone(&self.counters)));
        let mut members = self.lock();
        if let Some(close) = members.closed {
            queue.close_after_all(close);
        }
        members.queues.push(Arc::clone(&queue));
        drop(members);
        self.counters.clients.add(1);
        self.joined.notify_one();
        Membership {
            hub: Arc::clone(self),
            queue,
        }
    }

    /// Waits until there is a client. For one caller only.
    pub(super) async fn occupied(&self) {
        while self.is_empty() {
            self.joined.notified().await;
        }
    }

    /// Waits until a message of this size fits into every send queue. For one caller only, which must be the only one to
    /// send messages.
    pub(super) async fn room(&self, bytes: usize) {
        let full = || {
            let members = self.lock();
            let mut queues = members.queues.iter();
            queues.find(|queue| !queue.has_room(bytes)).cloned()
        };
        while let Some(queue) = full() {
            queue.eased().await;
        }
    }

    /// Returns whether no client would receive a message; clients that are being closed do not count.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().queues.iter().all(|queue| queue.is_closing())
    }

    pub(super) fn connected(&self) -> usize {
        self.lock().queues.len()
    }

    /// Queues a message for every client. `message` makes it and is told whether it is the client's first one. Clients
    /// whose queue is full are closed, after `last_words` if there are any. Returns the number of those clients.
    pub(super) fn offer(
        &self,
        mut message: impl FnMut(bool) -> Message,
        last_words: impl Fn() -> Option<Message>,
    ) -> u64 {
        self.push(|queue| message(queue.take_fresh()), last_words)
    }

    /// Queues an event for every client; does not count as a client's first message. Clients whose queue is full are
    /// closed, after `last_words` if there are any. Returns the number of those clients.
    pub(super) fn announce(
        &self,
        event: &Message,
        last_words: impl Fn() -> Option<Message>,
    ) -> u64 {
        self.push(|_| event.clone(), last_words)
    }

    fn push(
        &self,
        mut message: impl FnMut(&SendQueue) -> Message,
        last_words: impl Fn() -> Option<Message>,
    ) -> u64 {
        let mut overflowed = 0;
        self.for_each(|queue| {
            if queue.push(message(queue)) == Err(Full) {
                queue.close_now(last_words(), Close::OVERFLOW);
                overflowed += 1;
            }
        });
        self.counters.overflowed.add(overflowed);
        overflowed
    }

    /// Closes every client as if it were too slow. Returns their number.
    pub(super) fn overflow(&self, last_words: impl Fn() -> Option<Message>) -> u64 {
        let mut overflowed = 0;
        self.for_each(|queue| {
            queue.close_now(last_words(), Close::OVERFLOW);
            overflowed += 1;
        });
        self.counters.overflowed.add(overflowed);
        overflowed
    }

    /// Calls `action` for every client that is not being closed.
    pub(super) fn for_each(&self, mut action: impl FnMut(&Arc<SendQueue>)) {
        for queue in &self.lock().queues {
            if !queue.is_closing() {
                action(queue);
            }
        }
    }

    /// Closes every present and future client after its queued messages.
    pub(super) fn close_after_all(&self, close: Close) {
        self.close(close, |queue| queue.close_after_all(close));
    }

    /// Closes every present and future client at once.
    pub(super) fn close_now(&self, close: Close) {
        self.close(close, |queue| queue.close_now(None, close));
    }

    fn close(&self, close: Close, each: impl Fn(&SendQueue)) {
        let mut members = self.lock();
        members.closed = Some(close);
        members.queues.iter().for_each(|queue| each(queue));
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut members = self.hub.lock();
        members
            .queues
            .retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        drop(members);
        self.queue.retire();
    }
}

#[cfg(test)]
mod tests {
    use super::super::outgoing::Outgoing;
    use super::*;

    async fn next_message(member: &Membership) -> Message {
        match member.queue.next().await {
            Outgoing::Message(message) => message,
            other => panic!("no message but {other:?}"),
        }
    }

    #[tokio::test]
    async fn every_client_gets_the_same_buffer_and_its_first_message_is_marked() {
        let hub = Arc::new(Hub::new("points", 100));
        let early = hub.join();
        let frame = Message::from(&b"frame"[..]);
        let mut firsts = 0;
        let mut offer = |frame: &Message| {
            let make = |first| {
                firsts += u32::from(first);
                frame.clone()
            };
            assert_eq!(hub.offer(make, || None), 0);
        };
        offer(&frame);
        let late = hub.join();
        offer(&frame);
        assert_eq!(firsts, 2);
        for member in [&early, &late] {
            let got = next_message(member).await;
            assert_eq!(got.data.as_ptr(), frame.data.as_ptr());
        }
        drop(early);
        assert_eq!(hub.connected(), 1);
    }

    #[tokio::test]
    async fn too_slow_client_gets_a_final_message_and_the_others_stay_connected() {
        let hub = Arc::new(Hub::new("output", 8));
        let slow = hub.join();
        let make = |_| Message::from(&b"12345"[..]);
        assert_eq!(hub.offer(make, || None), 0);
        let quick = hub.join();
        let words = || Some(Message::from(&b"overflow"[..]));
        assert_eq!(hub.offer(make, words), 1);
        assert_eq!(next_message(&slow).await, words().expect("some"));
        let Outgoing::Close(Close::OVERFLOW) = slow.queue.next().await else {
            panic!("a close frame must follow");
        };
        assert_eq!(next_message(&quick).await, make(false));
        assert_eq!(hub.offer(make, words), 1, "the quick one has read nothing");
        assert_eq!(hub.counters.overflowed.get(), 2);
    }

    #[tokio::test]
    async fn capacity_is_free_once_the_slowest_client_has_read_left_or_been_closed() {
        let hub = Arc::new(Hub::new("points", 8));
        hub.room(100).await;
        let (slow, _quick) = (hub.join(), hub.join());
        hub.room(100).await;
        let fill = || slow.queue.push(Message::from(&b"12345"[..]));
        let is_waiting = async || {
            let room = tokio::time::timeout(std::time::Duration::from_millis(5), hub.room(4));
            room.await.is_err()
        };
        fill().expect("empty");
        hub.room(3).await;
        assert!(is_waiting().await);
        let message = next_message(&slow).await;
        assert!(is_waiting().await, "the message is still being written");
        tokio::join!(hub.room(4), async {
            slow.queue.written(&message, message.len());
        });

        fill().expect("empty");
        tokio::join!(hub.room(4), async { drop(slow) });
        let closed = hub.join();
        closed.queue.push(message).expect("empty");
        tokio::join!(hub.room(4), async { hub.close_now(Close::STOPPED) });
    }

    #[test]
    fn event_does_not_count_as_first_message() {
        let hub = Arc::new(Hub::new("output", 100));
        let _member = hub.join();
        let event = Message::from(&b"event"[..]);
        assert_eq!(hub.announce(&event, || None), 0);
        let mut firsts = Vec::new();
        for _ in 0..2 {
            let make = |first| {
                firsts.push(first);
                Message::from(&b"message"[..])
            };
            hub.offer(make, || None);
        }
        assert_eq!(firsts, [true, false]);
    }
}
