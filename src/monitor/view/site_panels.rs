//! Panels of one site.

use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::assess::{self, ComponentCounts, Problem};
use super::panel::Panel;
use super::state::{TopicOrder, ViewState};
use super::text::{clean, cut, fit, pad, pad_left, wrap};
use super::theme::{Theme, level_word, queue_level};
use super::topic_table;
use super::{format, stages};
use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::monitor::sample::{EventSample, LinkSample, QueueSample, RecordingSample};
use crate::monitor::site::Site;
use crate::recorder::report::RecordingState;

/// Cells of a label in front of a line.
const LABEL_WIDTH: usize = 10;
/// Cells of a level in front of a line.
const LEVEL_WIDTH: usize = 6;
/// Cells from which a link has a sparkline, and from which it has details.
pub(super) const WITH_SPARK: usize = 76;
const WITH_DETAILS: usize = 110;
/// Cells of a gauge.
const GAUGE_WIDTH: usize = 8;

/// Everything that the panels of one site are made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct SiteView<'a> {
    pub(super) site: &'a Site,
    pub(super) now: Instant,
    pub(super) theme: Theme,
    pub(super) time_zone: &'a TimeZone,
    pub(super) order: TopicOrder,
    /// Cells of a line.
    pub(super) width: usize,
}

impl<'a> SiteView<'a> {
    pub(super) fn new(site: &'a Site, state: &'a ViewState, now: Instant, width: u16) -> Self {
        Self {
            site,
            now,
            theme: state.theme(),
            time_zone: state.time_zone(),
            order: state.order(),
            width: usize::from(width),
        }
    }

    /// The same for columns of another width.
    pub(super) fn with_width(self, width: u16) -> Self {
        Self {
            width: usize::from(width),
            ..self
        }
    }

    pub(super) fn panel(self, title: impl Into<String>, lines: Vec<Line<'static>>) -> Panel {
        Panel {
            title: title.into(),
            title_style: self.theme.title(),
            lines,
            min_lines: 1,
            ..Panel::default()
        }
    }

    fn fit(self, spans: Vec<Span<'static>>) -> Line<'static> {
        fit(spans, self.width, self.theme)
    }

    /// A level as a word in its color.
    pub(super) fn level(self, level: Level) -> Span<'static> {
        let word = pad(level_word(level), LEVEL_WIDTH, self.theme);
        Span::styled(word, self.theme.level(level))
    }

