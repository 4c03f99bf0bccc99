//! Diagnostic of the server: the status and buffer overflows that it reports.

use std::time::{Duration, Instant};

use super::format::format_duration;
use super::trends::StableSince;
use super::{DiagnosticsInput, Level, Status, loss};
use crate::connection::status::LinkState;
use crate::metrics::server_health::Overflow;
use crate::time::stamp::Stamp;
use sensr_protocol::wire::proto::system_health::Status as Master;

/// Age above which the latest health is outdated: the server sends it about every ten seconds.
const HEALTH_MAX_AGE: Duration = Duration::from_secs(60);
/// Time for which an overflow is an error.
const OVERFLOW_WINDOW: Duration = Duration::from_secs(60);

/// Watches the health of the server.
#[derive(Debug)]
pub(super) struct ServerDiagnostic {
    /// Receive time of the latest health.
    health: StableSince<Option<Stamp>>,
    /// Number of connects of the output link.
    connects: StableSince<u64>,
    /// Receive time and number of the latest overflow.
    overflow: StableSince<Option<(Stamp, u64)>>,
}

impl ServerDiagnostic {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            health: StableSince::new(None, start),
            connects: StableSince::new(0, start),
            overflow: StableSince::new(None, start),
        }
    }

    /// Returns the status, and whether the latest health is still valid.
    pub(super) fn assess_server(&mut self, input: &DiagnosticsInput) -> (Status, bool) {
        let stale_reason = self.stale_reason(input);
        let is_current = stale_reason.is_none();
        let overflow = input.server.overflow.as_ref();
        let overflow_age = self.overflow.record_value(
            input.now,
            overflow.map(|overflow| (overflow.at, overflow.times)),
        );
        let mut assessment = match stale_reason {
            None => assess_master(master_status(input)),
            Some(reason) => (Level::Stale, reason),
        };
        if let Some(overflow) = overflow {
            assessment = add_overflow(assessment, overflow, overflow_age);
        }
        let status = with_server_values(Status::new("server", assessment), input);
        (status, is_current)
    }

    /// Returns why the latest health may be outdated. None if it is valid.
    fn stale_reason(&mut self, input: &DiagnosticsInput) -> Option<String> {
        let link = &input.output.figures;
        let received_at = input.server.health.as_ref().map(|(at, _)| *at);
        let health_age = self.health.record_value(input.now, received_at);
        let link_age = self.connects.record_value(input.now, link.connects);
        if link.state != LinkState::Connected {
            Some("the output link is not connected".to_owned())
        } else if received_at.is_none() {
            Some("no health received yet".to_owned())
        } else if health_age > link_age {
            // The server may be another one, or have other sensors.
            Some("no health received since the last connect".to_owned())
        } else if health_age > HEALTH_MAX_AGE {
            let age = format_duration(health_age);
            Some(format!("no health received for {age}"))
        } else {
            None
        }
    }
}

fn master_status(input: &DiagnosticsInput) -> Option<i32> {
    input
        .server
        .health
        .as_ref()
        .map(|(_, health)| health.master)
}

/// Assesses the status that the server reports of itself. `None` if it has reported none.
pub(crate) fn assess_master(master: Option<i32>) -> (Level, String) {
    let status = master.and_then(|number| Master::try_from(number).ok());
    let level = match status {
        Some(Master::Ok) => Level::Ok,
        Some(Master::InternalError | Master::OutputBufferOverflow) => Level::Error,
        Some(Master::StorageShortage | Master::Slowdown | Master::None) | None => Level::Warn,
    };
    (level, describe_master(master))
}

fn describe_master(master: Option<i32>) -> String {
    let Some(number) = master else {
        return "unknown".to_owned();
    };
    match Master::try_from(number) {
        Ok(Master::None) | Err(_) => format!("unknown status {number}"),
        Ok(status) => status.as_str_name().to_owned(),
    }
}

/// Makes a recent overflow an error, as it usually ends the link and loses data, and mentions an older one.
fn add_overflow(
    (level, message): (Level, String),
    overflow: &Overflow,
    age: Duration,
) -> (Level, String) {
    let time_ago = format_duration(age);
    if age <= OVERFLOW_WINDOW {
        let times = overflow.times;
        let message = format!(
            "the server's buffer for a client overflowed {time_ago} ago ({times} since the start)"
        );
        (Level::Error, message)
    } else {
        let message = format!("{message}, last overflow {time_ago} ago");
        (level, message)
    }
}

fn with_server_values(status: Status, input: &DiagnosticsInput) -> Status {
    let health = input.server.health.as_ref();
    let last_health = health.map_or_else(|| "never".to_owned(), |(at, _)| at.utc());
    let overflow = input.server.overflow.as_ref();
    let status = status
        .with_value("master", describe_master(master_status(input)))
        .with_value("last health", last_health)
        .with_value("overflows", overflow.map_or(0, |overflow| overflow.times));
    let Some(overflow) = overflow else {
        return status;
    };
    let status = status
        .with_value("last overflow", overflow.at.utc())
        .with_value("at last overflow: queued bytes", overflow.queued_bytes);
    loss::with_accounts(
        status,
        "at last overflow: ",
        &overflow.accounts,
        &input.sensor_topics,
    )
}

#[cfg(test)]
mod tests;
