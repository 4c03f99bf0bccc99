//! Colors and characters for the abilities of the terminal.

use std::collections::VecDeque;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use crate::diagnostics::Level;

/// Fraction of a queue above which its gauge warns.
pub(super) const QUEUE_WARN: f64 = 0.5;
/// Fraction of a queue above which its gauge is an error: messages are about to be dropped.
pub(super) const QUEUE_ERROR: f64 = 0.9;

/// Colors and characters. Without colors, words and bold text say the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) colors: bool,
    pub(super) unicode: bool,
}

impl Theme {
    fn color(self, color: Color) -> Style {
        if self.colors {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    pub(super) fn level(self, level: Level) -> Style {
        match level {
            Level::Ok => self.color(Color::Green),
            Level::Warn => self.color(Color::Yellow),
            Level::Error => self.color(Color::LightRed).add_modifier(Modifier::BOLD),
            Level::Stale => self.color(Color::Magenta),
        }
    }

    /// Style of text that matters only if its level does.
    pub(super) fn text(self, level: Level) -> Style {
        match level {
            Level::Ok => Style::new(),
            other => self.level(other),
        }
    }

    pub(super) fn title(self) -> Style {
        self.color(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn label(self) -> Style {
        self.color(Color::Cyan)
    }

    pub(super) fn rule(self) -> Style {
        self.color(Color::Blue)
    }

    pub(super) fn spark(self) -> Style {
        self.color(Color::LightBlue)
    }

    pub(super) fn selected() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn rule_char(self) -> char {
        if self.unicode { '─' } else { '-' }
    }

    pub(super) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }

    pub(super) fn plus_minus(self) -> &'static str {
        if self.unicode { "±" } else { "+-" }
    }

    /// The last `width` rates as a line, scaled to the largest of them. Missing ones are blank.
    pub(super) fn sparkline(self, history: &VecDeque<f64>, width: usize) -> String {
        let max = newest(history, width).fold(0.0, f64::max);
        self.line_between(history, width, (0.0, max))
    }

    /// The last `width` values of something that should be flat. Changes of a few percent are visible, and a flat one is
    /// in the middle.
    pub(super) fn level_line(self, history: &VecDeque<f64>, width: usize) -> String {
        let min = newest(history, width).fold(f64::INFINITY, f64::min);
        let max = newest(history, width).fold(0.0, f64::max);
        self.line_between(history, width, (min * 0.9, max * 1.1))
    }

    fn line_between(
        self,
        history: &VecDeque<f64>,
        width: usize,
        (low, high): (f64, f64),
    ) -> String {
        // Without the full block, which would join the lines of a table.
        const UNICODE: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
        const ASCII: [char; 7] = ['_', '.', '-', '=', '+', '*', '#'];
        let chars = if self.unicode { UNICODE } else { ASCII };
        let bars = newest(history, width).map(|value| chars[bar_index(value - low, high - low)]);
        let blanks = std::iter::repeat_n(' ', width.saturating_sub(history.len()));
        blanks.chain(bars).collect()
    }

    /// The last `width` rates as bars of `height` lines, the highest line first.
    pub(super) fn chart(self, history: &VecDeque<f64>, width: usize, height: usize) -> Vec<String> {
        const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let max = newest(history, width).fold(0.0, f64::max);
        let blanks = " ".repeat(width.saturating_sub(history.len()));
        let line = |below: usize| {
            let cells = newest(history, width).map(|value| {
                let eighths = eighths(value, max, height).saturating_sub(below * 8).min(8);
                match (self.unicode, eighths) {
                    (true, eighths) => EIGHTHS[eighths],
                    (false, 0..4) => ' ',
                    (false, _) => '#',
                }
            });
            blanks.chars().chain(cells).collect()
        };
        (0..height).rev().map(line).collect()
    }

    /// A bar that is filled in part.
    pub(super) fn gauge(self, fraction: f64, width: usize) -> Span<'static> {
        let (full, empty) = if self.unicode {
            ('█', '░')
        } else {
            ('#', '.')
        };
        let filled = filled_cells(fraction, width);
        let bar = (0..width).map(|i| if i < filled { full } else { empty });
        Span::styled(bar.collect::<String>(), self.level(queue_level(fraction)))
    }
}

fn newest(history: &VecDeque<f64>, count: usize) -> impl Iterator<Item = f64> {
    let skipped = history.len().saturating_sub(count);
    history.iter().skip(skipped).copied()
}

/// Severity of a filled queue.
pub(super) fn queue_level(fraction: f64) -> Level {
    if fraction >= QUEUE_ERROR {
        Level::Error
    } else if fraction >= QUEUE_WARN {
        Level::Warn
    } else {
        Level::Ok
    }
}

/// Word for a level, so that it can be read without colors.
pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Ok => "OK",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
        Level::Stale => "STALE",
    }
}

