//! State of one port: whether it is open and how new connections are treated.

use std::sync::Arc;

use tokio::sync::watch;

/// Treatment of new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Served.
    Open,
    /// Refused: the port does not listen.
    Shut,
    /// Accepted and never answered.
    Mute,
    /// Answered with HTTP 503.
    Reject,
}

/// State of one port, changed by faults and followed by its listener.
#[derive(Debug)]
pub(super) struct Door {
    holds: watch::Sender<Holds>,
    is_listening: watch::Sender<bool>,
}

/// Modes set by active faults, which may overlap; the latest applies.
#[derive(Debug, Default)]
struct Holds {
    made: u64,
    held: Vec<(u64, Mode)>,
}

impl Holds {
    fn mode(&self) -> Mode {
        self.held.last().map_or(Mode::Open, |(_, mode)| *mode)
    }
}

impl Door {
    pub(super) fn new() -> Self {
        Self {
            holds: watch::Sender::new(Holds::default()),
            is_listening: watch::Sender::new(true),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.holds.borrow().mode()
    }

    pub(super) fn is_open(&self) -> bool {
        self.mode() == Mode::Open
    }

    /// Sets the mode until the returned guard is dropped.
    pub(super) fn hold(self: &Arc<Self>, mode: Mode) -> DoorHold {
        let mut number = 0;
        self.holds.send_modify(|holds| {
            holds.made += 1;
            number = holds.made;
            holds.held.push((number, mode));
        });
        DoorHold {
            door: Arc::clone(self),
            number,
        }
    }

    /// Waits until the mode differs from `mode`.
    pub(super) async fn leaves(&self, mode: Mode) {
        let mut holds = self.holds.subscribe();
        // Cannot fail: the sender is in `self`.
        let _ = holds.wait_for(|holds| holds.mode() != mode).await;
    }

    /// Records that the listener has opened or closed the port.
    pub(super) fn set_listening(&self, is_listening: bool) {
        self.is_listening.send_replace(is_listening);
    }

    /// Waits until the port listens, or until it does not.
    pub(super) async fn listens(&self, wanted: bool) {
        let mut is_listening = self.is_listening.subscribe();
        // Cannot fail: the sender is in `self`.
        let _ = is_listening.wait_for(|is| *is == wanted).await;
    }
}

/// Guard of a mode set by a fault.
#[must_use = "the mode ends when this is dropped"]
#[derive(Debug)]
pub(super) struct DoorHold {
    door: Arc<Door>,
    number: u64,
}

impl DoorHold {
    pub(super) fn door(&self) -> &Arc<Door> {
        &self.door
    }
}

impl Drop for DoorHold {
    fn drop(&mut self) {
        self.door.holds.send_modify(|holds| {
            holds.held.retain(|(number, _)| *number != self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn latest_of_overlapping_modes_applies() {
        let door = Arc::new(Door::new());
        let shut = door.hold(Mode::Shut);
        let mute = door.hold(Mode::Mute);
        assert_eq!(door.mode(), Mode::Mute);
        drop(shut);
        assert_eq!(door.mode(), Mode::Mute);
        tokio::join!(door.leaves(Mode::Mute), async { drop(mute) });
        assert!(door.is_open());
    }
}
