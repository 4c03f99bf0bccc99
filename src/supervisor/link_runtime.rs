//! Runtime of a link: one for each, on a thread of its own, so that the links do not wait for each other.

use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use tokio_util::sync::CancellationToken;

use super::exit_timer;
use super::heartbeat::Heartbeat;

/// Runs one link.
#[derive(Debug)]
pub struct LinkRuntime(Runtime);

/// SIGINT and SIGTERM, caught from the creation of this value on.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl LinkRuntime {
    /// Creates a runtime on the calling thread.
    pub fn new() -> io::Result<Self> {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // They resolve names. A name server that never answers must not cost a thread at every attempt.
            .max_blocking_threads(2)
            .build()
            .map(Self)
    }

    /// Runs until `link` has ended, with `companion` beside it. `heartbeat` beats as long as both leave room for it.
    pub fn run(
        self,
        link: impl Future<Output = ()>,
        companion: impl Future<Output = ()>,
        heartbeat: Heartbeat,
    ) {
        self.0.block_on(async {
            tokio::select! {
                () = link => {}
                () = async { companion.await; std::future::pending().await } => {}
                () = heartbeat.beat_regularly() => {}
            }
        });
        // Dropped, it would wait for a name server that does not answer.
        self.0.shutdown_background();
    }
}

impl Signals {
    /// Catches the signals, to be awaited in this runtime.
    pub fn catch(runtime: &LinkRuntime) -> io::Result<Self> {
        let _entered = runtime.0.enter();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Cancels `shutdown` at the first signal, and starts the timer of the forced exit after `limit`. Later signals are
    /// logged and have no other effect. Never returns.
    pub async fn forward(mut self, shutdown: CancellationToken, limit: Duration) {
        let name = self.next().await;
        exit_timer::start(limit, exit_timer::EXIT_FAILURE);
        shutdown.cancel();
        log::info!("{name}: stopping");
        loop {
            let name = self.next().await;
            log::info!("{name}: stopping already, which takes {limit:?} at most");
        }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
