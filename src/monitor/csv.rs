//! Rows of `sensr_monitor --csv`: one for each site and period.
//!
//! The values are plain numbers in SI units; unknown ones are empty. Counts are since the start of the bridge.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::period::{PeriodFigures, Periods};
use super::plain::{link_word, total_time, worst_problem};
use super::sample::{BridgeSample, LinkSample};
use super::site::Site;
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;
use crate::recorder::report::RecordingState;
use crate::topic::Topic;

/// Writes the rows of a site, and keeps what the next one needs.
#[derive(Debug, Clone, Default)]
pub struct CsvRows {
    periods: Periods,
}

/// A row in the making: names and values of the columns.
#[derive(Debug, Default)]
struct Row(Vec<(String, String)>);

/// Returns the header with its newline.
#[must_use]
pub fn header() -> String {
    let row = Row::of(&Site::new("/"), None, "", Instant::now());
    line_of(row.0.iter().map(|(name, _)| &**name))
}

impl CsvRows {
    /// Returns the row of the period that ends now, with its newline. `time` is its first value.
    pub fn next(&mut self, site: &Site, time: &str, now: Instant) -> String {
        let figures = self.periods.next(site);
        let row = Row::of(site, figures.as_ref(), time, now);
        line_of(row.0.iter().map(|(_, value)| &**value))
    }
}

impl Row {
    fn of(site: &Site, figures: Option<&PeriodFigures>, time: &str, now: Instant) -> Self {
        let mut row = Self::default();
        let silent = site.is_silent(now);
        row.push("time", time);
        row.push("site", site.name());
        row.push("state", state_word(site, now));
        row.push("restarts", site.restarts());
        // Old figures of a silent bridge would look like new ones.
        let bridge = site.bridge().filter(|_| !silent);
        row.push_bridge(bridge);
        row.push_figures(figures.filter(|_| !silent));
        row.push_accounts(bridge, &site.total());
        for link in ["points", "output"] {
            let stage = total_time(site, link).filter(|_| bridge.is_some());
            row.push_some(
                format!("{link}_delay_mean_s"),
                stage.map(|stage| seconds(stage.mean_ns)),
            );
            row.push_some(
                format!("{link}_delay_max_s"),
                stage.map(|stage| seconds(stage.max_ns)),
            );
        }
        row.push_recording(site);
        row.push_problems(site);
        row
    }

    fn push(&mut self, name: &str, value: impl Display) {
        self.push_some(name, Some(value));
    }

    fn push_some(&mut self, name: impl Into<String>, value: Option<impl Display>) {
        let value = value.map_or_else(String::new, |value| value.to_string());
        self.0.push((name.into(), value));
    }

    fn push_bridge(&mut self, bridge: Option<&BridgeSample>) {
        self.push_some("uptime_s", bridge.map(|bridge| bridge.uptime.as_secs_f64()));
        for (field, value) in [
            ("rss_bytes", bridge.map(|bridge| bridge.rss_bytes)),
            ("rss_peak_bytes", bridge.map(|bridge| bridge.rss_peak_bytes)),
            (
                "memory_bound_bytes",
                bridge.map(|bridge| bridge.memory_bound_bytes),
            ),
        ] {
            self.push_some(field, value);
        }
        for name in ["points", "output"] {
            let mut links = bridge.into_iter().flat_map(|bridge| &bridge.links);
            self.push_link(name, links.find(|link| link.name == name));
        }
        let clock = bridge.map(|bridge| bridge.clock);
        let clock = clock.filter(|clock| clock.is_known);
        #[expect(clippy::cast_precision_loss, reason = "offsets are far below 2^53 ns")]
        let offset = clock.map(|clock| clock.offset_ns as f64 / 1e9);
        self.push_some("clock_offset_s", offset);
    }

    fn push_link(&mut self, name: &str, link: Option<&LinkSample>) {
        let mut push = |field: &str, value: Option<u64>| {
            self.push_some(format!("{name}_{field}"), value);
        };
        push("connects", link.map(|link| link.connects));
        push("disconnects", link.map(|link| link.disconnects));
        push("frames", link.map(|link| link.frames));
        push("bytes", link.map(|link| link.bytes));
        push("discarded_frames", link.map(|link| link.discarded_frames));
        push("queue_bytes", link.map(|link| link.queue.bytes));
        push("queue_max_bytes", link.map(|link| link.queue.max_bytes));
        if name == "output" {
            push(
                "reliable_queue_bytes",
                link.map(|link| link.reliable_queue.bytes),
            );
        }
        let state = link.map(|link| link_word(link.state));
        self.push_some(format!("{name}_state"), state);
    }

