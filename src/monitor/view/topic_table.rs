//! Table of the topics: rate with a sparkline, and the counts of the ledger.

use std::cmp::Reverse;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::format;
use super::panel::Panel;
use super::site_panels::{SiteView, WITH_SPARK};
use super::state::TopicOrder;
use super::text::{fit, pad, pad_end_of, pad_left};
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;

/// Cells of a count in a narrow table.
const COUNT_WIDTH: usize = 5;
/// Column of a count: its names for narrow and wide tables, its cells in a wide one, and the count.
type Count = (&'static str, &'static str, usize, fn(&Account) -> u64);

/// Cells from which the counts are written out.
const WIDE: usize = 114;
/// Columns of counts, in the order of the ledger's equation.
const COUNTS: [Count; 6] = [
    ("recv", "received", 11, |account| account.received),
    ("publ", "published", 11, |account| account.published),
    ("thin", "thinned", 10, |account| account.thinned),
    ("unsub", "unsubscribed", 12, |account| account.unsubscribed),
    ("drop", "dropped", 9, |account| account.dropped),
    ("malf", "malformed", 9, |account| account.malformed),
];
/// Position in [`COUNTS`] from which a count is a loss.
const LOSSES: usize = 4;

/// Returns the table, in the chosen order.
pub(super) fn panel(view: SiteView) -> Panel {
    let mut topics: Vec<&(String, Account)> = view
        .site
        .bridge()
        .into_iter()
        .flat_map(|sample| &sample.topics)
        .collect();
    let rate = |topic: &str| {
        view.site
            .topic_rates(topic)
            .map_or(0.0, |rates| rates.received)
    };
    match view.order {
        TopicOrder::Name => {}
        TopicOrder::Rate => topics.sort_by(|(a, _), (b, _)| rate(b).total_cmp(&rate(a))),
        TopicOrder::Lost => {
            topics.sort_by_key(|(_, account)| Reverse(account.dropped + account.malformed));
        }
    }
    let columns = Columns::of(view.width);
    let mut lines = vec![header(view, columns)];
    lines.extend(
        topics
            .into_iter()
            .map(|(topic, account)| row(view, columns, topic, account)),
    );
    Panel {
        min_lines: lines.len().min(4),
        note: format!("by {} (s)", view.order.name()),
        more: Some(|hidden| format!("{hidden} more topics")),
        ..view.panel("Topics", lines)
    }
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    name: usize,
    rate: usize,
    spark: usize,
    is_wide: bool,
}

impl Columns {
    fn of(width: usize) -> Self {
        let is_wide = width >= WIDE;
        let (name, rate) = if width < WITH_SPARK { (17, 6) } else { (20, 7) };
        let counts = COUNTS.iter().map(|count| count_width(count, is_wide) + 1);
        let used = name + rate + 1 + counts.sum::<usize>();
        Self {
            name,
            rate,
            spark: width.saturating_sub(used).min(60),
            is_wide,
        }
    }
}

fn count_width((_, _, wide, _): &Count, is_wide: bool) -> usize {
    if is_wide { *wide } else { COUNT_WIDTH }
}

fn header(view: SiteView, columns: Columns) -> Line<'static> {
    let theme = view.theme;
    let mut text = pad("topic", columns.name, theme);
    text.push_str(&pad_left("recv/s", columns.rate, theme));
    text.push_str(&" ".repeat(columns.spark + 1));
    for column in &COUNTS {
        let (short, long, ..) = column;
        let name = if columns.is_wide { long } else { short };
        text.push(' ');
        text.push_str(&pad_left(name, count_width(column, columns.is_wide), theme));
    }
    fit(vec![Span::styled(text, theme.label())], view.width, theme)
}

fn row(view: SiteView, columns: Columns, topic: &str, account: &Account) -> Line<'static> {
    let theme = view.theme;
    let rates = view.site.topic_rates(topic);
    let is_losing = rates.is_some_and(|rates| rates.lost > 0.0);
    let has_lost = account.dropped + account.malformed > 0;
    let level = match (is_losing, has_lost) {
        (true, _) => Level::Error,
        (false, true) => Level::Warn,
        (false, false) => Level::Ok,
    };
    let rate = rates.map_or_else(|| "-".to_owned(), |rates| format::rate(rates.received));
    let spark = rates.map_or_else(
        || " ".repeat(columns.spark),
        |rates| theme.sparkline(&rates.history, columns.spark),
    );
    let mut spans = vec![
        Span::styled(pad_end_of(topic, columns.name, theme), theme.text(level)),
        Span::raw(pad_left(&rate, columns.rate, theme)),
        Span::styled(format!(" {spark}"), theme.spark()),
    ];
    for (index, column) in COUNTS.iter().enumerate() {
        let (.., count) = column;
        let count = count(account);
        let is_lost = index >= LOSSES && count > 0;
        let style = if is_lost {
            theme.text(level)
        } else {
            Style::new()
        };
        let text = if columns.is_wide {
            count.to_string()
        } else {
            format::short_count(count)
        };
        spans.push(Span::styled(
            format!(
                " {}",
                pad_left(&text, count_width(column, columns.is_wide), theme)
            ),
            style,
        ));
    }
    fit(spans, view.width, theme)
}
