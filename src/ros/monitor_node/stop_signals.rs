//! SIGINT, SIGTERM and SIGHUP, which end the monitor with its report.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::monitor::view::restore_terminal;
use crate::supervisor::exit_timer;

/// Time after the first signal in which others are taken for the same: Ctrl-C reaches the monitor from the terminal and,
/// if `ros2 launch` has started it, from there too.
const REPEAT_TIME: Duration = Duration::from_secs(1);

/// Signals to end, caught from the creation of this value on.
#[derive(Debug)]
pub(super) struct StopSignals {
    is_stopped: Arc<AtomicBool>,
}

impl StopSignals {
    /// Catches the signals. A second one ends the process at once.
    pub(super) fn catch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        // With `nohup` a closed terminal is not to end it.
        let hangup = if is_hangup_ignored() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        drop(entered);
        let mut signals = Caught {
            interrupt,
            terminate,
            hangup,
        };
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    signals.next().await;
                    stop.store(true, Ordering::Relaxed);
                    let first = Instant::now();
                    loop {
                        signals.next().await;
                        if first.elapsed() >= REPEAT_TIME {
                            break;
                        }
                    }
                    restore_terminal();
                    exit_timer::end_at_once(exit_timer::EXIT_FAILURE);
                });
            })?;
        Ok(Self { is_stopped })
    }

    /// Returns whether a signal has come.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

struct Caught {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Caught {
    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Returns whether the process was started with SIGHUP ignored.
fn is_hangup_ignored() -> bool {
    const SIGHUP_BIT: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & SIGHUP_BIT != 0)
}
