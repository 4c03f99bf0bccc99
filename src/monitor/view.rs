//! The live view of `sensr_monitor` on a terminal.
//!
//! [`View`] owns the terminal, reads keys and draws; [`render`] draws one frame, without a terminal of its own.

mod assess;
mod format;
mod help;
mod keys;
mod overview;
mod page;
mod panel;
#[cfg(test)]
mod sample_sites;
mod site_panels;
mod stages;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod topic_table;

use std::io;
use std::time::{Duration, Instant};

use ratatui::Frame;

use super::site::Site;
pub use keys::Key;
pub use state::{Page, TopicOrder, ViewState};
pub use terminal::restore_terminal;
use terminal::{Input, RawTerminal};

/// Consequence of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing happened.
    None,
    /// The view has to be drawn again.
    Redraw,
    /// The operator ended the monitor.
    Quit,
}

/// The view on the terminal of this process. The terminal is restored when it is dropped, and before a panic is reported.
#[derive(Debug)]
pub struct View {
    terminal: RawTerminal,
    state: ViewState,
    /// Sites as they were when the display was paused, and that time.
    frozen: Option<(Vec<Site>, Instant)>,
}

impl View {
    /// Takes the terminal over: raw mode, alternate screen.
    pub fn start(colors: bool, unicode: bool) -> io::Result<Self> {
        Ok(Self {
            terminal: RawTerminal::enter()?,
            state: ViewState::new(colors, unicode),
            frozen: None,
        })
    }

    /// Waits for a key or a change of the terminal's size, up to `timeout`. An error means that the terminal is gone.
    pub fn handle_input(&mut self, timeout: Duration) -> io::Result<Action> {
        match self.terminal.read_input(timeout)? {
            Input::None => Ok(Action::None),
            Input::Changed => Ok(Action::Redraw),
            Input::Key(key) => self.handle_key(key),
        }
    }

    fn handle_key(&mut self, key: Key) -> io::Result<Action> {
        match key {
            Key::Ctrl('z') => self.terminal.suspend()?,
            Key::Ctrl('l') => self.terminal.clear()?,
            _ => return Ok(self.state.handle_key(key)),
        }
        Ok(Action::Redraw)
    }

    /// Draws the sites, in the order given. While the display is paused, draws them as they were.
    ///
    /// Blocks while the terminal takes nothing, so no lock may be held that the collecting threads need.
    pub fn draw(&mut self, sites: &[&Site], now: Instant) -> io::Result<()> {
        if self.state.is_paused() {
            let copy = || (sites.iter().copied().cloned().collect(), now);
            let (frozen, now) = self.frozen.get_or_insert_with(copy);
            let sites: Vec<&Site> = frozen.iter().collect();
            self.terminal.draw(&sites, &mut self.state, *now)
        } else {
            self.frozen = None;
            self.terminal.draw(sites, &mut self.state, now)
        }
    }
}

/// Draws one frame.
pub fn render(frame: &mut Frame, sites: &[&Site], state: &ViewState, now: Instant) {
    let area = frame.area();
    page::draw(frame.buffer_mut(), area, sites, state, now);
}

/// Returns whether the environment says that the terminal shows UTF-8: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that
/// is set.
pub fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let values = names.into_iter().filter_map(variable);
    let locale = values.into_iter().find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
