//! What waits to be written to one client.

mod grip;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::counters::LinkCounters;
use super::fault::{Strike, Token};
use super::outgoing::{Message, Outgoing};
use grip::Grips;

pub(super) use grip::{Grip, Held};

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
    /// A fault: a server that starts again.
    pub(super) const RESTARTED: Self = Self::new(1001, "Server is restarting");
    /// A fault: for no reason.
    pub(super) const DISMISSED: Self = Self::new(1000, "Goodbye");
    /// The client asked for it.
    pub(super) const REPLY: Self = Self::new(1000, "");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// How a connection ends without a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// At once, in the middle of whatever is being written.
    HangUp,
    /// Nothing is written any more, and what comes is not answered, until the client leaves or for so long.
    HalfOpen(Duration),
}

/// Messages for one client, bounded in bytes.
///
/// Overflow policy: a message that does not fit is refused, and the one who offered it ends the
/// connection with [`Close::OVERFLOW`]; nothing is dropped silently. An empty queue takes a message of
/// any size. Replies to pings, pings and faults go first and do not count; of replies and pings only the
/// latest waits.
///
/// Every message it takes is counted as offered, and later either as delivered or as cut.
#[derive(Debug)]
pub(super) struct SendQueue {
    limit_bytes: usize,
    counters: Arc<LinkCounters>,
    state: Mutex<State>,
    changed: Notify,
    eased: Notify,
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    /// Of the messages waiting and of the one being written.
    unwritten_bytes: usize,
    /// Messages taken and not written yet: one at most.
    taken: u64,
    ping: bool,
    pong: Option<Bytes>,
    strikes: VecDeque<Strike>,
    grips: Grips,
    close: Option<Close>,
    /// Nothing is written any more.
    is_gone: bool,
    release: Option<Release>,
    /// Faults that are over when the connection is.
    tokens: Vec<Token>,
    was_greeted: bool,
}

