//! What runs a link: a reactor of its own, on a thread of its own, so that the links do not wait for each other.

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{RuntimeError, last_resort};
use tokio_util::sync::CancellationToken;

/// Runs one link.
pub(super) struct Reactor(Runtime);

/// SIGINT and SIGTERM, caught from when this is made on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Reactor {
    pub(super) fn new() -> Result<Self, RuntimeError> {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // They ask name servers. One that never answers must not cost a thread at every attempt.
            .max_blocking_threads(2)
            .build()
            .map(Self)
            .map_err(|source| RuntimeError::System {
                action: "start the reactor",
                source,
            })
    }

    /// Works until `link` has ended, however long `beside` would go on.
    pub(super) fn run(self, link: impl Future<Output = ()>, beside: impl Future<Output = ()>) {
        self.0.block_on(async {
            tokio::select! {
                () = link => {}
                () = async { beside.await; std::future::pending().await } => {}
            }
        });
        // Dropped, it would wait for a name server that does not answer.
        self.0.shutdown_background();
    }
}

impl Signals {
    /// To be waited for in this reactor.
    pub(super) fn catch(reactor: &Reactor) -> Result<Self, RuntimeError> {
        let catch = |kind| {
            signal(kind).map_err(|source| RuntimeError::System {
                action: "catch signals",
                source,
            })
        };
        let _entered = reactor.0.enter();
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    /// Passes a signal on. A second one changes nothing: the end is near anyway.
    pub(super) async fn pull(mut self, trigger: CancellationToken) {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        exit_timer::arm(exit_timer::AFTER_A_SIGNAL, exit_timer::BROKEN);
        trigger.cancel();
        log::info!("{name}: stopping");
    }
}
