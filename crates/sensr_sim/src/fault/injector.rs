//! Asks for faults.

use tokio::sync::mpsc;

use super::Fault;
use super::kind::FaultKind;

/// Faults that may wait to be carried out.
const WAITING: usize = 64;

/// Asks a running server for faults.
#[derive(Debug, Clone)]
pub struct Injector {
    orders: mpsc::Sender<Fault>,
    plays_bag: bool,
}

/// Why a fault is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCarriedOut {
    /// A bag is played, whose frames carry the time of the recording.
    #[error("{0} cannot be used with a bag: its frames are sent as they were recorded")]
    WithBag(FaultKind),
    /// All is produced.
    #[error("the run is over")]
    Over,
}

impl Injector {
    /// And what gets what is asked for.
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
