//! What the server says of itself.

use std::time::{Duration, Instant};

use super::monitor::Since;
use super::{DiagnosticsInput, Finding, Level, Status, format, loss};
use crate::connection::status::LinkState;
use crate::metrics::server_health::Overflow;
use crate::time::stamp::Stamp;
use sensr_protocol::wire::proto::system_health::Status as Master;

/// The server tells about every ten seconds. What is older is no news.
const NEWS: Duration = Duration::from_secs(60);
/// An overflow is shown for so long.
const OVERFLOW_SHOWN: Duration = Duration::from_secs(60);

/// Watches what the server says.
#[derive(Debug)]
pub(super) struct ServerWatch {
    heard: Since<Option<Stamp>>,
    link: Since<u64>,
    /// When the latest was heard of, and which it was.
    overflow: Since<Option<(Stamp, u64)>>,
}

impl ServerWatch {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            heard: Since::new(None, start),
            link: Since::new(0, start),
            overflow: Since::new(None, start),
        }
    }

    /// Also whether what the server said last still holds.
    pub(super) fn examine(&mut self, facts: &DiagnosticsInput) -> (Status, bool) {
        let staleness = self.staleness(facts);
        let is_current = staleness.is_none();
        let overflow = facts.server.overflow.as_ref();
        let overflow_age = self.overflow.note(
            facts.now,
            overflow.map(|overflow| (overflow.at, overflow.times)),
        );
        let mut judgement = match staleness {
            None => judge(master(facts)),
            Some(reason) => (Level::Stale, reason),
        };
        if let Some(overflow) = overflow {
            judgement = with_overflow(judgement, overflow, overflow_age);
        }
        (
            with_figures(Status::new("server", judgement), facts),
            is_current,
        )
    }

    /// Why what the server said last need not hold any more. None if it does.
    fn staleness(&mut self, facts: &DiagnosticsInput) -> Option<String> {
        let link = &facts.output.figures;
        let heard_at = facts.server.health.as_ref().map(|(at, _)| *at);
        let silence = self.heard.note(facts.now, heard_at);
        let link_age = self.link.note(facts.now, link.connects);
        if link.state != LinkState::Connected {
            Some("the output link is not connected".to_owned())
        } else if heard_at.is_none() {
            Some("nothing heard yet".to_owned())
        } else if silence > link_age {
            // It may be another server, or have other sensors.
            Some("nothing heard since the link is back".to_owned())
        } else if silence > NEWS {
            Some(format!("nothing heard for {}", format::span(silence)))
        } else {
            None
        }
    }
}

fn master(facts: &DiagnosticsInput) -> Option<i32> {
    facts
        .server
        .health
        .as_ref()
        .map(|(_, health)| health.master)
}

fn judge(master: Option<i32>) -> Finding {
    let status = master.and_then(|number| Master::try_from(number).ok());
    let level = match status {
        Some(Master::Ok) => Level::Ok,
        Some(Master::InternalError | Master::OutputBufferOverflow) => Level::Error,
        Some(Master::StorageShortage | Master::Slowdown | Master::None) | None => Level::Warn,
    };
    (level, master_in_words(master))
}

fn master_in_words(master: Option<i32>) -> String {
    let Some(number) = master else {
        return "unknown".to_owned();
    };
    match Master::try_from(number) {
        Ok(Master::None) | Err(_) => format!("unknown status {number}"),
        Ok(status) => status.as_str_name().to_owned(),
    }
}

/// A recent overflow is worse than anything else: it usually ends the link, and data are lost.
fn with_overflow((level, message): Finding, overflow: &Overflow, age: Duration) -> Finding {
    let age_in_words = format::span(age);
    if age <= OVERFLOW_SHOWN {
        let times = overflow.times;
        let message = format!(
            "the server's buffer for a client overflowed {age_in_words} ago ({times} so far)"
        );
        (Level::Error, message)
    } else {
        let message = format!("{message}, last overflow {age_in_words} ago");
        (level, message)
    }
}

fn with_figures(status: Status, facts: &DiagnosticsInput) -> Status {
    let heard = facts.server.health.as_ref();
    let heard = heard.map_or_else(|| "never".to_owned(), |(at, _)| at.utc());
    let overflow = facts.server.overflow.as_ref();
    let status = status
        .with("master", master_in_words(master(facts)))
        .with("heard", heard)
        .with("overflows", overflow.map_or(0, |overflow| overflow.times));
    let Some(overflow) = overflow else {
        return status;
    };
    let status = status
        .with("last overflow", overflow.at.utc())
        .with("at last overflow: queued bytes", overflow.queued_bytes);
    loss::with_accounts(status, "at last overflow: ", &overflow.accounts)
}

#[cfg(test)]
mod tests;
