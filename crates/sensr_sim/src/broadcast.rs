//! Clients of one stream and the distribution of messages to them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::close::Close;
use super::counters::LinkCounters;
use super::queue_item::Message;
use super::send_queue::{Full, SendQueue};

/// Clients of one stream; every message is queued for each of them.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// `points` or `output`.
    pub name: &'static str,
    pub counters: Arc<LinkCounters>,
    limit_bytes: usize,
    clients: Mutex<Clients>,
    joined: Notify,
}

#[derive(Debug, Default)]
struct Clients {
    queues: Vec<Arc<SendQueue>>,
    /// Close frame for all further clients.
    closed: Option<Close>,
}

/// Registration of one client, ended by dropping it.
#[derive(Debug)]
pub(super) struct Registration {
    broadcast: Arc<Broadcast>,
    pub queue: Arc<SendQueue>,
}

impl Broadcast {
    /// Returns a stream without clients. `limit_bytes` bounds the send queue of each client.
    pub(super) fn new(name: &'static str, limit_bytes: usize) -> Self {
        Self {
            name,
            counters: Arc::default(),
            limit_bytes,
            clients: Mutex::default(),
            joined: Notify::new(),
        }
    }

    pub(super) fn register_client(self: &Arc<Self>) -> Registration {
        let queue = Arc::new(SendQueue::new(self.limit_bytes, Arc::clone(&self.counters)));
        let mut clients = self.lock();
        if let Some(close) = clients.closed {
            queue.close_after_queued(close);
        }
        clients.queues.push(Arc::clone(&queue));
        drop(clients);
        self.counters.clients.add(1);
        self.joined.notify_one();
        Registration {
            broadcast: Arc::clone(self),
            queue,
        }
    }

    /// Waits until there is a client. For one caller only.
    pub(super) async fn wait_for_client(&self) {
        while self.is_empty() {
            self.joined.notified().await;
        }
    }

    /// Waits until a message of this size fits into every send queue. For one caller only, which must be the only one to
    /// send messages.
    pub(super) async fn wait_for_space(&self, bytes: usize) {
        let full = || {
            let clients = self.lock();
            let mut queues = clients.queues.iter();
            queues.find(|queue| !queue.has_space(bytes)).cloned()
        };
        while let Some(queue) = full() {
            queue.wait_for_space().await;
        }
    }

