//! Diagnostic of the clocks: offset between the server's and this machine's, jumps, invalid times, standstill.

use std::time::{Duration, Instant};

use super::format::{format_abs_ns, format_duration};
use super::trends::{History, Hysteresis, StableSince, ns_to_seconds};
use super::{DiagnosticsInput, Level, Status};
use crate::config::StampSource;
use crate::time::clock_offset::Estimate;

/// Time for which a jump or an invalid time is shown.
const WINDOW: Duration = Duration::from_secs(60);
/// Offset above which the clocks differ too much, seconds.
const MAX_OFFSET: f64 = 1.0;
/// Offset below which they agree again, seconds.
const RECOVERED_OFFSET: f64 = 0.8;

/// Watches the clocks.
#[derive(Debug)]
pub(super) struct ClockDiagnostic {
    jumps: StableSince<u64>,
    invalid: History<u64>,
    has_large_offset: Hysteresis,
}

impl ClockDiagnostic {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            jumps: StableSince::new(0, start),
            invalid: History::starting_with(WINDOW, start, 0),
            has_large_offset: Hysteresis::new(MAX_OFFSET, RECOVERED_OFFSET),
        }
    }

    pub(super) fn assess_clock(&mut self, input: &DiagnosticsInput) -> Status {
        let warnings = [
            self.warn_of_offset(input),
            self.warn_of_jump(input),
            self.warn_of_invalid_times(input),
            warn_of_frozen_clock(input),
        ];
        let warnings: Vec<String> = warnings.into_iter().flatten().collect();
        let assessment = if warnings.is_empty() {
            describe_offset(input)
        } else {
            (Level::Warn, warnings.join("; "))
        };
        with_clock_values(Status::new("clock", assessment), input)
    }

    fn warn_of_offset(&mut self, input: &DiagnosticsInput) -> Option<String> {
        let source = input.config.stamp_source;
        let Some(estimate) = input.clock else {
            let is_needed = source == StampSource::Server && input.points.figures.frames > 0;
            return is_needed.then(|| {
                "the server's clock is not known yet: clouds are stamped with this machine's"
                    .to_owned()
            });
        };
        let offset_seconds = ns_to_seconds(estimate.offset_ns).abs();
        if !self.has_large_offset.update_state(offset_seconds) {
            return None;
        }
        let offset = format_offset(estimate.offset_ns);
        let consequence = match source {
            StampSource::Receive => "stamps use this machine's clock and are not affected",
            StampSource::Server => "stamps use the server's clock",
        };
        Some(format!("{offset}, {consequence}"))
    }

    fn warn_of_jump(&mut self, input: &DiagnosticsInput) -> Option<String> {
        let anomalies = input.anomalies;
        let age = self.jumps.record_value(input.now, anomalies.jumps);
        (anomalies.jumps > 0 && age <= WINDOW).then(|| {
            format!(
                "a clock jumped by {}, {} ago",
                format_abs_ns(anomalies.last_jump_ns),
                format_duration(age)
            )
        })
    }

    fn warn_of_invalid_times(&mut self, input: &DiagnosticsInput) -> Option<String> {
        let total = input.anomalies.invalid;
        let (_, before) = self.invalid.record_sample(input.now, total);
        let count = total.saturating_sub(before);
        (count > 0).then(|| {
            format!(
                "{count} messages without a usable time in the last {}",
                format_duration(WINDOW)
            )
        })
    }
}

fn warn_of_frozen_clock(input: &DiagnosticsInput) -> Option<String> {
    let warning = "the server's clock is frozen: check the time synchronization of the server";
    input.anomalies.is_frozen.then(|| warning.to_owned())
}

fn describe_offset(input: &DiagnosticsInput) -> (Level, String) {
    match input.clock {
        Some(estimate) => (Level::Ok, format_offset(estimate.offset_ns)),
        None => (Level::Stale, "offset not known yet".to_owned()),
    }
}

/// Describes an offset, this machine's clock minus the server's.
fn format_offset(offset_ns: i64) -> String {
    let side = if offset_ns < 0 { "ahead of" } else { "behind" };
    let offset = format_abs_ns(offset_ns);
    format!("the server's clock is {offset} {side} this machine's")
}