/// Order of severity for people: an error is worse than something unknown.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Warn => 1,
        Level::Stale => 2,
        Level::Error => 3,
    }
}

/// Only zero has the lowest bar, so that a stop differs from a low rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
fn bar_index(value: f64, max: f64) -> usize {
    if value > 0.0 && max > 0.0 {
        ((value / max * 6.0).ceil() as usize).clamp(1, 6)
    } else {
        0
    }
}

/// Height of a bar in eighths of a line; anything above zero is visible.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small positive number"
)]
fn eighths(value: f64, max: f64, height: usize) -> usize {
    if value > 0.0 && max > 0.0 {
        (value / max * (height * 8) as f64).ceil() as usize
    } else {
        0
    }
}

/// Anything in a queue fills a cell, and only a full one fills all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small positive number"
)]
fn filled_cells(fraction: f64, width: usize) -> usize {
    let fraction = fraction.clamp(0.0, 1.0);
    ((fraction * width as f64).ceil() as usize).min(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICODE: Theme = Theme {
        colors: true,
        unicode: true,
    };
    const ASCII: Theme = Theme {
        colors: false,
        unicode: false,
    };

    #[test]
    fn a_sparkline_shows_the_newest_values_and_tells_a_stop_from_a_low_rate() {
        let history = VecDeque::from([9.0, 0.0, 0.1, 35.0, 70.0]);
        assert_eq!(UNICODE.sparkline(&history, 4), "▁▂▄▇");
        assert_eq!(UNICODE.sparkline(&history, 7), "  ▂▁▂▄▇");
        assert_eq!(ASCII.sparkline(&history, 4), "_.=#");
        assert_eq!(UNICODE.sparkline(&VecDeque::from([0.0, f64::NAN]), 2), "▁▁");
    }

    #[test]
    fn a_flat_level_is_in_the_middle_and_growth_is_visible() {
        let flat = VecDeque::from([60.0, 60.0, 60.0]);
        assert_eq!(UNICODE.level_line(&flat, 4), " ▄▄▄");
        let growing = VecDeque::from([60.0, 65.0, 70.0]);
        assert_eq!(UNICODE.level_line(&growing, 3), "▃▄▆");
    }

    #[test]
    fn a_chart_has_bars_over_several_lines() {
        let history = VecDeque::from([0.0, 1.0, 8.0, 16.0]);
        assert_eq!(UNICODE.chart(&history, 5, 2), ["    █", "  ▁██"]);
        assert_eq!(ASCII.chart(&history, 3, 2), ["  #", " ##"]);
    }

    #[test]
    fn a_gauge_shows_the_least_filling() {
        assert_eq!(UNICODE.gauge(0.0, 4).content, "░░░░");
        assert_eq!(UNICODE.gauge(0.01, 4).content, "█░░░");
        assert_eq!(ASCII.gauge(0.5, 4).content, "##..");
        assert_eq!(ASCII.gauge(7.0, 4).content, "####");
    }

    #[test]
    fn without_colors_no_style_has_one() {
        for level in [Level::Ok, Level::Warn, Level::Error, Level::Stale] {
            assert_eq!(ASCII.level(level).fg, None);
        }
        assert_eq!(ASCII.title().fg, None);
        assert_eq!(ASCII.rule().fg, None);
    }
}
