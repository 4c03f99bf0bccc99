//! Queue of the messages, pings and faults that wait to be written to one client.

mod grip;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::counters::LinkCounters;
use super::ending::{Close, Release};
use super::fault::{Strike, Token};
use super::outgoing::{Message, Outgoing};
use state::State;

pub(super) use grip::{Grip, Held};

/// Send queue of one client, bounded in bytes.
///
/// Overflow policy: a message that does not fit is refused, and the caller closes the connection with
/// [`Close::OVERFLOW`]; nothing is dropped silently. An empty queue takes a message of any size. Pings, pongs and faults
/// precede the messages and do not count; only the latest ping and pong are kept.
///
/// Every accepted message is counted as offered, and later as either delivered or cut.
#[derive(Debug)]
pub(super) struct SendQueue {
    limit_bytes: usize,
    counters: Arc<LinkCounters>,
    state: Mutex<State>,
    changed: Notify,
    eased: Notify,
    released: Notify,
}

/// Error of [`SendQueue::push`]: the message does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl SendQueue {
    pub(super) fn new(limit_bytes: usize, counters: Arc<LinkCounters>) -> Self {
        Self {
            limit_bytes,
            counters,
            state: Mutex::default(),
            changed: Notify::new(),
            eased: Notify::new(),
            released: Notify::new(),
        }
    }

    /// Appends a message, or ignores it without counting it if the connection is being closed.
    pub(super) fn push(&self, message: Message) -> Result<(), Full> {
        let mut state = self.lock();
        if state.is_closing() {
            return Ok(());
        }
        self.counters.offered.add(1);
        if !state.has_room(message.len(), self.limit_bytes) {
            self.counters.cut.add(1);
            return Err(Full);
        }
        state.unwritten_bytes += message.len();
        state.messages.push_back(message);
        self.wake(state);
        Ok(())
    }

    /// Returns whether [`SendQueue::push`] would accept a message of this size.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.lock();
        state.is_closing() || state.has_room(bytes, self.limit_bytes)
    }

    /// Waits until there may be more space than before. For one caller only.
    pub(super) async fn eased(&self) {
        self.eased.notified().await;
    }

    /// Wakes the caller of [`SendQueue::eased`].
    pub(super) fn ease(&self) {
        self.eased.notify_one();
    }

    /// Returns whether this is the first call, to mark the client's first message.
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

    /// Queues a fault that is applied after the message being written.
    pub(super) fn strike(&self, strike: Strike) {
        let mut state = self.lock();
        if !state.is_closing() {
            state.strikes.push_back(strike);
        }
        self.wake(state);
    }

    /// Keeps a guard until the connection has ended.
    pub(super) fn keep(&self, token: Token) {
        let mut state = self.lock();
        if !state.is_gone {
            state.tokens.push(token);
        }
    }

    /// Closes the connection after the queued messages.
    pub(super) fn close_after_all(&self, close: Close) {
        let mut state = self.lock();
        state.close(close);
        self.wake(state);
        self.ease();
    }

    /// Closes the connection after the message being written and `last`; drops the queued messages.
    pub(super) fn close_now(&self, last: Option<Message>, close: Close) {
        let mut state = self.lock();
        if !state.is_gone {
            self.counters.cut.add(state.forget());
            if let Some(last) = last {
                self.counters.offered.add(1);
                state.unwritten_bytes += last.len();
                state.messages.push_back(last);
            }
            state.close(close);
        }
        self.wake(state);
        self.ease();
    }

    /// Ends the connection without a close frame; drops the queued messages.
    pub(super) fn release(&self, release: Release) {
        let mut state = self.lock();
        if !state.is_gone {
            self.counters.cut.add(state.leave());
            state.release = Some(release);
        }
        drop(state);
        self.released.notify_one();
        self.ease();
    }

    /// Waits for [`SendQueue::release`]. For one caller only.
    pub(super) async fn released(&self) -> Release {
        loop {
            if let Some(release) = self.lock().release.take() {
                return release;
            }
            self.released.notified().await;
        }
    }

    /// Stops writing and drops the queued messages.
    pub(super) fn abandon(&self) {
        let cut = self.lock().leave();
        self.counters.cut.add(cut);
        self.ease();
    }

    /// Ends the queue with its connection. Messages not written to their last byte count as cut.
    pub(super) fn retire(&self) {
        let mut state = self.lock();
        let half_written = std::mem::take(&mut state.taken);
        let cut = state.leave() + half_written;
        state.tokens.clear();
        drop(state);
        self.counters.cut.add(cut);
        self.ease();
    }

    /// Returns whether the connection is being closed.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().is_closing()
    }

    /// Begins an ongoing fault, which lasts until the returned guard is dropped.
    pub(super) fn grip(self: &Arc<Self>, grip: Grip) -> Held {
        self.lock().grips.add(grip);
        Held::new(Arc::clone(self), grip)
    }

    fn let_loose(&self, grip: Grip) {
        let mut state = self.lock();
        state.grips.remove(grip);
        self.wake(state);
    }

    pub(super) fn is_gripped(&self, grip: Grip) -> bool {
        self.lock().grips.has(grip)
    }

    /// Waits for the next item to write. For one caller only.
    pub(super) async fn next(&self) -> Outgoing {
        loop {
            if let Some(next) = self.lock().take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// Counts the taken message as delivered: it was written to its last byte, as `bytes` bytes.
    pub(super) fn written(&self, message: &Message, bytes: usize) {
        let mut state = self.lock();
        state.taken = 0;
        state.unwritten_bytes -= message.len();
        drop(state);
        self.counters
            .note_delivered(&message.contents, bytes as u64);
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

#[cfg(test)]
mod tests;