fn with_clock_values(status: Status, input: &DiagnosticsInput) -> Status {
    let or_unknown =
        |format: fn(Estimate) -> String| input.clock.map_or_else(|| "unknown".to_owned(), format);
    let anomalies = input.anomalies;
    let source = match input.config.stamp_source {
        StampSource::Receive => "receive",
        StampSource::Server => "server",
    };
    status
        .with_value(
            "offset, this machine's minus the server's (s)",
            or_unknown(|clock| format!("{:.6}", ns_to_seconds(clock.offset_ns))),
        )
        .with_value(
            "spread (s)",
            or_unknown(|clock| format!("{:.6}", ns_to_seconds(clock.spread_ns))),
        )
        .with_value(
            "drift (ppm)",
            or_unknown(|clock| format!("{:.2}", clock.drift_ppm)),
        )
        .with_value("jumps", anomalies.jumps)
        .with_value(
            "last jump (s)",
            format!("{:.6}", ns_to_seconds(anomalies.last_jump_ns)),
        )
        .with_value("messages older than the previous one", anomalies.backward)
        .with_value("messages without a usable time", anomalies.invalid)
        .with_value("messages with an outlying time", anomalies.outliers)
        .with_value("server's clock is frozen", anomalies.is_frozen)
        .with_value("stamp_source", source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::sample_input::SampleInput;
    use std::sync::Arc;

    struct Fixture {
        sample: SampleInput,
        diagnostic: ClockDiagnostic,
    }

    impl Fixture {
        fn new(stamp_source: StampSource) -> Self {
            let mut sample = SampleInput::new();
            let config = sample
                .input
                .config
                .with_changes(|config| config.stamp_source = stamp_source);
            sample.input.config = Arc::new(config);
            let diagnostic = ClockDiagnostic::new(sample.start);
            Self { sample, diagnostic }
        }

        fn assess_after(&mut self, seconds: u64) -> Status {
            self.sample.advance_time(seconds);
            self.diagnostic.assess_clock(&self.sample.input)
        }

        fn assess_offset(&mut self, ms: i64) -> Status {
            let clock = self.sample.input.clock.as_mut().expect("known");
            clock.offset_ns = ms * 1_000_000;
            self.assess_after(1)
        }
    }

    #[test]
    fn clocks_that_agree_are_ok() {
        let status = Fixture::new(StampSource::Receive).assess_after(1);
        assert_eq!(status.level, Level::Ok);
        assert_eq!(
            status.message,
            "the server's clock is 2 ms behind this machine's"
        );
        assert_eq!(status.values[0].1, "0.002000");
    }

    #[test]
    fn a_large_offset_is_a_warning_until_it_is_small_again() {
        let mut fixture = Fixture::new(StampSource::Receive);
        let days = fixture.assess_offset(273_600_000);
        assert_eq!(days.level, Level::Warn);
        assert_eq!(
            days.message,
            "the server's clock is 3 d 4 h behind this machine's, stamps use this machine's clock and are not affected"
        );
        let levels = [900, 700, 900, -1100].map(|ms| fixture.assess_offset(ms).level);
        assert_eq!(levels, [Level::Warn, Level::Ok, Level::Ok, Level::Warn]);
        let mut fixture = Fixture::new(StampSource::Server);
        let message = fixture.assess_offset(-2500).message;
        assert_eq!(
            message,
            "the server's clock is 2.5 s ahead of this machine's, stamps use the server's clock"
        );
    }

    #[test]
    fn a_jump_is_shown_for_a_minute() {
        let mut fixture = Fixture::new(StampSource::Receive);
        fixture.sample.input.anomalies.jumps = 1;
        fixture.sample.input.anomalies.last_jump_ns = -3_000_000_000;
        assert_eq!(fixture.assess_after(1).level, Level::Warn);
        assert_eq!(
            fixture.assess_after(59).message,
            "a clock jumped by 3.0 s, 59 s ago"
        );
        assert_eq!(fixture.assess_after(2).level, Level::Ok);
    }

    #[test]
    fn invalid_times_are_shown_for_a_minute() {
        let mut fixture = Fixture::new(StampSource::Receive);
        fixture.sample.input.anomalies.invalid = 4;
        let status = fixture.assess_after(1);
        assert_eq!(status.level, Level::Warn);
        assert!(status.message.starts_with("4 messages without"));
        assert_eq!(fixture.assess_after(62).level, Level::Ok);
    }

    #[test]
    fn a_frozen_clock_is_a_warning_while_it_is_frozen() {
        let mut fixture = Fixture::new(StampSource::Receive);
        fixture.sample.input.anomalies.is_frozen = true;
        let status = fixture.assess_after(1);
        assert_eq!(status.level, Level::Warn);
        assert!(status.message.contains("is frozen"), "{}", status.message);
        fixture.sample.input.anomalies.is_frozen = false;
        assert_eq!(fixture.assess_after(1).level, Level::Ok);
    }

    #[test]
    fn an_unknown_clock_is_a_warning_only_if_stamps_use_it() {
        for (source, expected) in [
            (StampSource::Receive, Level::Stale),
            (StampSource::Server, Level::Warn),
        ] {
            let mut fixture = Fixture::new(source);
            fixture.sample.input.clock = None;
            assert_eq!(fixture.assess_after(1).level, Level::Stale);
            fixture.sample.input.points.figures.frames = 1;
            let status = fixture.assess_after(1);
            assert_eq!(status.level, expected);
            assert_eq!(status.values[0].1, "unknown");
        }
    }
}