    fn push_figures(&mut self, figures: Option<&PeriodFigures>) {
        for (name, value) in [
            ("received_per_s", figures.map(|figures| figures.received)),
            ("published_per_s", figures.map(|figures| figures.published)),
            (
                "points_bytes_per_s",
                figures.map(|figures| figures.points_bytes),
            ),
            (
                "output_bytes_per_s",
                figures.map(|figures| figures.output_bytes),
            ),
        ] {
            self.push_some(name, value.map(|value| format!("{value:.3}")));
        }
        self.push_some("lost_in_period", figures.map(|figures| figures.lost));
    }

    /// Adds the accounts: the sum over all topics, and the messages received, published and lost of each.
    fn push_accounts(&mut self, bridge: Option<&BridgeSample>, total: &Account) {
        for (name, count) in [
            ("received", total.received),
            ("published", total.published),
            ("thinned", total.thinned),
            ("unsubscribed", total.unsubscribed),
            ("dropped", total.dropped),
            ("malformed", total.malformed),
            ("queued", total.queued),
            ("published_bytes", total.published_bytes),
        ] {
            self.push_some(name, bridge.map(|_| count));
        }
        for topic in Topic::ALL.map(Topic::name) {
            let mut topics = bridge.into_iter().flat_map(|bridge| &bridge.topics);
            let account = topics.find(|(name, _)| name == topic);
            let account = account.map(|(_, account)| account);
            let lost = |account: &Account| account.dropped + account.malformed;
            self.push_some(
                format!("{topic}:received"),
                account.map(|account| account.received),
            );
            self.push_some(
                format!("{topic}:published"),
                account.map(|account| account.published),
            );
            self.push_some(format!("{topic}:lost"), account.map(lost));
        }
    }

    fn push_recording(&mut self, site: &Site) {
        let recording = site.recording();
        self.push_some(
            "recording_state",
            recording.map(|recording| RecordingState::name_of(recording.state)),
        );
        self.push_some(
            "recording_bytes_per_s",
            recording.map(|recording| format!("{:.0}", recording.bytes_per_second)),
        );
        self.push_some(
            "time_left_s",
            recording.and_then(|recording| Some(recording.time_left?.as_secs())),
        );
        let mut push = |name: &str, value: Option<u64>| self.push_some(name, value);
        push("splits", recording.map(|recording| recording.splits_opened));
        push(
            "split_bytes",
            recording.map(|recording| recording.split_bytes),
        );
        push(
            "recorder_rss_bytes",
            recording.map(|recording| recording.recorder_rss_bytes),
        );
        push(
            "recorder_starts",
            recording.map(|recording| recording.recorder_starts.into()),
        );
        push(
            "disk_free_bytes",
            recording.map(|recording| recording.disk_free_bytes),
        );
        push("missing", recording.map(|recording| recording.missing));
        push(
            "reported_lost",
            recording.map(|recording| recording.reported_lost),
        );
    }

    fn push_problems(&mut self, site: &Site) {
        for (name, level) in [("warnings", Level::Warn), ("errors", Level::Error)] {
            let statuses = site.diagnostics();
            self.push(
                name,
                statuses.filter(|status| status.level == level).count(),
            );
        }
        let problem = worst_problem(site);
        self.push_some(
            "problem",
            problem.map(|problem| format!("{}: {}", problem.task, problem.message)),
        );
    }
}

/// Returns the state of a bridge in one word.
fn state_word(site: &Site, now: Instant) -> &'static str {
    match site.bridge_age(now) {
        None => "waiting",
        Some(_) if site.is_silent(now) => "silent",
        Some(_) => "running",
    }
}

fn seconds(ns: u64) -> f64 {
    Duration::from_nanos(ns).as_secs_f64()
}

/// Joins values to a line, as RFC 4180 says, but with a plain newline.
fn line_of<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (i, value) in values.enumerate() {
        if i > 0 {
            line.push(',');
        }
        push_value(&mut line, value);
    }
    line.push('\n');
    line
}

/// Appends a value, in quotes if it needs them. Control characters, newlines among them, become spaces: a row is a line.
fn push_value(line: &mut String, value: &str) {
    let is_plain = |c: char| !c.is_control() && c != ',' && c != '"';
    if value.chars().all(is_plain) {
        return line.push_str(value);
    }
    line.push('"');
    for c in value.chars() {
        match c {
            '"' => line.push_str("\"\""),
            c if c.is_control() => line.push(' '),
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests;
