//! All sites side by side: a card for each, or a table if they are too many, and what happens in all of them.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::assess::{self, ComponentCounts};
use super::panel::{Panel, draw_column};
use super::site_panels::SiteView;
use super::state::ViewState;
use super::text::{clean, cut, fit, pad, pad_left};
use super::theme::{Theme, level_word, queue_level, severity};
use super::{format, page};
use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::monitor::sample::LinkSample;
use crate::monitor::site::{MAX_EVENTS, Site};
use crate::recorder::report::RecordingState;

/// Cells of the narrowest card.
const CARD_WIDTH: u16 = 39;
/// Lines of a card, with its title.
const CARD_HEIGHT: u16 = 8;
/// Lines of problems and events that are worth more than cards.
const REST_HEIGHT: u16 = 5;
/// Least size of a column with all details of a site.
const DETAIL_WIDTH: u16 = 78;
const DETAIL_HEIGHT: u16 = 24;
const LABEL_WIDTH: usize = 8;

/// Draws all sites.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    sites: &[&Site],
    state: &ViewState,
    now: Instant,
) {
    let count = u16::try_from(sites.len()).unwrap_or(u16::MAX).max(1);
    let column_width = (area.width + 2) / count;
    if column_width >= DETAIL_WIDTH + 2 && area.height >= DETAIL_HEIGHT {
        draw_details(buffer, area, column_width - 2, sites, state, now);
        return;
    }
    let used = match Grid::of(sites.len(), area) {
        Some(grid) => draw_cards(buffer, area, grid, sites, state, now),
        None => draw_table(buffer, area, sites, state, now),
    };
    let rest = Rect {
        y: area.y + used,
        height: area.height - used,
        ..area
    };
    let Some(first) = sites.first() else { return };
    let view = SiteView::new(first, state, now, area.width);
    let panels = vec![problems(view, sites), events(view, sites)];
    draw_column(panels, &[0, 1], rest, buffer, view.theme);
}

/// Draws the details of each site in a column of its own.
fn draw_details(
    buffer: &mut Buffer,
    area: Rect,
    width: u16,
    sites: &[&Site],
    state: &ViewState,
    now: Instant,
) {
    let chosen = state.chosen(sites);
    let mut x = area.x;
    for (index, site) in sites.iter().enumerate() {
        let view = SiteView::new(site, state, now, width);
        let title = Rect {
            x,
            width,
            height: 1,
            ..area
        };
        let text = format!(" {}", card_title(view, index));
        let text = pad(&text, usize::from(width), view.theme);
        let style = card_title_style(view, index == chosen).add_modifier(Modifier::BOLD);
        Line::styled(text, style).render(title, buffer);
        let column = Rect {
            x,
            y: area.y + 1,
            width,
            height: area.height - 1,
        };
        page::draw_one_column(buffer, column, view);
        x += width + 2;
    }
}

fn card_title(view: SiteView, index: usize) -> String {
    let level = assess::site_level(view.site, view.now);
    let name = clean(view.site.name(), view.theme);
    format!("{} {name} {}", index + 1, level_word(level))
}

fn card_title_style(view: SiteView, is_chosen: bool) -> Style {
    let style = match assess::site_level(view.site, view.now) {
        Level::Ok => view.theme.title(),
        level => view.theme.level(level),
    };
    if is_chosen {
        style.patch(Theme::selected())
    } else {
        style
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grid {
    columns: u16,
    card_width: u16,
}

impl Grid {
    /// Returns the grid of cards. `None` if not all fit.
    fn of(count: usize, area: Rect) -> Option<Self> {
        let count = u16::try_from(count).ok()?.max(1);
        let columns = ((area.width + 1) / (CARD_WIDTH + 1)).clamp(1, count);
        let rows = count.div_ceil(columns);
        // The last row is as full as it can be.
        let columns = count.div_ceil(rows);
        let height = rows.checked_mul(CARD_HEIGHT)?;
        (height + REST_HEIGHT <= area.height).then_some(Self {
            columns,
            card_width: (area.width + 1) / columns - 1,
        })
    }
}

fn draw_cards(
    buffer: &mut Buffer,
    area: Rect,
    grid: Grid,
    sites: &[&Site],
    state: &ViewState,
    now: Instant,
) -> u16 {
    let chosen = state.chosen(sites);
    let (mut column, mut y) = (0, area.y);
    for (index, site) in sites.iter().enumerate() {
        let place = Rect {
            x: area.x + column * (grid.card_width + 1),
            y,
            width: grid.card_width,
            height: CARD_HEIGHT,
        };
        let view = SiteView::new(site, state, now, grid.card_width);
        draw_card(buffer, place, view, index, index == chosen);
        column += 1;
        if column == grid.columns && index + 1 < sites.len() {
            column = 0;
            y += CARD_HEIGHT;
        }
    }
    y + CARD_HEIGHT - area.y
}

fn draw_card(buffer: &mut Buffer, place: Rect, view: SiteView, index: usize, is_chosen: bool) {
    let panel = Panel {
        title: card_title(view, index),
        title_style: card_title_style(view, is_chosen),
        lines: card(view),
        min_lines: 1,
        ..Panel::default()
    };
    draw_column(vec![panel], &[0], place, buffer, view.theme);
}

fn card(view: SiteView) -> Vec<Line<'static>> {
    let site = view.site;
    let Some(sample) = site.bridge() else {
        return vec![Line::raw("waiting for its first statistics")];
    };
    let mut lines: Vec<_> = sample
        .links
        .iter()
        .map(|link| card_link(view, link))
        .collect();
    let total = site.total();
    let lost = total.dropped + total.malformed;
    let level = if lost > 0 { Level::Warn } else { Level::Ok };
    let line = |label: &str, mut spans: Vec<Span<'static>>| {
        let label = pad(label, LABEL_WIDTH, view.theme);
        spans.insert(0, Span::styled(label, view.theme.label()));
        fit(spans, view.width, view.theme)
    };
    lines.push(line("queues", card_queues(view, &sample.links)));
    lines.push(line(
        "lost",
        vec![
            Span::styled(lost.to_string(), view.theme.text(level)),
            Span::raw(format!(
                " of {} received",
                format::short_count(total.received)
            )),
        ],
    ));
    lines.push(line("record", card_recording(view)));
    let mut memory = format!("bridge {}", format::byte_count(sample.rss_bytes));
    if let Some(recording) = site
        .recording()
        .filter(|recording| recording.recorder_pid != 0)
    {
        let recorder = format::byte_count(recording.recorder_rss_bytes);
        memory = format!("{memory}, recorder {recorder}");
    }
    lines.push(line("memory", vec![Span::raw(memory)]));
    lines.push(line("sensors", card_components(view)));
    lines
}

