//! One stream as the target of a fault, and the state of an active fault.

use std::sync::Arc;
use std::time::Duration;

use super::one_shot::{FaultGuard, OneShotFault, PendingFault};
use crate::broadcast::Broadcast;
use crate::close::{Close, Disconnect};
use crate::port_state::{PortMode, PortModeGuard, PortState};
use crate::queue_item::Message;
use crate::send_queue::{OngoingFault, OngoingFaultGuard, SendQueue};
use tokio_util::sync::CancellationToken;

/// Clients and port of the stream that a fault acts on. Methods that act on clients return their number.
pub(super) struct FaultTarget<'a> {
    pub broadcast: &'a Arc<Broadcast>,
    pub port: &'a Arc<PortState>,
}

impl<'a> FaultTarget<'a> {
    pub(super) fn new(broadcast: &'a Arc<Broadcast>, port: &'a Arc<PortState>) -> Self {
        Self { broadcast, port }
    }

    /// Returns whether this is the stream of `broadcast`.
    pub(super) fn is_link(&self, broadcast: &Arc<Broadcast>) -> bool {
        Arc::ptr_eq(self.broadcast, broadcast)
    }

    pub(super) fn queue_fault(&self, fault: &OneShotFault, guard: &FaultGuard) -> u64 {
        self.for_each_client(|queue| {
            queue.queue_fault(PendingFault::new(fault.clone(), guard.clone()));
        })
    }

    pub(super) fn disconnect(&self, disconnect: Disconnect, guard: Option<&FaultGuard>) -> u64 {
        self.for_each_client(|queue| {
            if let Some(guard) = guard {
                queue.hold_guard(guard.clone());
            }
            queue.disconnect(disconnect);
        })
    }

    pub(super) fn close_now(&self, close: Close) -> u64 {
        self.for_each_client(|queue| queue.close_now(None, close))
    }

    pub(super) fn close_after_queued(&self, close: Close, guard: &FaultGuard) -> u64 {
        self.for_each_client(|queue| {
            queue.hold_guard(guard.clone());
            queue.close_after_queued(close);
        })
    }

    pub(super) fn overflow(
        &self,
        final_message: impl Fn() -> Option<Message>,
        guard: &FaultGuard,
    ) -> u64 {
        self.for_each_client(|queue| queue.hold_guard(guard.clone()));
        self.broadcast.overflow(final_message)
    }

    fn for_each_client(&self, mut action: impl FnMut(&Arc<SendQueue>)) -> u64 {
        let mut clients = 0;
        self.broadcast.for_each_client(|queue| {
            action(queue);
            clients += 1;
        });
        clients
    }
}

/// Everything an active fault holds.
#[derive(Debug, Default)]
pub(super) struct ActiveFault {
    /// Number of affected clients.
    pub clients: u64,
    /// Duration of a fault that ends on its own.
    pub duration: Option<Duration>,
    pub ongoing: Vec<OngoingFaultGuard>,
    pub ports: Vec<PortModeGuard>,
    /// Size of the clock jump, seconds.
    pub jump_secs: Option<f64>,
}

impl ActiveFault {
    /// Begins an ongoing fault on every client.
    pub(super) fn begin_ongoing(
        &mut self,
        target: &FaultTarget<'_>,
        fault: OngoingFault,
        duration: Duration,
    ) -> u64 {
        self.duration = Some(duration);
        target.for_each_client(|queue| self.ongoing.push(queue.begin_fault(fault)))
    }

    /// Sets the mode of the port for the duration of the fault.
    pub(super) fn set_port_mode(
        &mut self,
        target: &FaultTarget<'_>,
        mode: PortMode,
        duration: Duration,
    ) {
        self.duration = Some(duration);
        self.ports.push(target.port.set_mode(mode));
    }

    /// Closes the port; returns once it is closed or the server is closing.
    pub(super) async fn close_port(
        &mut self,
        target: &FaultTarget<'_>,
        duration: Duration,
        closing: CancellationToken,
    ) {
        self.set_port_mode(target, PortMode::Closed, duration);
        tokio::select! {
            () = target.port.wait_listening(false) => {}
            () = closing.cancelled() => {}
        }
    }
}
