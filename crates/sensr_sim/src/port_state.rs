//! State of one port: whether it is open and how new connections are treated.

use std::sync::Arc;

use tokio::sync::watch;

/// Treatment of new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortMode {
    /// Served.
    Open,
    /// Refused: the port does not listen.
    Closed,
    /// Accepted and never answered.
    Mute,
    /// Answered with HTTP 503.
    Reject,
}

/// State of one port, changed by faults and followed by its listener.
#[derive(Debug)]
pub(super) struct PortState {
    overrides: watch::Sender<ModeOverrides>,
    is_listening: watch::Sender<bool>,
}

/// Modes set by active faults, which may overlap; the latest applies.
#[derive(Debug, Default)]
struct ModeOverrides {
    /// Number of modes set so far.
    count: u64,
    active: Vec<(u64, PortMode)>,
}

impl ModeOverrides {
    fn mode(&self) -> PortMode {
        self.active.last().map_or(PortMode::Open, |(_, mode)| *mode)
    }
}

impl PortState {
    pub(super) fn new() -> Self {
        Self {
            overrides: watch::Sender::new(ModeOverrides::default()),
            is_listening: watch::Sender::new(true),
        }
    }

    pub(super) fn mode(&self) -> PortMode {
        self.overrides.borrow().mode()
    }

    pub(super) fn is_open(&self) -> bool {
        self.mode() == PortMode::Open
    }

    /// Sets the mode until the returned guard is dropped.
    pub(super) fn set_mode(self: &Arc<Self>, mode: PortMode) -> PortModeGuard {
        let mut number = 0;
        self.overrides.send_modify(|overrides| {
            overrides.count += 1;
            number = overrides.count;
            overrides.active.push((number, mode));
        });
        PortModeGuard {
            port: Arc::clone(self),
            number,
        }
    }

    /// Waits until the mode differs from `mode`.
    pub(super) async fn wait_mode_change(&self, mode: PortMode) {
        let mut overrides = self.overrides.subscribe();
        // Cannot fail: the sender is in `self`.
        let _ = overrides
            .wait_for(|overrides| overrides.mode() != mode)
            .await;
    }

    /// Records that the listener has opened or closed the port.
    pub(super) fn set_listening(&self, is_listening: bool) {
        self.is_listening.send_replace(is_listening);
    }

    /// Waits until the port listens, or until it does not.
    pub(super) async fn wait_listening(&self, wanted: bool) {
        let mut is_listening = self.is_listening.subscribe();
        // Cannot fail: the sender is in `self`.
        let _ = is_listening.wait_for(|is| *is == wanted).await;
    }
}

/// Guard of a mode set by a fault.
#[must_use = "the mode ends when this is dropped"]
#[derive(Debug)]
pub(super) struct PortModeGuard {
    port: Arc<PortState>,
    number: u64,
}

impl PortModeGuard {
    pub(super) fn port(&self) -> &Arc<PortState> {
        &self.port
    }
}

impl Drop for PortModeGuard {
    fn drop(&mut self) {
        self.port.overrides.send_modify(|overrides| {
            overrides
                .active
                .retain(|(number, _)| *number != self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn latest_of_overlapping_modes_applies() {
        let port = Arc::new(PortState::new());
        let closed = port.set_mode(PortMode::Closed);
        let mute = port.set_mode(PortMode::Mute);
        assert_eq!(port.mode(), PortMode::Mute);
        drop(closed);
        assert_eq!(port.mode(), PortMode::Mute);
        tokio::join!(port.wait_mode_change(PortMode::Mute), async { drop(mute) });
        assert!(port.is_open());
    }
}
