//! Help: the keys, and the words on the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::page::draw_panel;
use super::panel::Panel;
use super::text::{fit, pad};
use super::theme::Theme;

const KEYS: [(&str, &str); 11] = [
    ("q, Ctrl-C", "end the monitor and print the report"),
    ("Tab, arrows, 1 to 9", "choose a site"),
    ("o, Enter, Esc", "all sites, the chosen site, back"),
    ("e", "events of the site: PgUp, PgDn, Home, End scroll"),
    ("d", "all diagnostics of the site with their whole messages"),
    ("s, S", "order of the topics: name, rate, lost"),
    ("p, Space", "pause the display; figures are collected on"),
    ("Ctrl-L, Ctrl-Z", "draw anew, stop (fg continues)"),
    ("?, h", "this help"),
    (
        "recv publ thin unsub",
        "received, published, skipped by the rate limit, no subscriber",
    ),
    (
        "drop malf",
        "lost: dropped from a full queue or refused, malformed",
    ),
];

/// Draws the help.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, theme: Theme) {
    let width = usize::from(area.width);
    let lines: Vec<Line> = KEYS
        .into_iter()
        .map(|(key, text)| {
            let key = Span::styled(pad(key, 22, theme), Modifier::BOLD);
            fit(vec![Span::raw(" "), key, Span::raw(text)], width, theme)
        })
        .collect();
    let panel = Panel {
        title: "Help".to_owned(),
        title_style: theme.title(),
        min_lines: 1,
        lines,
        ..Panel::default()
    };
    draw_panel(buffer, area, panel, theme);
}