fn card_link(view: SiteView, link: &LinkSample) -> Line<'static> {
    let theme = view.theme;
    let level = assess::link_level(link);
    let name = pad(&link.name, LABEL_WIDTH, theme);
    let mut spans = vec![Span::styled(name, theme.label()), view.level(level)];
    if link.state == LinkState::Connected && !link.is_silent {
        let rates = view.site.link_rates(&link.name);
        let bytes = rates.map_or(0.0, |rates| rates.bytes);
        let text = pad_left(&format!("{}/s", format::bytes(bytes)), 10, theme);
        spans.push(Span::raw(format!("{text} ")));
        let used: usize = spans.iter().map(Span::width).sum();
        let spark = rates
            .map(|rates| theme.sparkline(&rates.history, view.width.saturating_sub(used).min(40)));
        spans.push(Span::styled(spark.unwrap_or_default(), theme.spark()));
    } else {
        let reason = match link.last_error.as_str() {
            "" => assess::link_state(link).to_owned(),
            error => clean(error, theme),
        };
        spans.push(Span::styled(reason, theme.text(level)));
    }
    fit(spans, view.width, theme)
}

fn card_queues(view: SiteView, links: &[LinkSample]) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for link in links {
        let fraction = assess::link_queue(link);
        let percent = format!("{} {}  ", link.name, format::percent(fraction));
        spans.push(Span::styled(
            percent,
            view.theme.text(queue_level(fraction)),
        ));
    }
    spans
}

fn card_recording(view: SiteView) -> Vec<Span<'static>> {
    let Some(sample) = view.site.recording() else {
        return vec![Span::raw("none")];
    };
    let level = assess::recording_level(sample, view.site.recording_age(view.now));
    let mut text = if sample.state == RecordingState::Recording.number() {
        format!("{}/s", format::bytes(sample.bytes_per_second))
    } else {
        RecordingState::name_of(sample.state).to_owned()
    };
    if let Some(left) = sample.time_left {
        text = format!("{text}, {} left", format::duration(left));
    }
    if sample.missing > 0 {
        text = format!("{text}, missing {}", sample.missing);
    }
    vec![
        view.level(level),
        Span::styled(text, view.theme.text(level)),
    ]
}

fn card_components(view: SiteView) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for (level, count) in ComponentCounts::of(view.site).shown() {
        let text = format!("{count} {}  ", level_word(level));
        spans.push(Span::styled(text, view.theme.level(level)));
    }
    if spans.is_empty() {
        spans.push(Span::raw("none reported"));
    }
    spans
}

/// Columns of the table: name, width, and the width of the screen from which they are shown. The name of the site takes
/// the rest.
const TABLE: [(&str, usize, usize); 7] = [
    ("state", 6, 0),
    ("points", 7, 0),
    ("output", 7, 0),
    ("data/s", 9, 80),
    ("queue", 6, 80),
    ("lost", 7, 0),
    ("recording", 13, 0),
];

