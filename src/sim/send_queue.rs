//! What waits to be written to one client.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// The reason of a 1011 close, as SENSR words it, when a client reads too slowly.
pub const CLOSE_OVERFLOW_REASON: &str = "Writing buffer is full";

/// How a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    /// WebSocket close code.
    pub code: u16,
    pub reason: &'static str,
}

impl Close {
    /// Everything was delivered.
    pub(super) const FINISHED: Self = Self::new(1000, "Finished");
    /// The server is told to stop.
    pub(super) const STOPPED: Self = Self::new(1001, "Server is stopping");
    /// The client reads too slowly.
    pub(super) const OVERFLOW: Self = Self::new(1011, CLOSE_OVERFLOW_REASON);
    /// The client does not answer pings.
    pub(super) const PING_TIMEOUT: Self = Self::new(1011, "Ping timeout");
    /// The client asked for it.
    pub(super) const REPLY: Self = Self::new(1000, "");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// What to write next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    Message(Bytes),
    Ping,
    Pong(Bytes),
    /// The last one.
    Close(Close),
}

/// Messages for one client, bounded in bytes.
///
/// Overflow policy: a message that does not fit is refused, and the one who offered it ends the
/// connection with [`Close::OVERFLOW`]; nothing is dropped silently. An empty queue takes a message of
/// any size. Replies to pings and pings go first and do not count; of each kind only the latest waits.
#[derive(Debug)]
pub(super) struct SendQueue {
    limit_bytes: usize,
    state: Mutex<State>,
    changed: Notify,
    eased: Notify,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    /// Of the messages waiting and of the one being written.
    unwritten_bytes: usize,
    ping: bool,
    pong: Option<Bytes>,
    close: Option<Close>,
    was_greeted: bool,
}

/// The message does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl SendQueue {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            state: Mutex::default(),
            changed: Notify::new(),
            eased: Notify::new(),
        }
    }

    /// Puts a message at the end. One offered after the end of the connection was decided is forgotten.
    pub(super) fn push(&self, message: Bytes) -> Result<(), Full> {
        let mut state = self.lock();
        if state.close.is_some() {
            return Ok(());
        }
        if !state.has_room(message.len(), self.limit_bytes) {
            return Err(Full);
        }
        state.unwritten_bytes += message.len();
        state.messages.push_back(message);
        self.wake(state);
        Ok(())
    }

    /// Would [`SendQueue::push`] take a message of this size?
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.lock();
        state.close.is_some() || state.has_room(bytes, self.limit_bytes)
    }

    /// Waits until there may be more room than before. For one caller only.
    pub(super) async fn eased(&self) {
        self.eased.notified().await;
    }

    /// Ends that wait.
    pub(super) fn ease(&self) {
        self.eased.notify_one();
    }

    /// Is this the first time somebody asks?
    pub(super) fn take_fresh(&self) -> bool {
        !std::mem::replace(&mut self.lock().was_greeted, true)
    }

    pub(super) fn ping(&self) {
        let mut state = self.lock();
        state.ping = true;
        self.wake(state);
    }

    pub(super) fn pong(&self, payload: Bytes) {
        let mut state = self.lock();
        state.pong = Some(payload);
        self.wake(state);
    }

    /// Ends the connection after what is waiting.
    pub(super) fn close_after_all(&self, close: Close) {
        let mut state = self.lock();
        state.close.get_or_insert(close);
        self.wake(state);
        self.ease();
    }

    /// Ends the connection after the message being written and `last`; what is waiting is forgotten.
    pub(super) fn close_now(&self, last: Option<Bytes>, close: Close) {
        let mut state = self.lock();
        let waiting: usize = state.messages.iter().map(Bytes::len).sum();
        state.unwritten_bytes -= waiting;
        state.unwritten_bytes += last.as_ref().map_or(0, Bytes::len);
        state.messages = last.into_iter().collect();
        state.close.get_or_insert(close);
        self.wake(state);
        self.ease();
    }

    /// Is the end decided?
    pub(super) fn is_closing(&self) -> bool {
        self.lock().close.is_some()
    }

    /// What to write next; waits for it. For one caller only.
    pub(super) async fn next(&self) -> Outgoing {
        loop {
            if let Some(next) = self.lock().take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// A message of this size was written.
    pub(super) fn written(&self, bytes: usize) {
        self.lock().unwritten_bytes -= bytes;
        self.ease();
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, bytes: usize, limit_bytes: usize) -> bool {
        self.unwritten_bytes == 0 || self.unwritten_bytes + bytes <= limit_bytes
    }

    fn take(&mut self) -> Option<Outgoing> {
        if let Some(payload) = self.pong.take() {
            return Some(Outgoing::Pong(payload));
        }
        if std::mem::take(&mut self.ping) {
            return Some(Outgoing::Ping);
        }
        if let Some(message) = self.messages.pop_front() {
            return Some(Outgoing::Message(message));
        }
        self.close.map(Outgoing::Close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Bytes {
        vec![7; bytes].into()
    }

    fn drain(queue: &SendQueue) -> Vec<Outgoing> {
        let mut all = Vec::new();
        while let Some(next) = queue.lock().take() {
            let end = matches!(next, Outgoing::Close(_));
            all.push(next);
            if end {
                break;
            }
        }
        all
    }

    #[test]
    fn refuses_what_does_not_fit_until_it_is_written() {
        let queue = SendQueue::new(100);
        assert_eq!(queue.push(message(1000)), Ok(()), "empty takes any size");
        assert_eq!(queue.push(message(1)), Err(Full));
        assert_eq!(drain(&queue), [Outgoing::Message(message(1000))]);
        assert_eq!(queue.push(message(1)), Err(Full), "still being written");
        queue.written(1000);
        assert_eq!(queue.push(message(60)), Ok(()));
        assert_eq!(queue.push(message(40)), Ok(()));
        assert_eq!(queue.push(message(1)), Err(Full));
    }

    #[test]
    fn closing_after_all_delivers_what_waits() {
        let queue = SendQueue::new(100);
        queue.push(message(10)).expect("fits");
        queue.close_after_all(Close::FINISHED);
        queue.push(message(10)).expect("forgotten");
        assert_eq!(
            drain(&queue),
            [
                Outgoing::Message(message(10)),
                Outgoing::Close(Close::FINISHED)
            ]
        );
    }

    #[test]
    fn closing_now_forgets_what_waits_and_keeps_the_first_reason() {
        let queue = SendQueue::new(100);
        queue.push(message(10)).expect("fits");
        queue.close_now(Some(message(3)), Close::OVERFLOW);
        queue.close_now(None, Close::STOPPED);
        queue.close_after_all(Close::FINISHED);
        assert_eq!(drain(&queue), [Outgoing::Close(Close::OVERFLOW)]);
    }

    #[test]
    fn pongs_overtake() {
        let queue = SendQueue::new(100);
        queue.push(message(10)).expect("fits");
        queue.pong(message(1));
        queue.pong(message(2));
        queue.ping();
        let order = [
            Outgoing::Pong(message(2)),
            Outgoing::Ping,
            Outgoing::Message(message(10)),
        ];
        assert_eq!(drain(&queue), order);
    }
}
