//! Requests for faults while a server runs.

use tokio::sync::mpsc;

use super::Fault;
use super::kind::FaultKind;

/// Capacity of the queue of requested faults.
const WAITING: usize = 64;

/// Handle that requests faults from a running server.
#[derive(Debug, Clone)]
pub struct Injector {
    orders: mpsc::Sender<Fault>,
    plays_bag: bool,
}

/// Error of [`Injector::inject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCarriedOut {
    /// A bag is played, whose frames carry the time of the recording.
    #[error("{0} cannot be used with a bag: its frames are sent as they were recorded")]
    WithBag(FaultKind),
    /// The run is over.
    #[error("the run is over")]
    Over,
}

impl Injector {
    /// Returns the handle and the receiver of its requests.
    pub(crate) fn new(plays_bag: bool) -> (Self, mpsc::Receiver<Fault>) {
        let (orders, receiver) = mpsc::channel(WAITING);
        (Self { orders, plays_bag }, receiver)
    }

    /// Begins a fault at once.
    pub async fn inject(&self, fault: Fault) -> Result<(), NotCarriedOut> {
        if self.plays_bag && !fault.kind.fits_bag() {
            return Err(NotCarriedOut::WithBag(fault.kind));
        }
        let sent = self.orders.send(fault).await;
        sent.map_err(|_| NotCarriedOut::Over)
    }
}