    /// Returns whether no client would receive a message; clients that are being closed do not count.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().queues.iter().all(|queue| queue.is_closing())
    }

    pub(super) fn connected_clients(&self) -> usize {
        self.lock().queues.len()
    }

    /// Queues a message for every client. `message` makes it; its argument is true for the client's first one. Clients
    /// whose queue is full are closed, after `final_message` if there are any. Returns the number of those clients.
    pub(super) fn send_message(
        &self,
        mut message: impl FnMut(bool) -> Message,
        final_message: impl Fn() -> Option<Message>,
    ) -> u64 {
        self.push(|queue| message(queue.take_is_first()), final_message)
    }

    /// Queues an event for every client; does not count as a client's first message. Clients whose queue is full are
    /// closed, after `final_message` if there are any. Returns the number of those clients.
    pub(super) fn send_event(
        &self,
        event: &Message,
        final_message: impl Fn() -> Option<Message>,
    ) -> u64 {
        self.push(|_| event.clone(), final_message)
    }

    fn push(
        &self,
        mut message: impl FnMut(&SendQueue) -> Message,
        final_message: impl Fn() -> Option<Message>,
    ) -> u64 {
        let mut overflowed = 0;
        self.for_each_client(|queue| {
            if queue.push(message(queue)) == Err(Full) {
                queue.close_now(final_message(), Close::OVERFLOW);
                overflowed += 1;
            }
        });
        self.counters.overflowed.add(overflowed);
        overflowed
    }

    /// Closes every client as if it were too slow. Returns their number.
    pub(super) fn overflow(&self, final_message: impl Fn() -> Option<Message>) -> u64 {
        let mut overflowed = 0;
        self.for_each_client(|queue| {
            queue.close_now(final_message(), Close::OVERFLOW);
            overflowed += 1;
        });
        self.counters.overflowed.add(overflowed);
        overflowed
    }

    /// Calls `action` for every client that is not being closed.
    pub(super) fn for_each_client(&self, mut action: impl FnMut(&Arc<SendQueue>)) {
        for queue in &self.lock().queues {
            if !queue.is_closing() {
                action(queue);
            }
        }
    }

    /// Closes every present and future client after its queued messages.
    pub(super) fn close_after_queued(&self, close: Close) {
        self.close(close, |queue| queue.close_after_queued(close));
    }

    /// Closes every present and future client at once.
    pub(super) fn close_now(&self, close: Close) {
        self.close(close, |queue| queue.close_now(None, close));
    }

    fn close(&self, close: Close, each: impl Fn(&SendQueue)) {
        let mut clients = self.lock();
        clients.closed = Some(close);
        clients.queues.iter().for_each(|queue| each(queue));
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut clients = self.broadcast.lock();
        clients
            .queues
            .retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        drop(clients);
        self.queue.end_connection();
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue_item::QueueItem;
    use super::*;

    async fn next_message(client: &Registration) -> Message {
        match client.queue.next_item().await {
            QueueItem::Message(message) => message,
            other => panic!("no message but {other:?}"),
        }
    }

    #[tokio::test]
    async fn every_client_gets_the_same_buffer_and_its_first_message_is_marked() {
        let broadcast = Arc::new(Broadcast::new("points", 100));
        let early = broadcast.register_client();
        let frame = Message::from(&b"frame"[..]);
        let mut firsts = 0;
        let mut offer = |frame: &Message| {
            let make = |first| {
                firsts += u32::from(first);
                frame.clone()
            };
            assert_eq!(broadcast.send_message(make, || None), 0);
        };
        offer(&frame);
        let late = broadcast.register_client();
        offer(&frame);
        assert_eq!(firsts, 2);
        for client in [&early, &late] {
            let got = next_message(client).await;
            assert_eq!(got.data.as_ptr(), frame.data.as_ptr());
        }
        drop(early);
        assert_eq!(broadcast.connected_clients(), 1);
    }

    #[tokio::test]
    async fn too_slow_client_gets_a_final_message_and_the_others_stay_connected() {
        let broadcast = Arc::new(Broadcast::new("output", 8));
        let slow = broadcast.register_client();
        let make = |_| Message::from(&b"12345"[..]);
        assert_eq!(broadcast.send_message(make, || None), 0);
        let quick = broadcast.register_client();
        let event = || Some(Message::from(&b"overflow"[..]));
        assert_eq!(broadcast.send_message(make, event), 1);
        assert_eq!(next_message(&slow).await, event().expect("some"));
        let QueueItem::Close(Close::OVERFLOW) = slow.queue.next_item().await else {
            panic!("a close frame must follow");
        };
        assert_eq!(next_message(&quick).await, make(false));
        assert_eq!(
            broadcast.send_message(make, event),
            1,
            "the quick one has read nothing"
        );
        assert_eq!(broadcast.counters.overflowed.get(), 2);
    }

    #[tokio::test]
    async fn capacity_is_free_once_the_slowest_client_has_read_left_or_been_closed() {
        let broadcast = Arc::new(Broadcast::new("points", 8));
        broadcast.wait_for_space(100).await;
        let (slow, _quick) = (broadcast.register_client(), broadcast.register_client());
        broadcast.wait_for_space(100).await;
        let fill = || slow.queue.push(Message::from(&b"12345"[..]));
        let is_waiting = async || {
            let room = tokio::time::timeout(
                std::time::Duration::from_millis(5),
                broadcast.wait_for_space(4),
            );
            room.await.is_err()
        };
        fill().expect("empty");
        broadcast.wait_for_space(3).await;
        assert!(is_waiting().await);
        let message = next_message(&slow).await;
        assert!(is_waiting().await, "the message is still being written");
        tokio::join!(broadcast.wait_for_space(4), async {
            slow.queue.mark_written(&message, message.len());
        });

        fill().expect("empty");
        tokio::join!(broadcast.wait_for_space(4), async { drop(slow) });
        let closed = broadcast.register_client();
        closed.queue.push(message).expect("empty");
        tokio::join!(broadcast.wait_for_space(4), async {
            broadcast.close_now(Close::STOPPING);
        });
    }

    #[test]
    fn event_does_not_count_as_first_message() {
        let broadcast = Arc::new(Broadcast::new("output", 100));
        let _client = broadcast.register_client();
        let event = Message::from(&b"event"[..]);
        assert_eq!(broadcast.send_event(&event, || None), 0);
        let mut firsts = Vec::new();
        for _ in 0..2 {
            let make = |first| {
                firsts.push(first);
                Message::from(&b"message"[..])
            };
            broadcast.send_message(make, || None);
        }
        assert_eq!(firsts, [true, false]);
    }
}
