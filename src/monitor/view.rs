//! The live view of `sensr_monitor` on a terminal.
//!
//! [`View`] owns the terminal, reads keys and draws; [`render`] draws one frame, without a terminal of its own.

mod state;
mod terminal;

use std::io;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::site::Site;
pub use state::ViewState;
use terminal::RawTerminal;
pub use terminal::restore_terminal;

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
}

impl View {
    /// Takes the terminal over: raw mode, alternate screen.
    pub fn start(colors: bool, unicode: bool) -> io::Result<Self> {
        Ok(Self {
            terminal: RawTerminal::enter()?,
            state: ViewState::new(colors, unicode),
        })
    }

    /// Waits for a key or a change of the terminal's size, up to `timeout`. An error means that the terminal is gone.
    pub fn handle_input(&mut self, timeout: Duration) -> io::Result<Action> {
        Ok(match self.terminal.read_event(timeout)? {
            None => Action::None,
            Some(Event::Key(key)) => match key.code {
                KeyCode::Char('q') => Action::Quit,
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Action::Quit,
                KeyCode::Char('z') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    self.terminal.suspend()?;
                    Action::Redraw
                }
                KeyCode::Char('l') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    self.terminal.clear()?;
                    Action::Redraw
                }
                _ => Action::None,
            },
            Some(_) => Action::Redraw,
        })
    }

    /// Draws the sites, in the order given.
    ///
    /// Blocks while the terminal takes nothing, so no lock may be held that the collecting threads need.
    pub fn draw(&mut self, sites: &[&Site], now: Instant) -> io::Result<()> {
        let state = &self.state;
        self.terminal
            .terminal()
            .draw(|frame| render(frame, sites, state, now))?;
        Ok(())
    }
}

/// Draws one frame.
pub fn render(frame: &mut Frame, sites: &[&Site], _state: &ViewState, now: Instant) {
    let lines: Vec<Line> = sites
        .iter()
        .map(|site| {
            let silent = if site.is_silent(now) { " (silent)" } else { "" };
            Line::raw(format!("{}{silent}", site.name()))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), frame.area());
}

/// Returns whether the environment wants colors: `NO_COLOR` is not set, and the terminal is not a dumb one.
pub fn wants_colors(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && variable("TERM").is_none_or(|term| term != "dumb")
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
