//! Frame of all pages, the page of one site, its lists, and the help.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::assess;
use super::panel::{Panel, draw_column, rule};
use super::site_panels::SiteView;
use super::state::{ListExtent, Page, ViewState};
use super::text::{clean, cut, fit, wrap};
use super::theme::{Theme, level_word, severity};
use super::{help, overview, stages};
use crate::monitor::site::Site;

/// Least size of a terminal.
pub(super) const MIN_WIDTH: u16 = 60;
pub(super) const MIN_HEIGHT: u16 = 16;
/// Cells from which the page of a site has two columns.
const TWO_COLUMNS: u16 = 140;
/// Lines from which details are shown that are not needed all the time.
const TALL: u16 = 32;
/// Lines of events where there is room for them.
const EVENT_LINES: usize = 3;
/// Lines of a chart.
const CHART_LINES: usize = 6;
/// Lines of each problem where there is little room, and where there is more.
const PROBLEM_LINES: (usize, usize) = (2, 4);

/// Draws a frame. Returns the extent of the list on it.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    sites: &[&Site],
    state: &ViewState,
    now: Instant,
) -> ListExtent {
    let theme = state.theme();
    if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
        draw_too_small(buffer, area, theme);
        return ListExtent::default();
    }
    let page = state.page(sites.len());
    let top = Rect { height: 1, ..area };
    tabs(sites, state, now, usize::from(area.width)).render(top, buffer);
    let bottom = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    footer(page, sites.len(), usize::from(area.width), theme).render(bottom, buffer);
    let middle = Rect {
        y: area.y + 1,
        height: area.height - 2,
        ..area
    };
    let chosen = sites.get(state.chosen(sites)).copied();
    match (page, chosen) {
        (Page::Help, _) => help::draw(buffer, middle, theme),
        (_, None) => draw_search(buffer, middle, theme),
        (Page::Overview, Some(_)) => overview::draw(buffer, middle, sites, state, now),
        (Page::Site, Some(site)) => {
            let view = SiteView::new(site, state, now, middle.width);
            draw_site(buffer, middle, view);
        }
        (Page::Events, Some(site)) => {
            let view = SiteView::new(site, state, now, middle.width);
            let events = site.events().iter();
            let lines = events.map(|event| view.event(event, "")).collect();
            return draw_list(buffer, middle, view, "Events", lines, true, state);
        }
        (Page::Diagnostics, Some(site)) => {
            let view = SiteView::new(site, state, now, middle.width);
            let lines = diagnostics(view);
            return draw_list(buffer, middle, view, "Diagnostics", lines, false, state);
        }
    }
    ListExtent::default()
}

fn draw_too_small(buffer: &mut Buffer, area: Rect, theme: Theme) {
    let text = format!(
        "terminal too small: {}x{}, at least {MIN_WIDTH}x{MIN_HEIGHT} (or use --plain)",
        area.width, area.height
    );
    let lines = wrap(&text, usize::from(area.width), theme);
    for (line, row) in lines.into_iter().zip(area.rows()) {
        Line::raw(line).render(row, buffer);
    }
}

fn draw_search(buffer: &mut Buffer, area: Rect, theme: Theme) {
    let text = "No bridge found yet. The monitor looks for topics of the type sensr_bridge/msg/BridgeStatistics every \
                second. A bridge appears by itself as soon as it runs. If it does run: both need the same \
                ROS_DOMAIN_ID and the same RMW_IMPLEMENTATION, ROS_LOCALHOST_ONLY or \
                ROS_AUTOMATIC_DISCOVERY_RANGE must not keep the machines apart, and sites named on the command line \
                must be spelled as the bridge's namespace.";
    let width = usize::from(area.width).saturating_sub(4).min(90);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width - 4,
        height: area.height - 1,
    };
    for (line, row) in wrap(text, width, theme).into_iter().zip(inner.rows()) {
        Line::raw(line).render(row, buffer);
    }
}

/// Sites with their numbers and severities, and the state of the display.
fn tabs(sites: &[&Site], state: &ViewState, now: Instant, width: usize) -> Line<'static> {
    let theme = state.theme();
    let chosen = state.chosen(sites);
    let is_overview = state.page(sites.len()) == Page::Overview;
    let mark = if state.is_paused() {
        " PAUSED: p continues "
    } else {
        ""
    };
    let mut spans = vec![Span::styled(" sensr_monitor ", theme.title())];
    let room = width.saturating_sub(mark.len());
    let mut used: usize = spans.iter().map(Span::width).sum();
    // The chosen site is always visible: tabs before it go first.
    let tabs: Vec<Vec<Span>> = sites
        .iter()
        .enumerate()
        .map(|(index, site)| {
            let level = assess::site_level(site, now);
            let name = cut(&clean(site.name(), theme), 20, theme);
            let name = format!(" {} {name} ", index + 1);
            let style = if index == chosen && !is_overview {
                Theme::selected()
            } else {
                Style::new()
            };
            let level = Span::styled(format!(" {}  ", level_word(level)), theme.level(level));
            vec![Span::styled(name, style), level]
        })
        .collect();
    let widths: Vec<usize> = tabs
        .iter()
        .map(|tab| tab.iter().map(Span::width).sum())
        .collect();
    let mut first = 0;
    while first < chosen && used + widths[first..=chosen].iter().sum::<usize>() > room {
        first += 1;
    }
    for (tab, tab_width) in tabs.into_iter().zip(widths).skip(first) {
        if used + tab_width > room {
            break;
        }
        used += tab_width;
        spans.extend(tab);
    }
    spans.push(Span::raw(" ".repeat(room.saturating_sub(used))));
    if !mark.is_empty() {
        spans.push(Span::styled(
            mark,
            Theme::selected().add_modifier(Modifier::BOLD),
        ));
    }
    fit(spans, width, theme)
}

