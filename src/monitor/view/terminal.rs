//! The terminal of the view: raw mode, alternate screen, and the way back from both.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::crossterm::{Command, execute};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::{SIGCONT, SIGWINCH};

use super::keys::{Key, KeyBuffer};
use super::page;
use super::state::ViewState;
use crate::monitor::site::Site;

/// Longest wait for a terminal that takes nothing while it is restored.
const RESTORE_LIMIT: Duration = Duration::from_millis(300);
/// Longest time between the bytes of one key. An Escape with nothing after it is the key itself.
const SEQUENCE_LIMIT: Duration = Duration::from_millis(50);
/// Longest time until a stop takes effect, and the time between two looks for its end.
const STOP_LIMIT: Duration = Duration::from_millis(500);
const STOP_POLL: Duration = Duration::from_millis(5);
/// Room for a whole frame of a large terminal, so that it is written at once.
const FRAME_CAPACITY: usize = 1 << 17;

/// The view has changed the terminal and has to restore it.
static IS_CHANGED: AtomicBool = AtomicBool::new(false);

/// Input from the terminal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// Nothing within the time.
    None,
    /// A key.
    Key(Key),
    /// The terminal has another size, or was used by others.
    Changed,
}

/// Terminal that the view draws on.
type ViewTerminal = Terminal<CrosstermBackend<BufWriter<File>>>;

/// Terminal in raw mode that shows its alternate screen. Restored when dropped.
#[derive(Debug)]
pub(super) struct RawTerminal {
    keyboard: File,
    keys: KeyBuffer,
    terminal: ViewTerminal,
    /// The process was stopped and runs again, so the shell may have changed the terminal.
    is_continued: Arc<AtomicBool>,
    /// The terminal has another size.
    is_resized: Arc<AtomicBool>,
}

impl RawTerminal {
    pub(super) fn enter() -> io::Result<Self> {
        let keyboard = open_keyboard()?;
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(
            FRAME_CAPACITY,
            open_screen()?,
        )))?;
        let is_continued = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGCONT, Arc::clone(&is_continued))?;
        let is_resized = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGWINCH, Arc::clone(&is_resized))?;
        restore_before_panic_messages();
        let mut entered = Self {
            keyboard,
            keys: KeyBuffer::default(),
            terminal,
            is_continued,
            is_resized,
        };
        entered.change()?;
        Ok(entered)
    }

    /// Draws one frame, for the present size of the terminal.
    pub(super) fn draw(
        &mut self,
        sites: &[&Site],
        state: &mut ViewState,
        now: Instant,
    ) -> io::Result<()> {
        state.adopt_sites(sites);
        let mut list = None;
        let drawn = self.terminal.draw(|frame| {
            let area = frame.area();
            list = Some(page::draw(frame.buffer_mut(), area, sites, state, now));
        });
        drawn.map_err(closed_if_gone)?;
        if let Some(list) = list {
            state.adopt_list(list);
        }
        Ok(())
    }

    /// Waits for a key or a change of the terminal, up to `timeout`. Fails if the terminal is gone.
    ///
    /// The events of crossterm are of no use here: it never returns from reading a terminal that is gone, and it forgets
    /// a key that comes together with a change of size until the next one.
    pub(super) fn read_input(&mut self, timeout: Duration) -> io::Result<Input> {
        if self.is_continued.swap(false, Ordering::Relaxed) {
            self.change()?;
            return Ok(Input::Changed);
        }
        if let Some(key) = self.keys.next(false) {
            return Ok(Input::Key(key));
        }
        let limit = if self.keys.is_waiting() {
            SEQUENCE_LIMIT
        } else {
            timeout
        };
        let is_complete = !self.wait_for_bytes(limit)?;
        if !is_complete {
            let mut bytes = [0; 256];
            let count = self.keyboard.read(&mut bytes).map_err(closed_if_gone)?;
            if count == 0 {
                return Err(closed());
            }
            self.keys.push(&bytes[..count]);
        }
        // What is complete has been waited for; what has just come may go on.
        Ok(match self.keys.next(is_complete) {
            Some(key) => Input::Key(key),
            None if self.is_resized.swap(false, Ordering::Relaxed) => Input::Changed,
            None => Input::None,
        })
    }

    /// Waits until bytes can be read. False after `limit` or a signal.
    fn wait_for_bytes(&self, limit: Duration) -> io::Result<bool> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.keyboard, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            // A signal, such as the one of a change of size.
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if fds[0].revents().intersects(gone) {
            return Err(closed());
        }
        Ok(true)
    }

    /// Stops the process and all others of its job, as Ctrl-Z does outside raw mode, and returns when it is continued.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore_terminal();
        self.is_continued.store(false, Ordering::Relaxed);
        kill_current_process_group(Signal::TSTP)?;
        // Another thread may take the signal, and this one runs on for a moment. Without a shell that could continue the
        // process, the system ignores the signal.
        let deadline = Instant::now() + STOP_LIMIT;
        while !self.is_continued.swap(false, Ordering::Relaxed) && Instant::now() < deadline {
            thread::sleep(STOP_POLL);
        }
        self.change()
    }

    /// Draws everything anew with the next frame.
    ///
    /// Not by [`Terminal::clear`], which asks the terminal where its cursor is and fails if there is no answer in time, as
    /// from one that is stopped.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    fn change(&mut self) -> io::Result<()> {
        IS_CHANGED.store(true, Ordering::SeqCst);
        terminal::enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen)?;
        self.terminal.hide_cursor()?;
        self.clear()
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the terminal was closed")
}

/// Names the error of a terminal that is gone.
fn closed_if_gone(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) {
        closed()
    } else {
        error
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Restores the terminal if a view has changed it: cooked mode, main screen, visible cursor.
///
/// May be called from any thread, also while another one is stuck in drawing on a terminal that takes nothing: such a
/// terminal is given 300 ms, and then only its mode is restored.
pub fn restore_terminal() {
    if !IS_CHANGED.swap(false, Ordering::SeqCst) {
        return;
    }
    // The errors of a terminal that is gone: nothing is left to restore.
    let _ = terminal::disable_raw_mode();
    let _ = leave_screen();
}

fn leave_screen() -> io::Result<()> {
    let mut screen = open_screen()?;
    let mut commands = String::new();
    let written = LeaveAlternateScreen
        .write_ansi(&mut commands)
        .and_then(|()| Show.write_ansi(&mut commands));
    written.map_err(io::Error::other)?;
    let limit = Timespec::try_from(RESTORE_LIMIT).map_err(io::Error::other)?;
    let is_writable = {
        let mut fds = [PollFd::new(&screen, PollFlags::OUT)];
        poll(&mut fds, Some(&limit))? > 0
    };
    if is_writable {
        screen.write_all(commands.as_bytes())?;
    }
    Ok(())
}

/// Opens what is drawn on: standard output, or the controlling terminal if the output is redirected.
fn open_screen() -> io::Result<File> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        return stdout.as_fd().try_clone_to_owned().map(File::from);
    }
    File::options().write(true).open("/dev/tty")
}

/// Opens what keys are read from.
fn open_keyboard() -> io::Result<File> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return stdin.as_fd().try_clone_to_owned().map(File::from);
    }
    File::open("/dev/tty")
}

fn restore_before_panic_messages() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore_terminal();
            next(panic);
        }));
    });
}
