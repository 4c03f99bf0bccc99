//! Lines of `sensr_monitor --plain`: one for each site and period.

use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use super::period::{PeriodFigures, Periods};
use super::sample::{BridgeSample, DiagnosticSample, RecordingSample, StageSample};
use super::site::Site;
use super::units::{format_bytes, format_ns, format_rate, format_size};
use crate::connection::status::LinkState;
use crate::diagnostics::{Level, format_duration};
use crate::recorder::report::RecordingState;

/// Time without a status after which a recorder counts as silent. It publishes one each second.
const RECORDER_SILENT_AFTER: Duration = Duration::from_secs(5);
/// Longest text of a problem that is shown, characters.
const MAX_PROBLEM_CHARS: usize = 160;

/// Writes the line of a site, and keeps what the next one needs.
#[derive(Debug, Clone, Default)]
pub struct PlainLine {
    periods: Periods,
}

impl PlainLine {
    /// Returns the line of the period that ends now, without a newline. `time` is shown at its beginning.
    pub fn next(&mut self, site: &Site, time: &str, now: Instant) -> String {
        let figures = self.periods.next(site);
        let mut line = format!("{time} {}: {}", site.name(), state_of(site, now));
        let Some(bridge) = site.bridge() else {
            return line;
        };
        if !site.is_silent(now) {
            push_bridge(&mut line, site, bridge, figures.as_ref());
        }
        if let Some(recording) = site.recording() {
            push_recording(&mut line, recording, site.recording_age(now));
        }
        if let Some(problem) = worst_problem(site) {
            push_problem(&mut line, site, problem);
        }
        line
    }
}

/// Returns the severity of the site as a word, or why it has none.
fn state_of(site: &Site, now: Instant) -> String {
    match site.bridge_age(now) {
        None => "waiting for the first statistics".to_owned(),
        Some(age) if site.is_silent(now) => format!(
            "SILENT, no statistics for {}: did the bridge end, or is the network down?",
            format_duration(age)
        ),
        Some(_) => {
            let level = worst_problem(site).map_or(Level::Ok, |problem| problem.level);
            level_word(level).to_owned()
        }
    }
}

/// Returns the word for a severity.
const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Ok => "OK",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
        Level::Stale => "STALE",
    }
}

/// Returns the word for the state of a link.
pub(super) const fn link_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Connecting => "connecting",
        LinkState::Connected => "connected",
        LinkState::Backoff => "backoff",
        LinkState::Paused => "paused",
        LinkState::Stopped => "stopped",
    }
}

/// Returns the worst diagnostic that is not OK. `Error` is worse than `Stale`, whose reason is another problem.
pub(super) fn worst_problem(site: &Site) -> Option<&DiagnosticSample> {
    let severity = |status: &&DiagnosticSample| match status.level {
        Level::Ok => 0,
        Level::Stale => 1,
        Level::Warn => 2,
        Level::Error => 3,
    };
    let problems = site
        .diagnostics()
        .filter(|status| status.level != Level::Ok);
    // The first of equal ones.
    problems.reduce(|worst, next| {
        if severity(&next) > severity(&worst) {
            next
        } else {
            worst
        }
    })
}

/// Returns the times from the complete frame to the end of publishing of a link.
pub(super) fn total_time<'a>(site: &'a Site, link: &str) -> Option<&'a StageSample> {
    site.stages()
        .find(|stage| stage.link == link && stage.stage == "total")
}

fn push_bridge(
    line: &mut String,
    site: &Site,
    bridge: &BridgeSample,
    figures: Option<&PeriodFigures>,
) {
    push_links(line, bridge, figures);
    if let Some(figures) = figures {
        push(
            line,
            format_args!(
                " | received {}/s, published {}/s, lost {}",
                format_rate(figures.received),
                format_rate(figures.published),
                figures.lost
            ),
        );
    }
    let total = site.total();
    let lost = total.dropped + total.malformed;
    push(
        line,
        format_args!(" | since start: received {}", total.received),
    );
    push(
        line,
        format_args!(", published {}, lost {lost}", total.published),
    );
    push(line, format_args!(" | queue {} %", queue_percent(bridge)));
    for link in ["points", "output"] {
        if let Some(stage) = total_time(site, link) {
            let [mean, max] = [stage.mean_ns, stage.max_ns].map(shown_ns);
            push(line, format_args!(" | {link} delay {mean}, max {max}"));
        }
    }
    push(
        line,
        format_args!(" | memory {}", format_size(bridge.rss_bytes)),
    );
}

fn push_links(line: &mut String, bridge: &BridgeSample, figures: Option<&PeriodFigures>) {
    for link in &bridge.links {
        push(
            line,
            format_args!(" | {} {}", link.name, link_word(link.state)),
        );
        let bytes = figures.and_then(|figures| match link.name.as_str() {
            "points" => Some(figures.points_bytes),
            "output" => Some(figures.output_bytes),
            _ => None,
        });
        if let Some(bytes) = bytes
            && link.state == LinkState::Connected
        {
            push(line, format_args!(" {}/s", format_bytes(bytes)));
        }
    }
}