fn footer(page: Page, site_count: usize, width: usize, theme: Theme) -> Line<'static> {
    let mut keys = vec![("q", "quit"), ("?", "help"), ("p", "pause")];
    match page {
        Page::Help => keys.insert(0, ("Esc", "back")),
        Page::Overview => keys.extend([
            ("Tab", "next site"),
            ("Enter", "open"),
            ("e", "events"),
            ("d", "diagnostics"),
        ]),
        Page::Site => {
            keys.extend([("s", "sort"), ("e", "events"), ("d", "diagnostics")]);
            if site_count > 1 {
                keys.extend([("Tab", "next site"), ("o", "overview")]);
            }
        }
        Page::Events | Page::Diagnostics => {
            keys.insert(0, ("Esc", "back"));
            keys.push(("PgUp PgDn", "scroll"));
            if site_count > 1 {
                keys.push(("Tab", "next site"));
            }
        }
    }
    let mut spans = Vec::new();
    for (key, what) in keys {
        spans.push(Span::styled(format!(" {key} "), Theme::selected()));
        spans.push(Span::raw(format!(" {what}  ")));
    }
    fit(spans, width, theme)
}

fn draw_site(buffer: &mut Buffer, area: Rect, view: SiteView) {
    if area.width >= TWO_COLUMNS {
        draw_two_columns(buffer, area, view);
    } else {
        draw_one_column(buffer, area, view);
    }
}

/// Draws everything about a site in one column.
pub(super) fn draw_one_column(buffer: &mut Buffer, area: Rect, view: SiteView) {
    let is_tall = area.height >= TALL;
    let lines = if is_tall {
        PROBLEM_LINES.1
    } else {
        PROBLEM_LINES.0
    };
    let problems = Panel {
        max_lines: usize::from(area.height / 8 + 1),
        ..view.problems(lines, is_tall)
    };
    let panels = vec![
        view.links(is_tall),
        problems,
        view.state(true),
        view.topics(),
        Panel {
            min_lines: if is_tall { EVENT_LINES } else { 1 },
            ..view.events()
        },
    ];
    draw_column(panels, &[0, 1, 2, 3, 4], area, buffer, view.theme);
}

fn draw_two_columns(buffer: &mut Buffer, area: Rect, view: SiteView) {
    let right_width = (area.width - 2) * 2 / 5;
    let left_width = area.width - 2 - right_width;
    let left = Rect {
        width: left_width,
        ..area
    };
    let right = Rect {
        x: area.x + left_width + 2,
        width: right_width,
        ..area
    };
    let wide = view.with_width(left_width);
    let narrow = view.with_width(right_width);
    let panels = vec![
        wide.links(true),
        wide.topics(),
        wide.state(false),
        wide.events(),
    ];
    draw_column(panels, &[0, 2, 1, 3], left, buffer, view.theme);
    let panels = vec![
        narrow.problems(PROBLEM_LINES.1, true),
        narrow.component_list(),
        stages::panel(narrow),
        narrow.data_rate("points", CHART_LINES),
        narrow.data_rate("output", CHART_LINES),
    ];
    draw_column(panels, &[0, 1, 2, 3, 4], right, buffer, view.theme);
}

/// All diagnostics with their whole messages, the worst first.
fn diagnostics(view: SiteView) -> Vec<Line<'static>> {
    let mut statuses: Vec<_> = view.site.diagnostics().collect();
    statuses.sort_by_key(|status| std::cmp::Reverse(severity(status.level)));
    let mut lines = Vec::new();
    for status in statuses {
        let problem = assess::Problem {
            level: status.level,
            text: format!("{}: {}", status.task, status.message),
            has_line: false,
        };
        lines.extend(view.problem(&problem, "", usize::MAX));
    }
    lines
}

/// Draws a list that can be scrolled: from its end, or from its beginning.
fn draw_list(
    buffer: &mut Buffer,
    area: Rect,
    view: SiteView,
    title: &str,
    lines: Vec<Line<'static>>,
    from_end: bool,
    state: &ViewState,
) -> ListExtent {
    let theme = view.theme;
    let shown = usize::from(area.height) - 1;
    let count = lines.len();
    let hidden = count.saturating_sub(shown);
    let scroll = state.scroll().min(hidden);
    let skipped = if from_end { hidden - scroll } else { scroll };
    let title = format!("{title} of {}", clean(view.site.name(), theme));
    let note = match count {
        0 => "none yet".to_owned(),
        _ => format!(
            "{} to {} of {count}",
            skipped + 1,
            (skipped + shown).min(count)
        ),
    };
    let top = Rect { height: 1, ..area };
    rule(&title, theme.title(), &note, view.width, theme).render(top, buffer);
    let lines = lines.into_iter().skip(skipped);
    for (line, row) in lines.zip(area.rows().skip(1)) {
        line.render(row, buffer);
    }
    ListExtent {
        lines: count,
        shown,
    }
}

/// Draws one panel that fills the area.
pub(super) fn draw_panel(buffer: &mut Buffer, area: Rect, panel: Panel, theme: Theme) {
    draw_column(vec![panel], &[0], area, buffer, theme);
}
