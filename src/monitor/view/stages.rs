//! Stage times: one line per link, or a table.

use ratatui::text::{Line, Span};

use super::format;
use super::panel::Panel;
use super::site_panels::SiteView;
use super::text::{fit, pad, pad_left};
use crate::monitor::sample::StageSample;

/// Stages in the order in which a message passes them.
const ORDER: [&str; 5] = ["decode", "wait", "convert", "publish", TOTAL];
const TOTAL: &str = "total";
const LINKS: [&str; 2] = ["points", "output"];

fn stages<'a>(view: SiteView<'a>, link: &str) -> Vec<&'a StageSample> {
    let mut stages: Vec<_> = view
        .site
        .stages()
        .filter(|stage| stage.link == link)
        .collect();
    let position = |stage: &&StageSample| ORDER.iter().position(|name| *name == stage.stage);
    stages.sort_by_key(|stage| position(stage).unwrap_or(ORDER.len()));
    stages
}

/// Returns a line per link that has run any stage: the total with its longest time, and the means of the others.
pub(super) fn lines(view: SiteView) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for link in LINKS {
        let stages = stages(view, link);
        if stages.is_empty() {
            continue;
        }
        let label = pad(&format!("{link} ms"), 10, view.theme);
        let mut spans = vec![Span::styled(label, view.theme.label())];
        let total = stages.iter().find(|stage| stage.stage == TOTAL);
        if let Some(total) = total {
            let (mean, max) = (total.mean_ns, total.max_ns);
            let (mean, max) = (format::stage_ms(mean), format::stage_ms(max));
            spans.push(Span::raw(format!("{TOTAL} {mean}, max {max}:")));
        }
        for stage in stages.iter().filter(|stage| stage.stage != TOTAL) {
            let mean = format::stage_ms(stage.mean_ns);
            spans.push(Span::raw(format!(" {} {mean}", stage.stage)));
        }
        lines.push(fit(spans, view.width, view.theme));
    }
    lines
}

/// Returns a table of all stages of both links.
pub(super) fn panel(view: SiteView) -> Panel {
    let theme = view.theme;
    let columns = ["runs", "min", "mean", "max"];
    let mut header = pad("stage", 16, theme);
    for column in columns {
        header.push_str(&pad_left(column, 10, theme));
    }
    let mut lines = vec![Line::styled(header, theme.label())];
    for link in LINKS {
        for stage in stages(view, link) {
            let mut text = pad(&format!("{link} {}", stage.stage), 16, theme);
            text.push_str(&pad_left(&format::short_count(stage.count), 10, theme));
            for time_ns in [stage.min_ns, stage.mean_ns, stage.max_ns] {
                text.push_str(&pad_left(&format::stage_ms(time_ns), 10, theme));
            }
            lines.push(fit(vec![Span::raw(text)], view.width, theme));
        }
    }
    Panel {
        min_lines: 1,
        note: "ms".to_owned(),
        ..view.panel("Stage times", lines)
    }
}
