//! Delay of SIGABRT: output that the C++ runtime or the allocator writes before it aborts is still in the pipe when the
//! process dies, together with the thread that reads the pipe. So the signal handler waits briefly for that thread.

use std::io::{self, ErrorKind, PipeReader, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use signal_hook::consts::SIGABRT;
use signal_hook::{flag, low_level};

/// Delay. Short, because the aborting thread may hold a lock that the reading thread needs.
const LIMIT: Duration = Duration::from_millis(100);

/// Delays the effect of SIGABRT from now on. Its handler does three things in this order: it wakes the thread that is
/// started here, it writes to a full pipe and so blocks until that thread closes the pipe, and it does what happens
/// without a handler.
pub(super) fn delay_abort() -> io::Result<()> {
    let (woken, wake) = io::pipe()?;
    let (full, hold) = io::pipe()?;
    let also_hold = hold.try_clone()?;
    low_level::pipe::register(SIGABRT, wake)?;
    low_level::pipe::register(SIGABRT, hold)?;
    flag::register_conditional_default(SIGABRT, Arc::new(AtomicBool::new(true)))?;
    fill_pipe(&also_hold)?;
    thread::Builder::new()
        .name("abort".to_owned())
        .spawn(move || release_later(woken, full))?;
    Ok(())
}

/// Fills the pipe and leaves it blocking; registration would have made it non-blocking.
fn fill_pipe(mut pipe: &io::PipeWriter) -> io::Result<()> {
    fcntl_setfl(pipe, OFlags::NONBLOCK)?;
    let error = loop {
        if let Err(error) = pipe.write(&[0; 4096]) {
            break error;
        }
    };
    if error.kind() != ErrorKind::WouldBlock {
        return Err(error);
    }
    fcntl_setfl(pipe, OFlags::empty())?;
    Ok(())
}

/// Closes the full pipe after the delay. Takes no lock and allocates nothing: after an abort neither may work.
fn release_later(mut woken: PipeReader, full: PipeReader) {
    // A read error is a wake-up too.
    let _ = woken.read(&mut [0]);
    thread::sleep(LIMIT);
    drop(full);
}
