//! The terminal of the view: raw mode, alternate screen, and the way back from both.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyEvent};
use ratatui::crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::crossterm::{Command, execute};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::SIGCONT;

use super::page;
use super::state::ViewState;
use crate::monitor::site::Site;

/// Longest wait for a terminal that takes nothing while it is restored.
const RESTORE_LIMIT: Duration = Duration::from_millis(300);
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
    Key(KeyEvent),
    /// The terminal has another size, or was used by others.
    Changed,
}

/// Terminal that the view draws on.
type ViewTerminal = Terminal<CrosstermBackend<BufWriter<File>>>;

/// Terminal in raw mode that shows its alternate screen. Restored when dropped.
#[derive(Debug)]
pub(super) struct RawTerminal {
    keyboard: File,
    terminal: ViewTerminal,
    /// The process was stopped and runs again, so the shell may have changed the terminal.
    is_continued: Arc<AtomicBool>,
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
        restore_before_panic_messages();
        let mut entered = Self {
            keyboard,
            terminal,
            is_continued,
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
        self.terminal.draw(|frame| {
            let area = frame.area();
            list = Some(page::draw(frame.buffer_mut(), area, sites, state, now));
        })?;
        if let Some(list) = list {
            state.adopt_list(list);
        }
        Ok(())
    }

    /// Waits for a key or a change of the terminal, up to `timeout`.
    ///
    /// Fails if the terminal is gone. crossterm itself never returns from reading such a terminal.
    pub(super) fn read_input(&mut self, timeout: Duration) -> io::Result<Input> {
        if self.is_continued.swap(false, Ordering::Relaxed) {
            self.change()?;
            return Ok(Input::Changed);
        }
        // A key that crossterm has already read.
        if event::poll(Duration::ZERO)? {
            return read_ready();
        }
        self.wait_for_input(timeout)?;
        if event::poll(Duration::ZERO)? {
            return read_ready();
        }
        Ok(Input::None)
    }

    fn wait_for_input(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.keyboard, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            // A signal, such as the one of a change of size.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if fds[0].revents().intersects(gone) {
            let kind = io::ErrorKind::BrokenPipe;
            return Err(io::Error::new(kind, "the terminal was closed"));
        }
        Ok(())
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

/// Reads what crossterm has announced.
fn read_ready() -> io::Result<Input> {
    Ok(match event::read()? {
        Event::Key(key) => Input::Key(key),
        Event::Resize(..) => Input::Changed,
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => Input::None,
    })
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

/// Opens what crossterm reads keys from.
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
