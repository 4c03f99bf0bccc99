//! Severity of a site and of its parts, with the reason in words.

use std::time::{Duration, Instant};

use super::format;
use super::theme::severity;
use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::monitor::sample::{DiagnosticSample, LinkSample, QueueSample, RecordingSample};
use crate::monitor::site::{SILENT_AFTER, Site};
use crate::recorder::report::RecordingState;

/// Something that an operator has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) level: Level,
    pub(super) text: String,
    /// The page of a site shows it in a line of its own, as the state of a link or of the recording.
    pub(super) has_line: bool,
}

/// Diagnostics that tell what the page of a site shows in lines of their own.
const WITH_LINE: [&str; 3] = ["points link", "output link", "recording"];

/// Problems of a site, the worst first: silence of a node, all diagnostics that are not OK, and lost links and recordings
/// that no diagnostic tells of, as before the first one.
pub(super) fn problems(site: &Site, now: Instant) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(text) = silence(site, now) {
        problems.push(Problem {
            level: Level::Error,
            text,
            has_line: false,
        });
    }
    if let Some(text) = recorder_silence(site, now) {
        problems.push(Problem {
            level: Level::Error,
            text,
            has_line: false,
        });
    }
    problems.extend(untold(site, now));
    problems.extend(site.diagnostics().filter_map(problem_of));
    problems.sort_by_key(|problem| std::cmp::Reverse(severity(problem.level)));
    problems
}

fn problem_of(status: &DiagnosticSample) -> Option<Problem> {
    let DiagnosticSample {
        task,
        level,
        message,
        ..
    } = status;
    (*level != Level::Ok).then(|| Problem {
        level: *level,
        text: format!("{task}: {message}"),
        has_line: WITH_LINE.contains(&task.as_str()),
    })
}

fn untold(site: &Site, now: Instant) -> Vec<Problem> {
    let is_told = |task: &str| {
        let mut statuses = site.diagnostics();
        statuses.any(|status| status.task == task && status.level != Level::Ok)
    };
    let links = site.bridge().into_iter().flat_map(|sample| &sample.links);
    let links = links.map(|link| {
        let task = format!("{} link", link.name);
        (task, link_level(link), link_state(link), &link.last_error)
    });
    let recording = site.recording().map(|sample| {
        let level = recording_level(sample, site.recording_age(now));
        let state = RecordingState::name_of(sample.state);
        ("recording".to_owned(), level, state, &sample.reason)
    });
    let states = links.chain(recording);
    let untold = states.filter(|(task, level, ..)| *level == Level::Error && !is_told(task));
    untold
        .map(|(task, level, state, reason)| Problem {
            level,
            text: match reason.as_str() {
                "" => format!("{task}: {state}"),
                reason => format!("{task}: {state}: {reason}"),
            },
            has_line: true,
        })
        .collect()
}

fn silence(site: &Site, now: Instant) -> Option<String> {
    if !site.is_silent(now) {
        return None;
    }
    Some(match site.bridge_age(now) {
        Some(age) => format!(
            "no statistics from the bridge for {}",
            format::duration(age)
        ),
        None => "no statistics from the bridge yet".to_owned(),
    })
}

fn recorder_silence(site: &Site, now: Instant) -> Option<String> {
    let sample = site.recording()?;
    let age = site.recording_age(now)?;
    let is_ended = sample.state == RecordingState::Stopping.number();
    (age > SILENT_AFTER && !is_ended).then(|| {
        format!(
            "no state of the recording from sensr_recorder for {}",
            format::duration(age)
        )
    })
}

/// Severity of a whole site.
pub(super) fn site_level(site: &Site, now: Instant) -> Level {
    if site.is_silent(now) {
        return Level::Error;
    }
    let links = site.bridge().into_iter().flat_map(|sample| &sample.links);
    let recording = site
        .recording()
        .map(|sample| recording_level(sample, site.recording_age(now)));
    let levels = links
        .map(link_level)
        .chain(recording)
        .chain(site.diagnostics().map(|status| status.level));
    levels
        .max_by_key(|level| severity(*level))
        .unwrap_or(Level::Ok)
}

/// Severity of a link.
pub(super) fn link_level(link: &LinkSample) -> Level {
    match link.state {
        LinkState::Connected if link.is_silent => Level::Error,
        LinkState::Connected => Level::Ok,
        LinkState::Backoff => Level::Error,
        LinkState::Connecting | LinkState::Paused | LinkState::Stopped => Level::Warn,
    }
}

/// State of a link in words.
pub(super) fn link_state(link: &LinkSample) -> &'static str {
    match link.state {
        LinkState::Connected if link.is_silent => "no data",
        LinkState::Connected => "connected",
        LinkState::Connecting => "connecting",
        LinkState::Backoff => "disconnected",
        LinkState::Paused => "paused",
        LinkState::Stopped => "stopped",
    }
}

/// Time that a link has been in its state, on the clock of the bridge.
pub(super) fn link_state_age(link: &LinkSample, site: &Site, now: Instant) -> Duration {
    let stamp_ns = site.bridge().map_or(0, |sample| sample.stamp_ns);
    let before_ns = u64::try_from(stamp_ns.saturating_sub(link.state_since_ns)).unwrap_or(0);
    Duration::from_nanos(before_ns) + site.bridge_age(now).unwrap_or_default()
}

/// Filled part of a queue.
#[expect(clippy::cast_precision_loss, reason = "only for display")]
pub(super) fn queue_fraction(queue: QueueSample) -> f64 {
    if queue.max_bytes == 0 {
        0.0
    } else {
        queue.bytes as f64 / queue.max_bytes as f64
    }
}

/// Filled part of the fuller queue of a link.
pub(super) fn link_queue(link: &LinkSample) -> f64 {
    queue_fraction(link.queue).max(queue_fraction(link.reliable_queue))
}

/// Severity of a recording.
pub(super) fn recording_level(sample: &RecordingSample, age: Option<Duration>) -> Level {
    let is = |state: RecordingState| sample.state == state.number();
    if age.is_none_or(|age| age > SILENT_AFTER) && !is(RecordingState::Stopping) {
        Level::Stale
    } else if is(RecordingState::DiskFull) || is(RecordingState::Retrying) {
        Level::Error
    } else if is(RecordingState::Recording) && sample.missing == 0 {
        Level::Ok
    } else {
        Level::Warn
    }
}

/// Numbers of components of the server by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ComponentCounts {
    pub(super) ok: usize,
    pub(super) warn: usize,
    pub(super) error: usize,
    pub(super) stale: usize,
}

impl ComponentCounts {
    /// Counts the nodes, edges and sensors of a site.
    pub(super) fn of(site: &Site) -> Self {
        let mut counts = Self::default();
        for status in site.diagnostics().filter(|status| status.is_component) {
            match status.level {
                Level::Ok => counts.ok += 1,
                Level::Warn => counts.warn += 1,
                Level::Error => counts.error += 1,
                Level::Stale => counts.stale += 1,
            }
        }
        counts
    }

    /// Numbers that are not zero, the worst first.
    pub(super) fn shown(self) -> impl Iterator<Item = (Level, usize)> {
        let Self {
            ok,
            warn,
            error,
            stale,
        } = self;
        [
            (Level::Error, error),
            (Level::Stale, stale),
            (Level::Warn, warn),
            (Level::Ok, ok),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}
