//! Diagnostic of a link: its connection, its data, and recent problems.

use std::time::{Duration, Instant};

use super::format::format_duration;
use super::trends::{History, StableSince};
use super::{Level, LinkInput, Status};
use crate::connection::status::{LinkFigures, LinkState};
use crate::metrics::Fill;
use crate::time::stamp::Stamp;

/// Duration from which an outage is an error: a server that restarts its stream is back earlier.
const OUTAGE_GRACE: Duration = Duration::from_secs(3);
/// Time without data that is a warning: SENSR sends about ten messages a second. Only the link itself, which knows
/// `stall_timeout`, makes it an error.
const QUIET_WARNING: Duration = Duration::from_secs(5);
/// Time for which problems are shown.
const PROBLEM_WINDOW: Duration = Duration::from_secs(60);
/// Number of disconnects within [`PROBLEM_WINDOW`] that is a warning even while the link is connected.
const FREQUENT_DISCONNECTS: u64 = 3;

/// Keys of the queue whose messages may be dropped: messages, bytes, limit.
const QUEUE_KEYS: [&str; 3] = ["queued messages", "queued bytes", "queue limit (bytes)"];
/// Keys of the queue of reliable messages, in the same order.
const RELIABLE_QUEUE_KEYS: [&str; 3] = [
    "reliable messages queued",
    "reliable bytes queued",
    "reliable queue limit (bytes)",
];

/// Watches one link.
#[derive(Debug)]
pub(super) struct LinkDiagnostic {
    task: &'static str,
    /// Address of the server.
    url: String,
    /// Numbers of connects and frames. A new connection has as much time for its first frame as for any other.
    activity: StableSince<(u64, u64)>,
    outage: Option<Outage>,
    problems: History<Problems>,
}

/// Time without a link that receives data.
#[derive(Debug, Clone, Copy)]
struct Outage {
    since: Instant,
    /// Number of frames when it began. The outage ends with the next frame.
    frames: u64,
}

/// Counters of problems.
#[derive(Debug, Clone, Copy, Default)]
struct Problems {
    disconnects: u64,
    undecodable_frames: u64,
    undecodable_parts: u64,
    oversized_frames: u64,
    truncated_frames: u64,
    server_overflows: u64,
}

impl LinkDiagnostic {
    pub(super) fn new(task: &'static str, start: Instant) -> Self {
        Self {
            task,
            url: String::new(),
            activity: StableSince::new((0, 0), start),
            outage: Some(Outage {
                since: start,
                frames: 0,
            }),
            problems: History::starting_with(PROBLEM_WINDOW, start, Problems::default()),
        }
    }

    pub(super) fn assess_link(&mut self, now: Instant, link: &LinkInput) -> Status {
        let figures = &link.figures;
        self.reset_if_server_changed(now, figures);
        let quiet = self
            .activity
            .record_value(now, (figures.connects, figures.frames));
        let total = Problems::count_in(figures);
        let (_, before) = self.problems.record_sample(now, total);
        let problems = total.growth_since(before);
        let assessment = match figures.state {
            LinkState::Connected => self.assess_connected(now, figures, quiet, problems),
            LinkState::Connecting | LinkState::Backoff => self.assess_disconnected(now, figures),
            LinkState::Paused => {
                // A pause is intended, and the outage after it has the full grace time.
                self.outage = None;
                (Level::Warn, "paused by ~/set_enabled".to_owned())
            }
            LinkState::Stopped => (Level::Warn, "stopped".to_owned()),
        };
        let status = with_link_values(Status::new(self.task, assessment), figures);
        let status = with_queue_values(status, QUEUE_KEYS, link.queue);
        match link.reliable {
            Some(reliable) => with_queue_values(status, RELIABLE_QUEUE_KEYS, reliable),
            None => status,
        }
    }

    /// Gives another server the full grace time and discards the problems of the former.
    fn reset_if_server_changed(&mut self, now: Instant, figures: &LinkFigures) {
        if self.url == figures.url {
            return;
        }
        if !self.url.is_empty() {
            self.outage = Some(Outage {
                since: now,
                frames: figures.frames,
            });
            self.problems =
                History::starting_with(PROBLEM_WINDOW, now, Problems::count_in(figures));
        }
        self.url.clone_from(&figures.url);
    }

    fn assess_connected(
        &mut self,
        now: Instant,
        figures: &LinkFigures,
        quiet: Duration,
        problems: Problems,
    ) -> (Level, String) {
        if figures.is_silent || quiet > QUIET_WARNING {
            let level = if figures.is_silent {
                // The status stays an error during the reconnect.
                self.outage.get_or_insert(Outage {
                    since: now.checked_sub(quiet).unwrap_or(now),
                    frames: figures.frames,
                });
                Level::Error
            } else {
                Level::Warn
            };
            let quiet = format_duration(quiet);
            return (level, format!("connected, but no data for {quiet}"));
        }
        let has_no_data_yet = |outage: Outage| outage.frames == figures.frames;
        if self.outage.is_some_and(has_no_data_yet) {
            // The outage lasts until data arrive: a server that accepts and closes again is not back.
            let level = self.outage_level(now);
            return (level, "connected, waiting for the first data".to_owned());
        }
        self.outage = None;
        match problems.list_counts() {
            Some(problems) => {
                let window = format_duration(PROBLEM_WINDOW);
                (
                    Level::Warn,
                    format!("connected, but in the last {window}: {problems}"),
                )
            }
            None => (
                Level::Ok,
                format!(
                    "connected since {}, {} frames",
                    figures.state_since.utc(),
                    figures.frames
                ),
            ),
        }
    }

