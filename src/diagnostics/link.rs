//! Whether a link is there, and brings anything.

use std::time::{Duration, Instant};

use super::monitor::{History, Since};
use super::{Finding, Level, LinkInput, Status, format};
use crate::connection::status::{LinkFigures, LinkState};
use crate::metrics::Fill;
use crate::time::stamp::Stamp;

/// A link may be away for so long before it is an error: a server that restarts its stream is back by then.
const GRACE: Duration = Duration::from_secs(3);
/// Nothing for so long is suspicious: SENSR sends about ten messages a second. What is wrong is for the link to
/// say, which knows `stall_timeout`.
const QUIET: Duration = Duration::from_secs(5);
/// What went wrong is shown for so long.
const WINDOW: Duration = Duration::from_secs(60);
/// A link lost so often within [`WINDOW`] is no good even while it stands.
const LOST_TOO_OFTEN: u64 = 3;

/// Watches one link.
#[derive(Debug)]
pub(super) struct LinkWatch {
    task: &'static str,
    /// The server.
    url: String,
    /// Links and frames so far: a new link has as much time to bring its first frame as any other.
    activity: Since<(u64, u64)>,
    down: Option<Down>,
    troubles: History<Troubles>,
}

/// There is no link that has proved itself by a frame.
#[derive(Debug, Clone, Copy)]
struct Down {
    since: Instant,
    /// As many as there were then.
    frames: u64,
}

/// Counters that should stand still.
#[derive(Debug, Clone, Copy, Default)]
struct Troubles {
    losses: u64,
    undecodable_frames: u64,
    undecodable_parts: u64,
    oversized_frames: u64,
    truncated_frames: u64,
    server_overflows: u64,
}

impl LinkWatch {
    pub(super) fn new(task: &'static str, start: Instant) -> Self {
        Self {
            task,
            url: String::new(),
            activity: Since::new((0, 0), start),
            down: Some(Down {
                since: start,
                frames: 0,
            }),
            troubles: History::starting_with(WINDOW, start, Troubles::default()),
        }
    }

    pub(super) fn examine(&mut self, now: Instant, link: &LinkInput) -> Status {
        let figures = &link.figures;
        self.follow(now, figures);
        let quiet = self.activity.note(now, (figures.connects, figures.frames));
        let total = Troubles::of(figures);
        let (_, before) = self.troubles.note(now, total);
        let troubles = total.since(before);
        let judgement = match figures.state {
            LinkState::Connected => self.judge_connected(now, figures, quiet, troubles),
            LinkState::Connecting | LinkState::Backoff => self.judge_down(now, figures),
            LinkState::Paused => {
                // Being away on purpose is no fault, and ends with a link that has as much time as any other.
                self.down = None;
                (Level::Warn, "paused by ~/set_enabled".to_owned())
            }
            LinkState::Stopped => (Level::Warn, "stopped".to_owned()),
        };
        let status = with_figures(Status::new(self.task, judgement), figures);
        let status = with_fill(status, "", link.queue);
        match link.reliable {
            Some(reliable) => with_fill(status, "events ", reliable),
            None => status,
        }
    }

    /// Another server has as much time to answer as the first, and no troubles yet.
    fn follow(&mut self, now: Instant, figures: &LinkFigures) {
        if self.url == figures.url {
            return;
        }
        if !self.url.is_empty() {
            self.down = Some(Down {
                since: now,
                frames: figures.frames,
            });
            self.troubles = History::starting_with(WINDOW, now, Troubles::of(figures));
        }
        self.url.clone_from(&figures.url);
    }

