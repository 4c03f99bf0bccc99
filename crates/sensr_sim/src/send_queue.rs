//! Queue of the messages, pings and faults that wait to be written to one client.

mod ongoing_fault;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::close::{Close, Disconnect};
use super::counters::LinkCounters;
use super::fault::{FaultGuard, PendingFault};
use super::queue_item::{Message, QueueItem};
use state::QueueState;

pub(super) use ongoing_fault::{OngoingFault, OngoingFaultGuard};

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
    state: Mutex<QueueState>,
    changed: Notify,
    space_freed: Notify,
    disconnected: Notify,
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
            space_freed: Notify::new(),
            disconnected: Notify::new(),
        }
    }

    /// Appends a message, or ignores it without counting it if the connection is being closed.
    pub(super) fn push(&self, message: Message) -> Result<(), Full> {
        let mut state = self.lock();
        if state.is_closing() {
            return Ok(());
        }
        self.counters.offered.add(1);
        if !state.has_space(message.len(), self.limit_bytes) {
            self.counters.cut.add(1);
            return Err(Full);
        }
        state.unwritten_bytes += message.len();
        state.messages.push_back(message);
        self.notify_writer(state);
        Ok(())
    }

    /// Returns whether [`SendQueue::push`] would accept a message of this size.
    pub(super) fn has_space(&self, bytes: usize) -> bool {
        let state = self.lock();
        state.is_closing() || state.has_space(bytes, self.limit_bytes)
    }

    /// Waits until there may be more space than before. For one caller only.
    pub(super) async fn wait_for_space(&self) {
        self.space_freed.notified().await;
    }

    /// Wakes the caller of [`SendQueue::wait_for_space`].
    pub(super) fn notify_space(&self) {
        self.space_freed.notify_one();
    }

    /// Returns whether this is the first call, to mark the client's first message.
    pub(super) fn take_is_first(&self) -> bool {
        !std::mem::replace(&mut self.lock().first_was_taken, true)
    }

    /// Queues a ping.
    pub(super) fn queue_ping(&self) {
        let mut state = self.lock();
        state.ping = true;
        self.notify_writer(state);
    }

    /// Queues the answer to a ping, replacing an earlier one that was not sent yet.
    pub(super) fn queue_pong(&self, payload: Bytes) {
        let mut state = self.lock();
        state.pong = Some(payload);
        self.notify_writer(state);
    }

    /// Queues a fault that is applied after the message being written.
    pub(super) fn queue_fault(&self, fault: PendingFault) {
        let mut state = self.lock();
        if !state.is_closing() {
            state.pending_faults.push_back(fault);
        }
        self.notify_writer(state);
    }

    /// Keeps a guard until the connection has ended.
    pub(super) fn hold_guard(&self, guard: FaultGuard) {
        let mut state = self.lock();
        if !state.has_ended {
            state.guards.push(guard);
        }
    }

    /// Closes the connection after the queued messages.
    pub(super) fn close_after_queued(&self, close: Close) {
        let mut state = self.lock();
        state.close(close);
        self.notify_writer(state);
        self.notify_space();
    }

    /// Closes the connection after the message being written and `last`; drops the queued messages.
    pub(super) fn close_now(&self, last: Option<Message>, close: Close) {
        let mut state = self.lock();
        if !state.has_ended {
            self.counters.cut.add(state.drop_messages());
            if let Some(last) = last {
                self.counters.offered.add(1);
                state.unwritten_bytes += last.len();
                state.messages.push_back(last);
            }
            state.close(close);
        }
        self.notify_writer(state);
        self.notify_space();
    }

    /// Ends the connection without a close frame; drops the queued messages.
    pub(super) fn disconnect(&self, disconnect: Disconnect) {
        let mut state = self.lock();
        if !state.has_ended {
            self.counters.cut.add(state.end_writing());
            state.disconnect = Some(disconnect);
        }
        drop(state);
        self.disconnected.notify_one();
        self.notify_space();
    }

    /// Waits for [`SendQueue::disconnect`]. For one caller only.
    pub(super) async fn wait_disconnect(&self) -> Disconnect {
        loop {
            if let Some(disconnect) = self.lock().disconnect.take() {
                return disconnect;
            }
            self.disconnected.notified().await;
        }
    }

    /// Stops writing and drops the queued messages.
    pub(super) fn stop_writing(&self) {
        let cut = self.lock().end_writing();
        self.counters.cut.add(cut);
        self.notify_space();
    }

    /// Ends the queue with its connection. Messages not written to their last byte count as cut.
    pub(super) fn end_connection(&self) {
        let mut state = self.lock();
        let half_written = std::mem::take(&mut state.taken);
        let cut = state.end_writing() + half_written;
        state.guards.clear();
        drop(state);
        self.counters.cut.add(cut);
        self.notify_space();
    }

    /// Returns whether the connection is being closed.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().is_closing()
    }

    /// Begins an ongoing fault, which lasts until the returned guard is dropped.
    pub(super) fn begin_fault(self: &Arc<Self>, fault: OngoingFault) -> OngoingFaultGuard {
        self.lock().ongoing_faults.add(fault);
        OngoingFaultGuard::new(Arc::clone(self), fault)
    }

    /// Ends an ongoing fault.
    fn end_fault(&self, fault: OngoingFault) {
        let mut state = self.lock();
        state.ongoing_faults.remove(fault);
        self.notify_writer(state);
    }

    /// Returns whether an ongoing fault of this type is active.
    pub(super) fn has_fault(&self, fault: OngoingFault) -> bool {
        self.lock().ongoing_faults.has(fault)
    }

    /// Waits for the next item to write. For one caller only.
    pub(super) async fn next_item(&self) -> QueueItem {
        loop {
            if let Some(next) = self.lock().take_item() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// Counts the taken message as delivered: it was written to its last byte, as `bytes` bytes.
    pub(super) fn mark_written(&self, message: &Message, bytes: usize) {
        let mut state = self.lock();
        state.taken = 0;
        state.unwritten_bytes -= message.len();
        drop(state);
        self.counters
            .record_delivered(&message.contents, bytes as u64);
        self.notify_space();
    }

    fn notify_writer(&self, state: MutexGuard<'_, QueueState>) {
        drop(state);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
