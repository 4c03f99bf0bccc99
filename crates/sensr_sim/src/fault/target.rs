//! What a fault does to one stream, and what it holds on to meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::strike::{Blow, Strike, Token};
use crate::door::{Door, DoorHold, Mode};
use crate::ending::{Close, Release};
use crate::hub::Hub;
use crate::outgoing::Message;
use crate::send_queue::{Grip, Held, SendQueue};
use tokio_util::sync::CancellationToken;

/// A stream that suffers: its clients and its port. What is done to clients returns how many they are.
pub(super) struct Target<'a> {
    pub hub: &'a Arc<Hub>,
    pub door: &'a Arc<Door>,
}

impl<'a> Target<'a> {
    pub(super) fn new(hub: &'a Arc<Hub>, door: &'a Arc<Door>) -> Self {
        Self { hub, door }
    }

    pub(super) fn is(&self, hub: &Arc<Hub>) -> bool {
        Arc::ptr_eq(self.hub, hub)
    }

    pub(super) fn strike(&self, blow: &Blow, token: &Token) -> u64 {
        self.each(|queue| {
            queue.strike(Strike::new(blow.clone(), token.clone()));
        })
    }

    pub(super) fn release(&self, release: Release, token: Option<&Token>) -> u64 {
        self.each(|queue| {
            if let Some(token) = token {
                queue.keep(token.clone());
            }
            queue.release(release);
        })
    }

    pub(super) fn close_now(&self, close: Close) -> u64 {
        self.each(|queue| queue.close_now(None, close))
    }

    pub(super) fn close_after_all(&self, close: Close, token: &Token) -> u64 {
        self.each(|queue| {
            queue.keep(token.clone());
            queue.close_after_all(close);
        })
    }

    pub(super) fn overflow(&self, last_words: impl Fn() -> Option<Message>, token: &Token) -> u64 {
        self.each(|queue| queue.keep(token.clone()));
        self.hub.overflow(last_words)
    }

    fn each(&self, mut action: impl FnMut(&Arc<SendQueue>)) -> u64 {
        let mut clients = 0;
        self.hub.for_each(|queue| {
            action(queue);
            clients += 1;
        });
        clients
    }
}

/// What a fault holds on to.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// How many suffer.
    pub clients: u64,
    /// How long it lasts by itself.
    pub lasts: Option<Duration>,
    pub grips: Vec<Held>,
    pub doors: Vec<DoorHold>,
    /// How far the clock jumped.
    pub jump_secs: Option<f64>,
}

impl UnderWay {
    pub(super) fn seize(&mut self, target: &Target<'_>, grip: Grip, lasts: Duration) -> u64 {
        self.lasts = Some(lasts);
        target.each(|queue| self.grips.push(queue.grip(grip)))
    }

    pub(super) fn hold(&mut self, target: &Target<'_>, mode: Mode, lasts: Duration) {
        self.lasts = Some(lasts);
        self.doors.push(target.door.hold(mode));
    }

    /// Returns when the port is shut, or closed for good.
    pub(super) async fn shut(
        &mut self,
        target: &Target<'_>,
        lasts: Duration,
        closing: CancellationToken,
    ) {
        self.hold(target, Mode::Shut, lasts);
        tokio::select! {
            () = target.door.listens(false) => {}
            () = closing.cancelled() => {}
        }
    }
}