    fn judge_connected(
        &mut self,
        now: Instant,
        figures: &LinkFigures,
        quiet: Duration,
        troubles: Troubles,
    ) -> Finding {
        if figures.is_silent || quiet > QUIET {
            let level = if figures.is_silent {
                // It stays an error while the link is given up and made anew.
                self.down.get_or_insert(Down {
                    since: now.checked_sub(quiet).unwrap_or(now),
                    frames: figures.frames,
                });
                Level::Error
            } else {
                Level::Warn
            };
            let quiet = format::span(quiet);
            return (level, format!("connected, but no data for {quiet}"));
        }
        if self.down.is_some_and(|down| down.frames == figures.frames) {
            // An error stays one until data comes: a server that accepts and closes again is not back.
            let is_over = self.is_away_too_long(now);
            let level = if is_over { Level::Error } else { Level::Warn };
            return (level, "connected, waiting for the first data".to_owned());
        }
        self.down = None;
        match troubles.in_words() {
            Some(troubles) => {
                let window = format::span(WINDOW);
                (
                    Level::Warn,
                    format!("connected, but in the last {window}: {troubles}"),
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

    fn judge_down(&mut self, now: Instant, figures: &LinkFigures) -> Finding {
        let down = *self.down.get_or_insert(Down {
            since: now,
            frames: figures.frames,
        });
        let away = format::span(now.duration_since(down.since));
        let reason = match &*figures.last_error {
            "" => String::new(),
            error => format!(": {error}"),
        };
        let level = if self.is_away_too_long(now) {
            Level::Error
        } else {
            Level::Warn
        };
        (level, format!("not connected for {away}{reason}"))
    }

    fn is_away_too_long(&self, now: Instant) -> bool {
        self.down
            .is_some_and(|down| now.duration_since(down.since) >= GRACE)
    }
}

impl Troubles {
    fn of(figures: &LinkFigures) -> Self {
        Self {
            losses: figures.disconnects,
            undecodable_frames: figures.undecodable_frames,
            undecodable_parts: figures.undecodable_parts,
            oversized_frames: figures.oversized_frames,
            truncated_frames: figures.truncated_frames,
            server_overflows: figures.server_overflows,
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            losses: self.losses.saturating_sub(before.losses),
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

    /// None if there are none. One loss is none: the link is back.
    fn in_words(self) -> Option<String> {
        let mut troubles = Vec::new();
        if self.losses >= LOST_TOO_OFTEN {
            troubles.push(format!("lost {} times", self.losses));
        }
        let counts = [
            (self.undecodable_frames, "undecodable frames"),
            (self.undecodable_parts, "undecodable parts of frames"),
            (self.oversized_frames, "frames over the size limit"),
            (self.truncated_frames, "frames cut off by the end of a link"),
            (
                self.server_overflows,
                "times SENSR threw data away because its buffer for us was full",
            ),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        troubles.extend(counts.map(|(count, what)| format!("{count} {what}")));
        (!troubles.is_empty()).then(|| troubles.join(", "))
    }
}

fn with_figures(status: Status, figures: &LinkFigures) -> Status {
    let since = if figures.state_since == Stamp::default() {
        String::new()
    } else {
        figures.state_since.utc()
    };
    status
        .with("state", state_name(figures.state))
        .with("since", since)
        .with("url", &figures.url)
        .with("connects", figures.connects)
        .with("disconnects", figures.disconnects)
        .with("failed attempts", figures.failed_attempts)
        .with("last error", &figures.last_error)
        .with("frames", figures.frames)
        .with("bytes", figures.bytes)
        .with("undecodable frames", figures.undecodable_frames)
        .with("undecodable parts", figures.undecodable_parts)
        .with("texts that are not UTF-8", figures.invalid_texts)
        .with("text frames", figures.text_frames)
        .with("oversized frames", figures.oversized_frames)
        .with("cut frames", figures.truncated_frames)
        .with("clouds of unknown type", figures.unknown_cloud_types)
        .with("stalls", figures.stalls)
        .with("server overflows", figures.server_overflows)
}

fn with_fill(status: Status, prefix: &str, fill: Fill) -> Status {
    status
        .with(format!("{prefix}queued messages"), fill.items)
        .with(format!("{prefix}queued bytes"), fill.bytes)
        .with(format!("{prefix}queue limit (bytes)"), fill.max_bytes)
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
