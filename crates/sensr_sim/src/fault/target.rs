//! One stream as the target of a fault, and the state of an active fault.

use std::sync::Arc;
use std::time::Duration;

use super::strike::{Blow, Strike, Token};
use crate::door::{Door, DoorHold, Mode};
use crate::ending::{Close, Release};
use crate::hub::Hub;
use crate::outgoing::Message;
use crate::send_queue::{Grip, Held, SendQueue};
use tokio_util::sync::CancellationToken;

/// Clients and port of the stream that a fault acts on. Methods that act on clients return their number.
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

/// Everything an active fault holds.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// Number of affected clients.
    pub clients: u64,
    /// Duration of a fault that ends on its own.
    pub lasts: Option<Duration>,
    pub grips: Vec<Held>,
    pub doors: Vec<DoorHold>,
    /// Size of the clock jump, seconds.
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

    /// Closes the port; returns once it is closed or the server is closing.
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