fn push_recording(line: &mut String, recording: &RecordingSample, age: Option<Duration>) {
    let state = RecordingState::name_of(recording.state);
    if let Some(age) = age
        && age > RECORDER_SILENT_AFTER
    {
        let age = format_duration(age);
        return push(
            line,
            format_args!(" | recorder SILENT, no status for {age}, last {state}"),
        );
    }
    push(line, format_args!(" | recorder {state}"));
    push(
        line,
        format_args!(
            ", split {} {} at {}/s, {} free",
            recording.splits_opened,
            format_size(recording.split_bytes),
            format_bytes(recording.bytes_per_second),
            format_size(recording.disk_free_bytes)
        ),
    );
    if let Some(left) = recording.time_left {
        push(line, format_args!(" for {}", format_duration(left)));
    }
    push(
        line,
        format_args!(
            ", missing {}, memory {}",
            recording.missing,
            format_size(recording.recorder_rss_bytes)
        ),
    );
}

fn push_problem(line: &mut String, site: &Site, problem: &DiagnosticSample) {
    let level = level_word(problem.level);
    let text = one_line(&format!("{}: {}", problem.task, problem.message));
    push(line, format_args!(" | {level} {text}"));
    let problems = site.diagnostics();
    let others = problems.filter(|status| status.level != Level::Ok).count() - 1;
    if others > 0 {
        push(line, format_args!(" (and {others} more)"));
    }
}

/// Returns a text without control characters, which a server may send, and cut to a length that a line has room for.
fn one_line(text: &str) -> String {
    let is_long = text.chars().nth(MAX_PROBLEM_CHARS).is_some();
    let kept = text.chars().take(MAX_PROBLEM_CHARS);
    let mut shown: String = kept.map(|c| if c.is_control() { ' ' } else { c }).collect();
    if is_long {
        shown.push('…');
    }
    shown
}

/// Returns the fill of the fullest queue in percent.
fn queue_percent(bridge: &BridgeSample) -> u64 {
    let queues = bridge
        .links
        .iter()
        .flat_map(|link| [link.queue, link.reliable_queue]);
    let percent = queues.map(|queue| {
        let bytes = queue.bytes.saturating_mul(100);
        bytes.checked_div(queue.max_bytes).unwrap_or(0)
    });
    percent.max().unwrap_or(0)
}

fn shown_ns(ns: u64) -> String {
    format_ns(i64::try_from(ns).unwrap_or(i64::MAX))
}

fn push(line: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = line.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::site::{SILENT_AFTER, Source};
    use crate::monitor::test_samples::{bridge_sample, recording_sample, site_with};

    fn status(task: &str, level: Level, message: &str) -> DiagnosticSample {
        DiagnosticSample {
            task: task.to_owned(),
            level,
            message: message.to_owned(),
            is_component: false,
        }
    }

    #[test]
    fn a_healthy_site_is_one_line_with_its_rates() {
        let mut line = PlainLine::default();
        let now = Instant::now();
        let mut site = site_with(bridge_sample(0, 10));
        let first = line.next(&site, "16:45:00", now);
        assert!(
            first.starts_with("16:45:00 /: OK | points connected | output"),
            "{first}"
        );
        site.on_statistics(bridge_sample(0, 15), now);
        site.on_recording(recording_sample(), now);
        assert_eq!(
            line.next(&site, "16:45:05", now),
            "16:45:05 /: OK | points connected 1.00 kB/s | output connected 10 B/s | received 20.0/s, published \
             10.0/s, lost 10 | since start: received 300, published 150, lost 30 | queue 25 % | points delay 2.00 ms, \
             max 9.00 ms | memory 43.0 MB | recorder recording, split 3 1.20 GB at 21.3 MB/s, 210 GB free for 2 h 30 \
             min, missing 0, memory 61.0 MB"
        );
    }

    #[test]
    fn the_worst_problem_is_named_and_the_others_are_counted() {
        let now = Instant::now();
        let mut site = site_with(bridge_sample(0, 10));
        let statuses = vec![
            status("clock", Level::Warn, "jumped"),
            status("server", Level::Stale, "no health"),
            status("points link", Level::Error, "refused\n\u{1b}[31m"),
        ];
        site.on_diagnostics(Source::Bridge, statuses);
        let line = PlainLine::default().next(&site, "t", now);
        assert!(
            line.ends_with("| ERROR points link: refused  [31m (and 2 more)"),
            "{line}"
        );
        assert!(one_line(&"가".repeat(500)).chars().count() == MAX_PROBLEM_CHARS + 1);
    }

    #[test]
    fn silence_of_bridge_and_recorder_is_told() {
        let now = Instant::now();
        let later = now + SILENT_AFTER + Duration::from_secs(1);
        let mut site = Site::new("/harbour");
        let waiting = PlainLine::default().next(&site, "t", now);
        assert_eq!(waiting, "t harbour: waiting for the first statistics");
        site.on_statistics(bridge_sample(0, 10), now);
        site.on_recording(recording_sample(), now);
        let line = PlainLine::default().next(&site, "t", later);
        assert!(line.contains("SILENT, no statistics for 6.0 s"), "{line}");
        assert!(
            line.contains("recorder SILENT, no status for 6.0 s, last recording"),
            "{line}"
        );
        assert!(!line.contains("memory"), "{line}");
    }
}