    fn label(self, label: &str) -> Span<'static> {
        Span::styled(pad(label, LABEL_WIDTH, self.theme), self.theme.label())
    }

    /// Both links: one line each, and with `detailed` another one with address and counts.
    pub(super) fn links(self, detailed: bool) -> Panel {
        let mut lines = Vec::new();
        for link in self
            .site
            .bridge()
            .into_iter()
            .flat_map(|sample| &sample.links)
        {
            lines.push(self.link(link));
            if detailed {
                lines.push(self.link_details(link));
            }
        }
        Panel {
            min_lines: lines.len(),
            note: self.process(),
            ..self.panel("Links", lines)
        }
    }

    /// Version and age of the bridge.
    fn process(self) -> String {
        let Some(sample) = self.site.bridge() else {
            return "waiting for the first statistics".to_owned();
        };
        let age = self.site.bridge_age(self.now).unwrap_or_default();
        if self.site.is_silent(self.now) {
            return format!("figures are {} old", format::duration(age));
        }
        let version = clean(&sample.version, self.theme);
        let uptime = format::duration(sample.uptime + age);
        let text = format!("sensr_bridge {version}, up {uptime}");
        match self.site.restarts() {
            0 => text,
            restarts => format!("{text}, {restarts} restarts seen"),
        }
    }

    fn link(self, link: &LinkSample) -> Line<'static> {
        let theme = self.theme;
        let level = assess::link_level(link).max(match queue_level(assess::link_queue(link)) {
            Level::Error => Level::Warn,
            _ => Level::Ok,
        });
        let age = assess::link_state_age(link, self.site, self.now);
        let state = format!("{} {}", assess::link_state(link), format::duration(age));
        let mut spans = vec![
            self.level(level),
            Span::styled(pad(&link.name, 7, theme), Modifier::BOLD),
        ];
        if link.state != LinkState::Connected {
            let reason = match link.last_error.as_str() {
                "" => String::new(),
                error => format!(": {error}"),
            };
            let text = clean(&format!("{state}{reason}"), theme);
            spans.push(Span::styled(text, theme.text(level)));
            return self.fit(spans);
        }
        let rates = self.site.link_rates(&link.name);
        let queue = self.queue(link);
        let (frames, bytes) = match rates {
            Some(rates) => (format::rate(rates.frames), format::bytes(rates.bytes)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let state_width = if self.width < WITH_DETAILS { 19 } else { 24 };
        spans.push(Span::styled(
            pad(&state, state_width, theme),
            theme.text(assess::link_level(link)),
        ));
        let is_narrow = self.width < WITH_SPARK;
        if !is_narrow {
            let frames = format!("{frames} fr/s");
            spans.push(Span::raw(pad_left(&frames, 10, theme)));
        }
        let bytes = format!("{bytes}/s");
        spans.push(Span::raw(pad_left(&bytes, 11, theme)));
        let used: usize = spans.iter().map(Span::width).sum();
        let queue_width: usize = queue.iter().map(Span::width).sum();
        let spark_width = match self.width {
            ..WITH_SPARK => 0,
            width => width.saturating_sub(used + queue_width + 2).min(60),
        };
        let spark = rates.map(|rates| theme.sparkline(&rates.history, spark_width));
        spans.push(Span::raw(" "));
        spans.push(Span::styled(
            spark.unwrap_or_else(|| " ".repeat(spark_width)),
            theme.spark(),
        ));
        spans.push(Span::raw(" "));
        spans.extend(queue);
        self.fit(spans)
    }

    fn queue(self, link: &LinkSample) -> Vec<Span<'static>> {
        let name = if self.width < WITH_SPARK {
            ""
        } else {
            "queue "
        };
        let mut spans = self.gauge(name, link.queue);
        let reliable = link.reliable_queue;
        if self.width >= WITH_DETAILS && reliable.max_bytes > 0 {
            spans.push(Span::raw("  "));
            spans.extend(self.gauge("reliable ", reliable));
        }
        spans
    }

    fn gauge(self, name: &str, queue: QueueSample) -> Vec<Span<'static>> {
        let fraction = assess::queue_fraction(queue);
        let percent = pad_left(&format::percent(fraction), 6, self.theme);
        vec![
            Span::styled(name.to_owned(), self.theme.label()),
            self.theme.gauge(fraction, GAUGE_WIDTH),
            Span::styled(percent, self.theme.text(queue_level(fraction))),
        ]
    }

    fn link_details(self, link: &LinkSample) -> Line<'static> {
        let mut counts = vec![
            clean(&link.url, self.theme),
            format!("{} connects", link.connects),
            format!("{} disconnects", link.disconnects),
        ];
        let others = [
            (link.failed_attempts, "failed attempts"),
            (link.stalls, "stalls"),
            (link.discarded_frames, "discarded frames"),
            (link.undecodable_parts, "undecodable parts"),
            (link.server_overflows, "overflows of SENSR"),
        ];
        for (count, name) in others {
            if count > 0 {
                counts.push(format!("{count} {name}"));
            }
        }
        let indent = " ".repeat(LEVEL_WIDTH + 7);
        self.fit(vec![Span::raw(format!("{indent}{}", counts.join(", ")))])
    }

    /// Data rate of a link over time, `height` lines high.
    pub(super) fn data_rate(self, link: &str, height: usize) -> Panel {
        let history = self.site.link_rates(link).map(|rates| &rates.history);
        let max = history.into_iter().flatten().copied().fold(0.0, f64::max);
        let lines = history.map(|history| self.theme.chart(history, self.width, height));
        let lines = lines.into_iter().flatten();
        Panel {
            note: if max > 0.0 {
                format!("up to {}/s", format::bytes(max))
            } else {
                "none".to_owned()
            },
            min_lines: height,
            ..self.panel(
                format!("Data rate of {link}"),
                lines
                    .map(|line| Line::styled(line, self.theme.spark()))
                    .collect(),
            )
        }
    }

    pub(super) fn topics(self) -> Panel {
        topic_table::panel(self)
    }

    /// Recording, disk, memory, clock, components and stage times, each with a label.
    pub(super) fn state(self, with_stages: bool) -> Panel {
        let mut lines = self.recording();
        lines.push(self.memory());
        lines.extend(self.clock());
        lines.extend(self.components());
        if with_stages {
            lines.extend(stages::lines(self));
        }
        Panel {
            min_lines: lines.len().min(4),
            ..self.panel("State", lines)
        }
    }

    fn recording(self) -> Vec<Line<'static>> {
        let Some(sample) = self.site.recording() else {
            return vec![self.fit(vec![
                self.label("recording"),
                Span::raw("none: no sensr_recorder publishes its state"),
            ])];
        };
        let theme = self.theme;
        let level = assess::recording_level(sample, self.site.recording_age(self.now));
        let mut spans = vec![self.label("recording"), self.level(level)];
        let state = RecordingState::name_of(sample.state);
        spans.push(Span::styled(state, theme.text(level)));
        if !sample.reason.is_empty() {
            let reason = clean(&format!(": {}", sample.reason), theme);
            spans.push(Span::styled(reason, theme.text(level)));
        } else if !sample.split.is_empty() {
            let since_ns = sample.stamp_ns.saturating_sub(sample.split_since_ns);
            let age = std::time::Duration::from_nanos(u64::try_from(since_ns).unwrap_or(0));
            let figures = format!(
                "  {} since {}, {}/s",
                format::byte_count(sample.split_bytes),
                format::duration(age),
                format::bytes(sample.bytes_per_second),
            );
            let used: usize = spans.iter().map(Span::width).sum();
            let left = self.width.saturating_sub(used + figures.len() + 2);
            let split = cut(&clean(&sample.split, theme), left, theme);
            spans.push(Span::raw(format!("  {split}{figures}")));
        }
        vec![self.fit(spans), self.fit(self.disk(sample))]
    }

    fn disk(self, sample: &RecordingSample) -> Vec<Span<'static>> {
        let theme = self.theme;
        let is_full = sample.disk_free_bytes <= sample.min_free_bytes;
        let left = match sample.time_left {
            Some(left) => format!(", {} left", format::duration(left)),
            None if sample.bytes_per_second > 0.0 && !is_full => ", does not fill".to_owned(),
            None => String::new(),
        };
        let mut statuses = self.site.diagnostics();
        let told = statuses.find(|status| status.task == "disk");
        let level = match told {
            _ if is_full => Level::Error,
            Some(status) => status.level,
            None => Level::Ok,
        };
        let disk = format!(
            "{} of {} free{left}",
            format::byte_count(sample.disk_free_bytes),
            format::byte_count(sample.disk_size_bytes)
        );
        let missing_level = if sample.missing > 0 {
            Level::Error
        } else {
            Level::Ok
        };
        let mut spans = vec![
            self.label("disk"),
            self.level(level),
            Span::styled(disk, theme.text(level)),
            Span::styled(
                format!(", missing {}", sample.missing),
                theme.text(missing_level),
            ),
        ];
        let mut rest = format!(
            ", {} closed splits {}",
            sample.closed_splits,
            format::byte_count(sample.closed_bytes)
        );
        if sample.recorder_starts > 1 {
            rest = format!("{rest}, started {} times", sample.recorder_starts);
        }
        spans.push(Span::raw(rest));
        spans
    }

    fn memory(self) -> Line<'static> {
        let mut spans = vec![self.label("memory")];
        if let Some(sample) = self.site.bridge() {
            let is_over =
                sample.memory_bound_bytes > 0 && sample.rss_bytes > sample.memory_bound_bytes;
            let level = if is_over { Level::Warn } else { Level::Ok };
            let text = format!(
                "bridge {} (peak {}, bound {})",
                format::byte_count(sample.rss_bytes),
                format::byte_count(sample.rss_peak_bytes),
                format::byte_count(sample.memory_bound_bytes),
            );
            spans.push(Span::styled(text, self.theme.text(level)));
        }
        if let Some(sample) = self
            .site
            .recording()
            .filter(|sample| sample.recorder_pid != 0)
        {
            let text = format!(
                "  recorder {}",
                format::byte_count(sample.recorder_rss_bytes)
            );
            spans.push(Span::raw(text));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        let spark_width = self.width.saturating_sub(used + 2).min(30);
        if spark_width >= 4 {
            let spark = self.theme.level_line(self.site.memory(), spark_width);
            spans.push(Span::styled(format!("  {spark}"), self.theme.spark()));
        }
        self.fit(spans)
    }

    fn clock(self) -> Option<Line<'static>> {
        let clock = self.site.bridge()?.clock;
        let text = if clock.is_frozen {
            "clock of the server stands still".to_owned()
        } else if clock.is_known {
            let spread = u64::try_from(clock.spread_ns).unwrap_or(0);
            format!(
                "bridge {} {} {} against the server, {:+.1} ppm, {} jumps",
                format::offset_ns(clock.offset_ns),
                self.theme.plus_minus(),
                format::span_ns(spread),
                clock.drift_ppm,
                clock.jumps,
            )
        } else {
            "offset against the server not known yet".to_owned()
        };
        let level = if clock.is_frozen {
            Level::Error
        } else {
            Level::Ok
        };
        Some(self.fit(vec![
            self.label("clock"),
            Span::styled(text, self.theme.text(level)),
        ]))
    }

    /// Numbers of nodes and sensors, with the names of those that are not OK.
    fn components(self) -> Option<Line<'static>> {
        let counts = ComponentCounts::of(self.site);
        let mut spans = vec![self.label("sensors")];
        for (level, count) in counts.shown() {
            let text = format!("{count} {}", level_word(level));
            spans.push(Span::styled(text, self.theme.level(level)));
            spans.push(Span::raw("  "));
        }
        let statuses = self.site.diagnostics();
        let mut bad: Vec<_> = statuses
            .filter(|status| status.is_component && status.level != Level::Ok)
            .collect();
        bad.sort_by_key(|status| std::cmp::Reverse(super::theme::severity(status.level)));
        let names: Vec<String> = bad
            .iter()
            .map(|status| format!("{} {}", clean(&status.task, self.theme), status.message))
            .collect();
        spans.push(Span::raw(names.join(", ")));
        (spans.len() > 2).then(|| self.fit(spans))
    }

    /// Problems with as much of their messages as fits into `max_lines` lines each. Without `all`, those are left out that
    /// have a line elsewhere on the page.
    pub(super) fn problems(self, max_lines: usize, all: bool) -> Panel {
        let problems = assess::problems(self.site, self.now);
        let mut lines = Vec::new();
        let is_shown = |problem: &&Problem| all || !problem.has_line;
        let shown: Vec<_> = problems.iter().filter(is_shown).collect();
        for problem in &shown {
            lines.extend(self.problem(problem, "", max_lines));
        }
        let title = match problems.len() {
            0 => "Problems: none".to_owned(),
            count => format!("Problems: {count}"),
        };
        Panel {
            min_lines: lines.len().min(2),
            more: Some(|hidden| format!("{hidden} more lines: d shows all diagnostics")),
            note: match problems.len() - shown.len() {
                0 => String::new(),
                elsewhere => format!("{elsewhere} in the lines of links and recording"),
            },
            ..self.panel(title, lines)
        }
    }

    /// One problem, with the name of its site before it if that is not empty.
    pub(super) fn problem(
        self,
        problem: &Problem,
        site: &str,
        max_lines: usize,
    ) -> Vec<Line<'static>> {
        let theme = self.theme;
        let prefix = match site {
            "" => String::new(),
            site => format!("{site}: "),
        };
        let text = clean(&format!("{prefix}{}", problem.text), theme);
        let text_width = self.width.saturating_sub(LEVEL_WIDTH).max(1);
        let mut wrapped = wrap(&text, text_width, theme);
        if wrapped.len() > max_lines {
            let rest = wrapped.split_off(max_lines.saturating_sub(1)).join(" ");
            wrapped.push(cut(&rest, text_width, theme));
        }
        let style = theme.text(problem.level);
        let lines = wrapped.into_iter().enumerate().map(|(row, text)| {
            let level = match row {
                0 => self.level(problem.level),
                _ => Span::raw(" ".repeat(LEVEL_WIDTH)),
            };
            Line::from(vec![level, Span::styled(text, style)])
        });
        lines.collect()
    }

    pub(super) fn events(self) -> Panel {
        let events = self.site.events().iter();
        self.event_panel(events.map(|event| self.event(event, "")).collect())
    }

    /// Panel of events, which are one line each, oldest first.
    pub(super) fn event_panel(self, lines: Vec<Line<'static>>) -> Panel {
        let title = match lines.len() {
            0 => "Events: none yet",
            _ => "Events",
        };
        Panel {
            min_lines: lines.len().min(1),
            keeps_end: true,
            ..self.panel(title, lines)
        }
    }

    /// One event, with the name of its site before it if that is not empty.
    pub(super) fn event(self, event: &EventSample, site: &str) -> Line<'static> {
        let theme = self.theme;
        let time = Timestamp::from_nanosecond(i128::from(event.stamp_ns)).unwrap_or_default();
        let time = time
            .to_zoned(self.time_zone.clone())
            .strftime("%H:%M:%S")
            .to_string();
        let mut spans = vec![Span::styled(format!("{time} "), theme.label())];
        if event.level != Level::Ok {
            spans.push(self.level(event.level));
        }
        let text = match site {
            "" => clean(&event.text, theme),
            site => clean(&format!("{site}: {}", event.text), theme),
        };
        spans.push(Span::styled(text, theme.text(event.level)));
        self.fit(spans)
    }

    /// All nodes, edges and sensors, the worst first.
    pub(super) fn component_list(self) -> Panel {
        let statuses = self.site.diagnostics();
        let mut components: Vec<_> = statuses.filter(|status| status.is_component).collect();
        components.sort_by_key(|status| std::cmp::Reverse(super::theme::severity(status.level)));
        let lines: Vec<_> = components
            .into_iter()
            .map(|status| {
                let text = clean(&format!("{}: {}", status.task, status.message), self.theme);
                let style = self.theme.text(status.level);
                self.fit(vec![self.level(status.level), Span::styled(text, style)])
            })
            .collect();
        let title = match lines.len() {
            0 => "Nodes and sensors: none reported",
            _ => "Nodes and sensors",
        };
        Panel {
            min_lines: lines.len().min(2),
            more: Some(|hidden| format!("{hidden} more: d shows all diagnostics")),
            ..self.panel(title, lines)
        }
    }
}