    fn assess_disconnected(&mut self, now: Instant, figures: &LinkFigures) -> (Level, String) {
        let outage = *self.outage.get_or_insert(Outage {
            since: now,
            frames: figures.frames,
        });
        let duration = format_duration(now.duration_since(outage.since));
        let reason = match &*figures.last_error {
            "" => String::new(),
            error => format!(": {error}"),
        };
        let level = self.outage_level(now);
        (level, format!("not connected for {duration}{reason}"))
    }

    fn outage_level(&self, now: Instant) -> Level {
        let is_error = |outage: Outage| now.duration_since(outage.since) >= OUTAGE_GRACE;
        if self.outage.is_some_and(is_error) {
            Level::Error
        } else {
            Level::Warn
        }
    }
}

impl Problems {
    fn count_in(figures: &LinkFigures) -> Self {
        Self {
            disconnects: figures.disconnects,
            undecodable_frames: figures.undecodable_frames,
            undecodable_parts: figures.undecodable_parts,
            oversized_frames: figures.oversized_frames,
            truncated_frames: figures.truncated_frames,
            server_overflows: figures.server_overflows,
        }
    }

    fn growth_since(self, before: Self) -> Self {
        Self {
            disconnects: self.disconnects.saturating_sub(before.disconnects),
            undecodable_frames: self
                .undecodable_frames
                .saturating_sub(before.undecodable_frames),
            undecodable_parts: self
                .undecodable_parts
                .saturating_sub(before.undecodable_parts),
            oversized_frames: self
                .oversized_frames
                .saturating_sub(before.oversized_frames),
            truncated_frames: self
                .truncated_frames
                .saturating_sub(before.truncated_frames),
            server_overflows: self
                .server_overflows
                .saturating_sub(before.server_overflows),
        }
    }

    /// Lists the counts that are not zero. None if there are none. Fewer disconnects than [`FREQUENT_DISCONNECTS`] are
    /// not listed, as the link is connected again.
    fn list_counts(self) -> Option<String> {
        let frequent_disconnects = if self.disconnects >= FREQUENT_DISCONNECTS {
            self.disconnects
        } else {
            0
        };
        let counts = [
            (frequent_disconnects, "disconnects"),
            (self.undecodable_frames, "undecodable frames"),
            (self.undecodable_parts, "undecodable parts of frames"),
            (self.oversized_frames, "frames over the size limit"),
            (self.truncated_frames, "frames truncated by a disconnect"),
            (
                self.server_overflows,
                "server overflows (SENSR dropped data because its buffer for this client was full)",
            ),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        (!counts.is_empty()).then(|| counts.join(", "))
    }
}

fn with_link_values(status: Status, figures: &LinkFigures) -> Status {
    let since = if figures.state_since == Stamp::default() {
        String::new()
    } else {
        figures.state_since.utc()
    };
    status
        .with_value("state", state_name(figures.state))
        .with_value("state since", since)
        .with_value("url", &figures.url)
        .with_value("connects", figures.connects)
        .with_value("disconnects", figures.disconnects)
        .with_value("failed attempts", figures.failed_attempts)
        .with_value("last error", &figures.last_error)
        .with_value("frames", figures.frames)
        .with_value("bytes", figures.bytes)
        .with_value("undecodable frames", figures.undecodable_frames)
        .with_value("undecodable parts", figures.undecodable_parts)
        .with_value("texts with invalid UTF-8", figures.invalid_texts)
        .with_value("text frames", figures.text_frames)
        .with_value("oversized frames", figures.oversized_frames)
        .with_value("truncated frames", figures.truncated_frames)
        .with_value("clouds of unknown type", figures.unknown_cloud_types)
        .with_value("stalls", figures.stalls)
        .with_value("server overflows", figures.server_overflows)
}

fn with_queue_values(
    status: Status,
    [messages, bytes, limit]: [&'static str; 3],
    fill: Fill,
) -> Status {
    status
        .with_value(messages, fill.items)
        .with_value(bytes, fill.bytes)
        .with_value(limit, fill.max_bytes)
}

fn state_name(state: LinkState) -> &'static str {
    match state {
        LinkState::Connecting => "connecting",
        LinkState::Connected => "connected",
        LinkState::Backoff => "waiting before the next attempt",
        LinkState::Paused => "paused",
        LinkState::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests;
