//! Panels: lines under a rule with a title, stacked in a column.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::text;
use super::theme::Theme;

/// Lines under a rule with a title.
#[derive(Debug, Default)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) title_style: Style,
    /// Text at the right end of the rule.
    pub(super) note: String,
    pub(super) lines: Vec<Line<'static>>,
    /// Number of lines without which the panel is of no use. With less room it is left out.
    pub(super) min_lines: usize,
    /// Number of lines beyond which the panel gets none, so that others have room. 0 for no limit.
    pub(super) max_lines: usize,
    /// Line in place of the last one if not all fit. Takes the number of hidden lines.
    pub(super) more: Option<fn(usize) -> String>,
    /// Shows the last lines if not all of them fit.
    pub(super) keeps_end: bool,
}

impl Panel {
    fn wanted_lines(&self) -> usize {
        match self.max_lines {
            0 => self.lines.len(),
            limit => self.lines.len().min(limit),
        }
    }

    /// Lines with the rule.
    fn height(lines: usize) -> usize {
        lines + 1
    }

    fn draw(self, area: Rect, buffer: &mut Buffer, theme: Theme) {
        let width = usize::from(area.width);
        let rule = rule(&self.title, self.title_style, &self.note, width, theme);
        rule.render(Rect { height: 1, ..area }, buffer);
        let shown = usize::from(area.height).saturating_sub(1);
        let count = self.lines.len();
        let hidden = count.saturating_sub(shown);
        let skipped = if self.keeps_end { hidden } else { 0 };
        let more = self.more.filter(|_| hidden > 0 && shown > 0);
        let kept = if more.is_some() { shown - 1 } else { shown };
        let lines = self.lines.into_iter().skip(skipped).take(kept);
        let more = more.map(|more| Line::styled(more(count - kept), theme.label()));
        for (line, y) in lines.chain(more).zip(area.y + 1..area.bottom()) {
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            line.render(row, buffer);
        }
    }
}

/// Draws panels under one another. All get their least number of lines, if need be without the last ones of `priority`,
/// which holds positions; then they get more lines in the same order.
pub(super) fn draw_column(
    panels: Vec<Panel>,
    priority: &[usize],
    area: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let heights = share_lines(&panels, priority, usize::from(area.height));
    let mut y = area.y;
    for (panel, height) in panels.into_iter().zip(heights) {
        let Some(lines) = height else { continue };
        let height = u16::try_from(Panel::height(lines)).unwrap_or(u16::MAX);
        let place = Rect { y, height, ..area }.intersection(area);
        y = y.saturating_add(height);
        panel.draw(place, buffer, theme);
    }
}

/// Returns the number of lines of each panel. `None` if it is left out.
fn share_lines(panels: &[Panel], priority: &[usize], height: usize) -> Vec<Option<usize>> {
    let mut shares = vec![None; panels.len()];
    let mut left = height;
    for index in priority {
        let wanted = panels[*index].wanted_lines();
        let least = panels[*index].min_lines.min(wanted);
        if Panel::height(least) <= left {
            left -= Panel::height(least);
            shares[*index] = Some(least);
        }
    }
    for index in priority {
        if let Some(share) = &mut shares[*index] {
            let more = (panels[*index].wanted_lines() - *share).min(left);
            *share += more;
            left -= more;
        }
    }
    shares
}

/// A rule with a title at its left, and a note at its right.
pub(super) fn rule(
    title: &str,
    title_style: Style,
    note: &str,
    width: usize,
    theme: Theme,
) -> Line<'static> {
    let bar = |count: usize| std::iter::repeat_n(theme.rule_char(), count).collect::<String>();
    let title = text::cut(&format!(" {title} "), width.saturating_sub(3), theme);
    let mut note = match note {
        "" => String::new(),
        note => format!(" {note} "),
    };
    let used = 2 + text::width(&title);
    if used + text::width(&note) + 2 > width {
        note = text::cut(&note, width.saturating_sub(used + 2), theme);
    }
    let middle = width.saturating_sub(used + text::width(&note) + 1);
    Line::from(vec![
        Span::styled(bar(2), theme.rule()),
        Span::styled(title, title_style),
        Span::styled(bar(middle), theme.rule()),
        Span::styled(note, theme.label()),
        Span::styled(bar(1), theme.rule()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(lines: usize, min_lines: usize) -> Panel {
        Panel {
            title: "Title".to_owned(),
            lines: (0..lines).map(|i| Line::raw(i.to_string())).collect(),
            min_lines,
            ..Panel::default()
        }
    }

    const THEME: Theme = Theme {
        colors: false,
        unicode: false,
    };

    fn drawn(panel: Panel, height: u16) -> Vec<String> {
        let area = Rect::new(0, 0, 14, height);
        let mut buffer = Buffer::empty(area);
        panel.draw(area, &mut buffer, THEME);
        let row = |y| {
            let cells = (0..14).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        (0..height).map(row).collect()
    }

    #[test]
    fn every_panel_gets_its_least_lines_before_any_gets_more() {
        let panels = [panel(5, 2), panel(9, 1), panel(3, 1)];
        assert_eq!(
            share_lines(&panels, &[0, 2, 1], 12),
            [Some(5), Some(1), Some(3)]
        );
        assert_eq!(
            share_lines(&panels, &[0, 2, 1], 6),
            [Some(3), None, Some(1)]
        );
        assert_eq!(
            share_lines(&panels, &[0, 1, 2], 40),
            [Some(5), Some(9), Some(3)]
        );
        let mut limited = panel(9, 1);
        limited.max_lines = 2;
        let shares = share_lines(&[limited, panel(9, 1)], &[0, 1], 12);
        assert_eq!(shares, [Some(2), Some(8)]);
    }

    #[test]
    fn a_panel_tells_how_many_lines_are_hidden() {
        let mut long = panel(5, 1);
        long.more = Some(|hidden| format!("{hidden} more"));
        assert_eq!(drawn(long, 4), ["-- Title -----", "0", "1", "3 more"]);
        let mut newest = panel(5, 1);
        newest.keeps_end = true;
        assert_eq!(drawn(newest, 3), ["-- Title -----", "3", "4"]);
    }

    #[test]
    fn a_rule_holds_title_and_note() {
        let line = rule("Links", Style::new(), "3", 16, THEME);
        assert_eq!(line.to_string(), "-- Links --- 3 -");
        let line = rule("Links", Style::new(), "long note", 16, THEME);
        assert_eq!(line.to_string(), "-- Links - lon~-");
    }
}
