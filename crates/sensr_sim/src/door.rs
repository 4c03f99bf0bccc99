//! Whether a port is open, and what meets those who come in.

use std::sync::Arc;

use tokio::sync::watch;

/// What meets those who connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are served.
    Open,
    /// Nobody listens.
    Shut,
    /// They are accepted and never answered.
    Mute,
    /// They are answered with HTTP 503.
    Reject,
}

/// One port, as faults see it.
#[derive(Debug)]
pub(super) struct Door {
    holds: watch::Sender<Holds>,
    is_listening: watch::Sender<bool>,
}

/// Faults may overlap; the latest counts.
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

    /// Changes the mode until the result is dropped.
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

    /// Returns when the mode is another.
    pub(super) async fn leaves(&self, mode: Mode) {
        let mut holds = self.holds.subscribe();
        // The sender is `self`.
        let _ = holds.wait_for(|holds| holds.mode() != mode).await;
    }

    /// The port was opened or closed.
    pub(super) fn set_listening(&self, is_listening: bool) {
        self.is_listening.send_replace(is_listening);
    }

    /// Returns when the port is open, or closed.
    pub(super) async fn listens(&self, wanted: bool) {
        let mut is_listening = self.is_listening.subscribe();
        // The sender is `self`.
        let _ = is_listening.wait_for(|is| *is == wanted).await;
    }
}

/// A fault at a door, until dropped.
#[must_use = "it is over when this is dropped"]
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
    async fn the_latest_of_overlapping_faults_counts() {
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
