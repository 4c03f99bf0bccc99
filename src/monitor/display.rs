//! The live view, in a thread of its own: a terminal that is stopped does not stop the collecting.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::site::Site;
use super::sites::SharedSites;
use super::view::{Action, View, restore_terminal};

/// Longest wait for a key, and thereby for a stop.
const INPUT_TIMEOUT: Duration = Duration::from_millis(100);
/// Shortest time between two frames that no key asked for.
const FRAME_PERIOD: Duration = Duration::from_millis(250);
/// Time after which a frame is drawn although nothing has changed: ages are shown.
const REFRESH_PERIOD: Duration = Duration::from_secs(1);
/// Longest wait at the start for a terminal that takes nothing.
const START_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait at the end for a terminal that takes nothing.
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// Time between two looks for the end of the thread.
const STOP_POLL: Duration = Duration::from_millis(5);

/// Running view.
#[derive(Debug)]
#[must_use = "the terminal is restored when this is stopped"]
pub struct Display {
    thread: JoinHandle<io::Result<()>>,
    stop: Arc<AtomicBool>,
}

impl Display {
    /// Takes over the terminal and starts to draw the sites.
    pub fn start(sites: SharedSites, colors: bool, unicode: bool) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let (started, result) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("view".to_owned())
            .spawn(move || run(&sites, (colors, unicode), &is_stopped, &started))?;
        match result.recv_timeout(START_LIMIT) {
            Ok(Ok(())) => Ok(Self { thread, stop }),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the view has panicked")),
            Err(RecvTimeoutError::Timeout) => {
                restore_terminal();
                let reason = "the terminal takes nothing: is it stopped (Ctrl-Q resumes it)?";
                Err(io::Error::new(ErrorKind::TimedOut, reason))
            }
        }
    }

    /// Returns whether the operator has ended the view, or it has failed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the view and restores the terminal. A terminal that was closed is no failure.
    pub fn stop(self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + STOP_LIMIT;
        while !self.thread.is_finished() {
            if Instant::now() >= deadline {
                // It draws on a terminal that takes nothing.
                restore_terminal();
                return Ok(());
            }
            thread::sleep(STOP_POLL);
        }
        match self.thread.join() {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("the view has panicked")),
        }
    }
}

fn run(
    sites: &SharedSites,
    (colors, unicode): (bool, bool),
    stop: &AtomicBool,
    started: &SyncSender<io::Result<()>>,
) -> io::Result<()> {
    // Sending fails only if the starting thread has ended, and with it the process.
    let mut view = match View::start(colors, unicode) {
        Ok(view) => {
            let _ = started.send(Ok(()));
            view
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return Ok(());
        }
    };
    let mut frame = Frame::default();
    while !stop.load(Ordering::Relaxed) {
        let changes = sites.changes();
        if frame.is_due(changes, Instant::now()) {
            let snapshot = sites.snapshot();
            let drawn: Vec<&Site> = snapshot.sites.iter().map(AsRef::as_ref).collect();
            let now = Instant::now();
            view.draw(&drawn, now)?;
            frame.on_drawn(snapshot.changes, now);
        }
        match view.handle_input(INPUT_TIMEOUT)? {
            Action::None => {}
            Action::Redraw => frame.is_requested = true,
            Action::Quit => break,
        }
    }
    Ok(())
}

/// Decision when to draw.
#[derive(Debug, Default)]
struct Frame {
    is_requested: bool,
    /// Changes in the newest frame, and its time.
    drawn: Option<(u64, Instant)>,
}

impl Frame {
    fn is_due(&self, changes: u64, now: Instant) -> bool {
        let Some((drawn, at)) = self.drawn else {
            return true;
        };
        let age = now.saturating_duration_since(at);
        self.is_requested || age >= REFRESH_PERIOD || (changes != drawn && age >= FRAME_PERIOD)
    }

    fn on_drawn(&mut self, changes: u64, now: Instant) {
        self.is_requested = false;
        self.drawn = Some((changes, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_drawn_for_keys_at_once_and_for_changes_four_times_a_second() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut frame = Frame::default();
        assert!(frame.is_due(0, start));
        frame.on_drawn(7, start);
        assert!(!frame.is_due(7, after(900)), "nothing has changed");
        assert!(frame.is_due(7, after(1000)), "ages have");
        assert!(!frame.is_due(8, after(200)));
        assert!(frame.is_due(8, after(250)));
        frame.is_requested = true;
        assert!(frame.is_due(7, after(1)));
        frame.on_drawn(7, after(1));
        assert!(!frame.is_due(7, after(2)));
    }
}
