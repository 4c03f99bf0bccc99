//! Table of the topics: rate with a sparkline, and the counts of the ledger.

use std::cmp::Reverse;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::format;
use super::panel::Panel;
use super::site_panels::{SiteView, WITH_SPARK};
use super::state::TopicOrder;
use super::text::{fit, pad, pad_left};
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;

/// Column of a count: its names for narrow and wide tables, and the count.
type Count = (&'static str, &'static str, fn(&Account) -> u64);

/// Cells from which the counts are written out.
const WIDE: usize = 130;
/// Columns of counts, in the order of the ledger's equation.
const COUNTS: [Count; 6] = [
    ("recv", "received", |account| account.received),
    ("publ", "published", |account| account.published),
    ("thin", "thinned", |account| account.thinned),
    ("unsub", "unsubscribed", |account| account.unsubscribed),
    ("drop", "dropped", |account| account.dropped),
    ("malf", "malformed", |account| account.malformed),
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
    count: usize,
    is_wide: bool,
}

impl Columns {
    fn of(width: usize) -> Self {
        let is_wide = width >= WIDE;
        let (name, rate) = if width < WITH_SPARK { (17, 6) } else { (20, 7) };
        let count = if is_wide { 12 } else { 5 };
        let used = name + rate + 1 + COUNTS.len() * (count + 1);
        Self {
            name,
            rate,
            spark: width.saturating_sub(used).min(60),
            count,
            is_wide,
        }
    }
}

fn header(view: SiteView, columns: Columns) -> Line<'static> {
    let theme = view.theme;
    let mut text = pad("topic", columns.name, theme);
    text.push_str(&pad_left("recv/s", columns.rate, theme));
    text.push_str(&" ".repeat(columns.spark + 1));
    for (short, long, _) in COUNTS {
        let name = if columns.is_wide { long } else { short };
        text.push(' ');
        text.push_str(&pad_left(name, columns.count, theme));
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
        Span::styled(pad(topic, columns.name, theme), theme.text(level)),
        Span::raw(pad_left(&rate, columns.rate, theme)),
        Span::styled(format!(" {spark}"), theme.spark()),
    ];
    for (index, (_, _, count)) in COUNTS.iter().enumerate() {
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
            format!(" {}", pad_left(&text, columns.count, theme)),
            style,
        ));
    }
    fit(spans, view.width, theme)
}