fn draw_table(
    buffer: &mut Buffer,
    area: Rect,
    sites: &[&Site],
    state: &ViewState,
    now: Instant,
) -> u16 {
    let theme = state.theme();
    let width = usize::from(area.width);
    let columns = TABLE.iter().filter(|(_, _, least)| *least <= width);
    let fixed: usize = columns.clone().map(|(_, width, _)| width + 1).sum();
    let name_width = width.saturating_sub(fixed).min(40);
    let mut header = pad("site", name_width, theme);
    for (column, width, _) in columns {
        header.push(' ');
        header.push_str(&pad(column, *width, theme));
    }
    let chosen = state.chosen(sites);
    // The chosen site stays visible, and problems keep some lines.
    let shown = usize::from(area.height.saturating_sub(REST_HEIGHT + 2)).max(1);
    let first = (chosen + 1).saturating_sub(shown);
    let rows = sites.iter().enumerate().skip(first).take(shown);
    let lines: Vec<Line> = rows
        .map(|(index, site)| {
            let view = SiteView::new(site, state, now, area.width);
            table_row(view, index, name_width, index == chosen)
        })
        .collect();
    let hidden = sites.len() - lines.len();
    let note = match hidden {
        0 => String::new(),
        hidden => format!("{hidden} of {} not shown", sites.len()),
    };
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(area.height)
        .min(area.height);
    let mut all = vec![Line::styled(header, theme.label())];
    all.extend(lines);
    let panel = Panel {
        title: "Sites".to_owned(),
        title_style: theme.title(),
        note,
        min_lines: all.len(),
        lines: all,
        ..Panel::default()
    };
    draw_column(vec![panel], &[0], Rect { height, ..area }, buffer, theme);
    height
}

fn table_row(view: SiteView, index: usize, name_width: usize, is_chosen: bool) -> Line<'static> {
    let SiteView {
        site, now, theme, ..
    } = view;
    let name = clean(&format!("{:>2} {}", index + 1, site.name()), theme);
    let name = pad(&name, name_width, theme);
    let name = if is_chosen {
        Span::styled(name, Theme::selected())
    } else {
        Span::raw(name)
    };
    let links = site.bridge().map_or(&[][..], |sample| &sample.links);
    let link_cell = |name: &str| {
        let link = links.iter().find(|link| link.name == name);
        link.map_or((Level::Stale, "-"), |link| {
            let level = assess::link_level(link);
            (level, level_word(level))
        })
    };
    let level = assess::site_level(site, now);
    let bytes: f64 = links
        .iter()
        .filter_map(|link| site.link_rates(&link.name))
        .map(|rates| rates.bytes)
        .sum();
    let queue = links.iter().map(assess::link_queue).fold(0.0, f64::max);
    let total = site.total();
    let lost = total.dropped + total.malformed;
    let recording = site
        .recording()
        .map_or((Level::Ok, "none".to_owned()), |sample| {
            let level = assess::recording_level(sample, site.recording_age(now));
            let text = RecordingState::name_of(sample.state);
            (level, format!("{} {text}", level_word(level)))
        });
    let (points, output) = (link_cell("points"), link_cell("output"));
    let lost_level = if lost > 0 { Level::Warn } else { Level::Ok };
    let cells = [
        (level, level_word(level).to_owned()),
        (points.0, points.1.to_owned()),
        (output.0, output.1.to_owned()),
        (Level::Ok, format::bytes(bytes)),
        (queue_level(queue), format::percent(queue)),
        (lost_level, format::short_count(lost)),
        recording,
    ];
    let mut spans = vec![name];
    let columns = cells.into_iter().zip(TABLE);
    for ((level, text), (_, width, _)) in columns.filter(|(_, (_, _, least))| *least <= view.width)
    {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(pad(&text, width, theme), theme.text(level)));
    }
    fit(spans, view.width, theme)
}

/// Problems of all sites, the worst first.
fn problems(view: SiteView, sites: &[&Site]) -> Panel {
    let mut problems: Vec<_> = sites
        .iter()
        .flat_map(|site| {
            let problems = assess::problems(site, view.now).into_iter();
            problems.map(move |problem| (site.name(), problem))
        })
        .collect();
    problems.sort_by_key(|(_, problem)| std::cmp::Reverse(severity(problem.level)));
    let lines: Vec<_> = problems
        .iter()
        .flat_map(|(site, problem)| view.problem(problem, site, 2))
        .collect();
    let title = match problems.len() {
        0 => "Problems: none".to_owned(),
        count => format!("Problems: {count}"),
    };
    Panel {
        min_lines: lines.len().min(2),
        more: Some(|hidden| format!("{hidden} more lines: Enter opens a site")),
        ..view.panel(title, lines)
    }
}

/// Events of all sites by their times, the newest last.
fn events(view: SiteView, sites: &[&Site]) -> Panel {
    let mut events: Vec<_> = sites
        .iter()
        .flat_map(|site| site.events().iter().map(move |event| (site.name(), event)))
        .collect();
    events.sort_by_key(|(_, event)| event.stamp_ns);
    let skipped = events.len().saturating_sub(MAX_EVENTS);
    let lines: Vec<_> = events
        .into_iter()
        .skip(skipped)
        .map(|(site, event)| view.event(event, &cut(site, 20, view.theme)))
        .collect();
    view.event_panel(lines)
}
