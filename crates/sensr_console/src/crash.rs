//! The last words of an abort: what the C++ runtime or the allocator writes before it aborts is in the pipe when the
//! process dies, and with it dies the thread that would have read it. So the signal waits a moment for that thread.

use std::io::{self, ErrorKind, PipeReader, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use signal_hook::consts::SIGABRT;
use signal_hook::{flag, low_level};

/// The moment. Whoever aborts may hold a lock that the reading thread needs, so it is not more.
const LIMIT: Duration = Duration::from_millis(100);

/// From now on SIGABRT takes its course a little later. Its handler does three things in this order: it wakes the
/// thread that is started here, it writes to a pipe that is full and so waits until that thread closes it, and it
/// does what happens without a handler.
pub(super) fn delay_abort() -> io::Result<()> {
    let (woken, wake) = io::pipe()?;
    let (full, hold) = io::pipe()?;
    let also_hold = hold.try_clone()?;
    low_level::pipe::register(SIGABRT, wake)?;
    low_level::pipe::register(SIGABRT, hold)?;
    flag::register_conditional_default(SIGABRT, Arc::new(AtomicBool::new(true)))?;
    fill(&also_hold)?;
    thread::Builder::new()
        .name("abort".to_owned())
        .spawn(move || release_later(woken, full))?;
    Ok(())
}

/// Leaves it full and blocking; registered, it is not blocking.
fn fill(mut pipe: &io::PipeWriter) -> io::Result<()> {
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

/// Takes no lock and allocates nothing: in an abort nobody knows what still works.
fn release_later(mut woken: PipeReader, full: PipeReader) {
    // An error is a wake-up too.
    let _ = woken.read(&mut [0]);
    thread::sleep(LIMIT);
    drop(full);
}