/// The message does not fit.
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

    /// Puts a message at the end. One that comes after the end of the connection was decided counts as not
    /// offered.
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

    /// Would [`SendQueue::push`] take a message of this size?
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.lock();
        state.is_closing() || state.has_room(bytes, self.limit_bytes)
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

    /// Does something to the connection after the message being written.
    pub(super) fn strike(&self, strike: Strike) {
        let mut state = self.lock();
        if !state.is_closing() {
            state.strikes.push_back(strike);
        }
        self.wake(state);
    }

    /// Keeps something until the connection is over.
    pub(super) fn keep(&self, token: Token) {
        let mut state = self.lock();
        if !state.is_gone {
            state.tokens.push(token);
        }
    }

    /// Ends the connection after what is waiting.
    pub(super) fn close_after_all(&self, close: Close) {
        let mut state = self.lock();
        state.close(close);
        self.wake(state);
        self.ease();
    }

    /// Ends the connection after the message being written and `last`; what is waiting is forgotten.
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

    /// Ends the connection without a close frame; what is waiting is forgotten.
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

    /// Nothing is written any more; what is waiting is forgotten.
    pub(super) fn abandon(&self) {
        let cut = self.lock().leave();
        self.counters.cut.add(cut);
        self.ease();
    }

    /// The connection is over. What was not written to its last byte counts as cut.
    pub(super) fn retire(&self) {
        let mut state = self.lock();
        let half_written = std::mem::take(&mut state.taken);
        let cut = state.leave() + half_written;
        state.tokens.clear();
        drop(state);
        self.counters.cut.add(cut);
        self.ease();
    }

    /// Is the end decided?
    pub(super) fn is_closing(&self) -> bool {
        self.lock().is_closing()
    }

    /// Seizes the connection until the result is dropped.
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

    /// What to write next; waits for it. For one caller only.
    pub(super) async fn next(&self) -> Outgoing {
        loop {
            if let Some(next) = self.lock().take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// The message taken was written to its last byte, as so many bytes.
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

impl State {
    fn has_room(&self, bytes: usize, limit_bytes: usize) -> bool {
        self.unwritten_bytes == 0 || self.unwritten_bytes + bytes <= limit_bytes
    }

    fn is_closing(&self) -> bool {
        self.close.is_some() || self.is_gone
    }

    /// The first reason stays. No fault begins any more.
    fn close(&mut self, close: Close) {
        self.close.get_or_insert(close);
        self.strikes.clear();
    }

    /// Returns how many messages that were.
    fn forget(&mut self) -> u64 {
        let waiting: usize = self.messages.iter().map(Message::len).sum();
        self.unwritten_bytes -= waiting;
        let count = self.messages.len() as u64;
        self.messages.clear();
        count
    }

    /// Returns how many messages are forgotten.
    fn leave(&mut self) -> u64 {
        self.is_gone = true;
        self.strikes.clear();
        self.forget()
    }

    fn take(&mut self) -> Option<Outgoing> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::counters::Counter;
    use crate::sim::report::OutputCounts;

    fn message(bytes: usize) -> Message {
        Message::output(vec![7; bytes].into(), OutputCounts::default())
    }

    fn queue() -> SendQueue {
        SendQueue::new(100, Arc::default())
    }

    /// What is written, in words, up to a close frame; each message is written at once.
    fn drain(queue: &SendQueue) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let next = queue.lock().take();
            match next {
                None => return all,
                Some(Outgoing::Message(message)) => {
                    queue.written(&message, message.len());
                    all.push(format!("message of {}", message.len()));
                }
                Some(Outgoing::Close(close)) => {
                    all.push(format!("close {}", close.code));
                    return all;
                }
                Some(Outgoing::Pong(payload)) => all.push(format!("pong of {}", payload.len())),
                Some(Outgoing::Ping) => all.push("ping".to_owned()),
                Some(Outgoing::Strike(_)) => all.push("strike".to_owned()),
            }
        }
    }

    /// Offered, delivered and cut.
    fn books(queue: &SendQueue) -> [u64; 3] {
        let counters = &queue.counters;
        [&counters.offered, &counters.delivered, &counters.cut].map(Counter::get)
    }

    #[test]
    fn refuses_what_does_not_fit_until_it_is_written() {
        let queue = queue();
        assert_eq!(queue.push(message(1000)), Ok(()), "empty takes any size");
        assert_eq!(queue.push(message(1)), Err(Full));
        let taken = queue.lock().take();
        assert!(matches!(taken, Some(Outgoing::Message(_))));
        assert_eq!(queue.push(message(1)), Err(Full), "still being written");
        queue.written(&message(1000), 1000);
        assert_eq!(queue.push(message(60)), Ok(()));
        assert_eq!(queue.push(message(40)), Ok(()));
        assert_eq!(queue.push(message(1)), Err(Full));
        assert_eq!(books(&queue), [6, 1, 3]);
    }

    #[test]
    fn closing_after_all_delivers_what_waits() {
        let queue = queue();
        queue.push(message(10)).expect("fits");
        queue.close_after_all(Close::FINISHED);
        queue.push(message(10)).expect("not offered");
        assert_eq!(drain(&queue), ["message of 10", "close 1000"]);
        assert_eq!(books(&queue), [1, 1, 0]);
    }

    #[test]
    fn closing_now_forgets_what_waits_and_keeps_the_first_reason() {
        let queue = queue();
        queue.push(message(10)).expect("fits");
        queue.close_now(Some(message(3)), Close::OVERFLOW);
        queue.close_now(None, Close::STOPPED);
        queue.close_after_all(Close::FINISHED);
        assert_eq!(drain(&queue), ["close 1011"]);
        assert_eq!(books(&queue), [2, 0, 2]);
    }

    #[test]
    fn pongs_overtake() {
        let queue = queue();
        queue.push(message(10)).expect("fits");
        queue.pong(Bytes::from_static(b"1"));
        queue.pong(Bytes::from_static(b"22"));
        queue.ping();
        assert_eq!(drain(&queue), ["pong of 2", "ping", "message of 10"]);
    }

    #[test]
    fn silence_holds_messages_and_a_stall_everything() {
        let queue = Arc::new(queue());
        queue.push(message(10)).expect("fits");
        queue.ping();
        let silence = queue.grip(Grip::Silence);
        let (stall, again) = (queue.grip(Grip::Stall), queue.grip(Grip::Stall));
        assert!(drain(&queue).is_empty());
        drop(stall);
        assert!(drain(&queue).is_empty(), "one stall goes on");
        drop(again);
        assert_eq!(drain(&queue), ["ping"]);
        drop(silence);
        assert_eq!(drain(&queue), ["message of 10"]);
    }

    #[test]
    fn what_waits_or_is_half_written_at_the_end_is_cut_once() {
        let queue = queue();
        for _ in 0..3 {
            queue.push(message(10)).expect("fits");
        }
        assert!(queue.lock().take().is_some());
        queue.release(Release::HangUp);
        queue.push(message(10)).expect("not offered");
        queue.close_now(Some(message(3)), Close::OVERFLOW);
        assert!(drain(&queue).is_empty(), "nothing is written any more");
        assert_eq!(books(&queue), [3, 0, 2]);
        queue.retire();
        queue.retire();
        assert_eq!(books(&queue), [3, 0, 3]);
    }
}
