//! State of a send queue and the priority of its items.

use std::collections::VecDeque;

use bytes::Bytes;

use super::grip::{Grip, Grips};
use crate::ending::{Close, Release};
use crate::fault::{Strike, Token};
use crate::outgoing::{Message, Outgoing};

/// State of a send queue.
#[derive(Debug, Default)]
pub(super) struct State {
    pub messages: VecDeque<Message>,
    /// Bytes of the queued messages and of the one being written.
    pub unwritten_bytes: usize,
    /// Number of messages taken and not written yet: at most one.
    pub taken: u64,
    pub ping: bool,
    pub pong: Option<Bytes>,
    pub strikes: VecDeque<Strike>,
    pub grips: Grips,
    pub close: Option<Close>,
    /// Whether writing has ended.
    pub is_gone: bool,
    pub release: Option<Release>,
    /// Guards of faults that end with the connection.
    pub tokens: Vec<Token>,
    pub was_greeted: bool,
}

impl State {
    pub(super) fn has_room(&self, bytes: usize, limit_bytes: usize) -> bool {
        self.unwritten_bytes == 0 || self.unwritten_bytes + bytes <= limit_bytes
    }

    pub(super) fn is_closing(&self) -> bool {
        self.close.is_some() || self.is_gone
    }

    /// Sets the close frame, unless one is set already, and drops the queued faults.
    pub(super) fn close(&mut self, close: Close) {
        self.close.get_or_insert(close);
        self.strikes.clear();
    }

    /// Drops the queued messages. Returns their number.
    pub(super) fn forget(&mut self) -> u64 {
        let waiting: usize = self.messages.iter().map(Message::len).sum();
        self.unwritten_bytes -= waiting;
        let count = self.messages.len() as u64;
        self.messages.clear();
        count
    }

    /// Ends writing and drops the queued items. Returns the number of dropped messages.
    pub(super) fn leave(&mut self) -> u64 {
        self.is_gone = true;
        self.strikes.clear();
        self.forget()
    }

    /// Takes the next item: pongs and pings precede faults, faults precede messages, and the close frame is last.
    pub(super) fn take(&mut self) -> Option<Outgoing> {
        if self.is_gone || self.grips.has(Grip::Stall) {
            return None;
        }
        if let Some(payload) = self.pong.take() {
            return Some(Outgoing::Pong(payload));
        }
        if std::mem::take(&mut self.ping) {
            return Some(Outgoing::Ping);
        }
        if let Some(strike) = self.strikes.pop_front() {
            return Some(Outgoing::Strike(strike));
        }
        if self.close.is_none() && self.grips.has(Grip::Silence) {
            return None;
        }
        if let Some(message) = self.messages.pop_front() {
            self.taken = 1;
            return Some(Outgoing::Message(message));
        }
        self.close.map(Outgoing::Close)
    }
}
