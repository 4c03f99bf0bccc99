//! State of a send queue and the priority of its items.

use std::collections::VecDeque;

use bytes::Bytes;

use super::ongoing_fault::{OngoingFault, OngoingFaultCounts};
use crate::close::{Close, Disconnect};
use crate::fault::{FaultGuard, PendingFault};
use crate::queue_item::{Message, QueueItem};

/// State of a send queue.
#[derive(Debug, Default)]
pub(super) struct QueueState {
    pub messages: VecDeque<Message>,
    /// Bytes of the queued messages and of the one being written.
    pub unwritten_bytes: usize,
    /// Number of messages taken and not written yet: at most one.
    pub taken: u64,
    pub ping: bool,
    pub pong: Option<Bytes>,
    pub pending_faults: VecDeque<PendingFault>,
    pub ongoing_faults: OngoingFaultCounts,
    pub close: Option<Close>,
    /// True once writing has ended.
    pub has_ended: bool,
    pub disconnect: Option<Disconnect>,
    /// Guards of faults that end with the connection.
    pub guards: Vec<FaultGuard>,
    /// True once the client's first message was made.
    pub first_was_taken: bool,
}

impl QueueState {
    /// Returns whether a message of this size fits; an empty queue takes any size.
    pub(super) fn has_space(&self, bytes: usize, limit_bytes: usize) -> bool {
        self.unwritten_bytes == 0 || self.unwritten_bytes + bytes <= limit_bytes
    }

    pub(super) fn is_closing(&self) -> bool {
        self.close.is_some() || self.has_ended
    }

    /// Sets the close frame, unless one is set already, and drops the queued faults.
    pub(super) fn close(&mut self, close: Close) {
        self.close.get_or_insert(close);
        self.pending_faults.clear();
    }

    /// Drops the queued messages. Returns their number.
    pub(super) fn drop_messages(&mut self) -> u64 {
        let waiting: usize = self.messages.iter().map(Message::len).sum();
        self.unwritten_bytes -= waiting;
        let count = self.messages.len() as u64;
        self.messages.clear();
        count
    }

    /// Ends writing and drops the queued items. Returns the number of dropped messages.
    pub(super) fn end_writing(&mut self) -> u64 {
        self.has_ended = true;
        self.pending_faults.clear();
        self.drop_messages()
    }

    /// Takes the next item: pongs and pings precede faults, faults precede messages, and the close frame is last.
    pub(super) fn take_item(&mut self) -> Option<QueueItem> {
        if self.has_ended || self.ongoing_faults.has(OngoingFault::Stall) {
            return None;
        }
        if let Some(payload) = self.pong.take() {
            return Some(QueueItem::Pong(payload));
        }
        if std::mem::take(&mut self.ping) {
            return Some(QueueItem::Ping);
        }
        if let Some(fault) = self.pending_faults.pop_front() {
            return Some(QueueItem::Fault(fault));
        }
        if self.close.is_none() && self.ongoing_faults.has(OngoingFault::Silence) {
            return None;
        }
        if let Some(message) = self.messages.pop_front() {
            self.taken = 1;
            return Some(QueueItem::Message(message));
        }
        self.close.map(QueueItem::Close)
    }
}
