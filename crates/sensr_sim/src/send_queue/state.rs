//! What a queue holds, and what comes first.

use std::collections::VecDeque;

use bytes::Bytes;

use super::grip::{Grip, Grips};
use crate::ending::{Close, Release};
use crate::fault::{Strike, Token};
use crate::outgoing::{Message, Outgoing};

#[derive(Debug, Default)]
pub(super) struct State {
    pub messages: VecDeque<Message>,
    /// Of the messages waiting and of the one being written.
    pub unwritten_bytes: usize,
    /// Messages taken and not written yet: one at most.
    pub taken: u64,
    pub ping: bool,
    pub pong: Option<Bytes>,
    pub strikes: VecDeque<Strike>,
    pub grips: Grips,
    pub close: Option<Close>,
    /// Nothing is written any more.
    pub is_gone: bool,
    pub release: Option<Release>,
    /// Faults that are over when the connection is.
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

    /// The first reason stays. No fault begins any more.
    pub(super) fn close(&mut self, close: Close) {
        self.close.get_or_insert(close);
        self.strikes.clear();
    }

    /// Returns how many messages that were.
    pub(super) fn forget(&mut self) -> u64 {
        let waiting: usize = self.messages.iter().map(Message::len).sum();
        self.unwritten_bytes -= waiting;
        let count = self.messages.len() as u64;
        self.messages.clear();
        count
    }

    /// Returns how many messages are forgotten.
    pub(super) fn leave(&mut self) -> u64 {
        self.is_gone = true;
        self.strikes.clear();
        self.forget()
    }

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
