//! Whether the server's clock and ours agree.

use std::time::{Duration, Instant};

use super::monitor::{History, Latch, Since, seconds};
use super::{DiagnosticsInput, Finding, Level, Status, format};
use crate::config::StampSource;

/// A jump, or a message without a time, is shown for so long.
const WINDOW: Duration = Duration::from_secs(60);
/// The clocks may differ by so many seconds …
const OFFSET_LIMIT: f64 = 1.0;
/// … and agree again below so many.
const OFFSET_FALL: f64 = 0.8;

/// Watches the clocks.
#[derive(Debug)]
pub(super) struct ClockWatch {
    jumps: Since<u64>,
    invalid: History<u64>,
    is_far: Latch,
}

impl ClockWatch {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            jumps: Since::new(0, start),
            invalid: History::starting_with(WINDOW, start, 0),
            is_far: Latch::new(OFFSET_LIMIT, OFFSET_FALL),
        }
    }

    pub(super) fn examine(&mut self, facts: &DiagnosticsInput) -> Status {
        let warnings = [
            self.offset_warning(facts),
            self.jump_warning(facts),
            self.invalid_warning(facts),
            standing_warning(facts),
        ];
        let warnings: Vec<String> = warnings.into_iter().flatten().collect();
        let judgement = if warnings.is_empty() {
            all_well(facts)
        } else {
            (Level::Warn, warnings.join("; "))
        };
        with_figures(Status::new("clock", judgement), facts)
    }

    fn offset_warning(&mut self, facts: &DiagnosticsInput) -> Option<String> {
        let source = facts.config.stamp_source;
        let Some(estimate) = facts.clock else {
            let are_clouds_ours = source == StampSource::Server && facts.points.figures.frames > 0;
            return are_clouds_ours.then(|| {
                "nothing is known of the server's clock: clouds are stamped with ours".to_owned()
            });
        };
        if !self.is_far.note(seconds(estimate.offset_ns).abs()) {
            return None;
        }
        let consequence = match source {
            StampSource::Receive => "stamps are ours, so it does no harm",
            StampSource::Server => "and stamps are the server's",
        };
        Some(format!("{}, {consequence}", offset(estimate.offset_ns)))
    }

    fn jump_warning(&mut self, facts: &DiagnosticsInput) -> Option<String> {
        let anomalies = facts.anomalies;
        let age = self.jumps.note(facts.now, anomalies.jumps);
        (anomalies.jumps > 0 && age <= WINDOW).then(|| {
            format!(
                "a clock jumped by {} {} ago",
                format::span_ns(anomalies.last_jump_ns),
                format::span(age)
            )
        })
    }

    fn invalid_warning(&mut self, facts: &DiagnosticsInput) -> Option<String> {
        let (_, before) = self.invalid.note(facts.now, facts.anomalies.invalid);
        let count = facts.anomalies.invalid.saturating_sub(before);
        (count > 0).then(|| {
            format!(
                "{count} messages without a usable time in the last {}",
                format::span(WINDOW)
            )
        })
    }
}

fn standing_warning(facts: &DiagnosticsInput) -> Option<String> {
    let warning = "the server's clock stands still: check the time synchronization of the server";
    facts.anomalies.is_frozen.then(|| warning.to_owned())
}

fn all_well(facts: &DiagnosticsInput) -> Finding {
    match facts.clock {
        Some(estimate) => (Level::Ok, offset(estimate.offset_ns)),
        None => (Level::Stale, "nothing known yet".to_owned()),
    }
}

/// `offset_ns` is ours minus the server's.
fn offset(offset_ns: i64) -> String {
    let side = if offset_ns < 0 { "ahead of" } else { "behind" };
    let span = format::span_ns(offset_ns);
    format!("the server's clock is {span} {side} ours")
}

fn with_figures(status: Status, facts: &DiagnosticsInput) -> Status {
    let of_estimate = |figure: fn(crate::time::clock_offset::Estimate) -> String| {
        facts.clock.map_or_else(|| "unknown".to_owned(), figure)
    };
    let anomalies = facts.anomalies;
    let source = match facts.config.stamp_source {
        StampSource::Receive => "receive",
        StampSource::Server => "server",
    };
    status
        .with(
            "offset, ours minus the server's (s)",
            of_estimate(|clock| format!("{:.6}", seconds(clock.offset_ns))),
        )
        .with(
            "spread (s)",
            of_estimate(|clock| format!("{:.6}", seconds(clock.spread_ns))),
        )
        .with(
            "drift (ppm)",
            of_estimate(|clock| format!("{:.2}", clock.drift_ppm)),
        )
        .with("jumps", anomalies.jumps)
        .with(
            "last jump (s)",
            format!("{:.6}", seconds(anomalies.last_jump_ns)),
        )
        .with("messages older than the one before", anomalies.backward)
        .with("messages without a usable time", anomalies.invalid)
        .with("messages with a time of their own", anomalies.outliers)
        .with("server's clock stands still", anomalies.is_frozen)
        .with("stamp_source", source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::diagnostics::sample_input::SampleInput;
    use std::sync::Arc;

    struct Fixture {
        world: SampleInput,
        watch: ClockWatch,
    }

    impl Fixture {
        fn new(stamp_source: StampSource) -> Self {
            let mut world = SampleInput::new();
            world.facts.config = Arc::new(Config {
                stamp_source,
                ..Config::default()
            });
            let watch = ClockWatch::new(world.start);
            Self { world, watch }
        }

        fn look(&mut self, seconds: u64) -> Status {
            self.world.pass(seconds);
            self.watch.examine(&self.world.facts)
        }

        fn look_at_offset(&mut self, ms: i64) -> Status {
            let clock = self.world.facts.clock.as_mut().expect("known");
            clock.offset_ns = ms * 1_000_000;
            self.look(1)
        }
    }

    #[test]
    fn clocks_that_agree_are_well() {
        let status = Fixture::new(StampSource::Receive).look(1);
        assert_eq!(status.level, Level::Ok);
        assert_eq!(status.message, "the server's clock is 2 ms behind ours");
        assert_eq!(status.values[0].1, "0.002000");
    }

    #[test]
    fn clocks_far_apart_are_warned_of_until_they_are_near_again() {
        let mut fixture = Fixture::new(StampSource::Receive);
        let days = fixture.look_at_offset(273_600_000);
        assert_eq!(days.level, Level::Warn);
        assert_eq!(
            days.message,
            "the server's clock is 3 d 4 h behind ours, stamps are ours, so it does no harm"
        );
        let levels = [900, 700, 900, -1100].map(|ms| fixture.look_at_offset(ms).level);
        assert_eq!(levels, [Level::Warn, Level::Ok, Level::Ok, Level::Warn]);
        let mut fixture = Fixture::new(StampSource::Server);
        let message = fixture.look_at_offset(-2500).message;
        assert_eq!(
            message,
            "the server's clock is 2.5 s ahead of ours, and stamps are the server's"
        );
    }

    #[test]
    fn a_jump_is_shown_for_a_minute() {
        let mut fixture = Fixture::new(StampSource::Receive);
        fixture.world.facts.anomalies.jumps = 1;
        fixture.world.facts.anomalies.last_jump_ns = -3_000_000_000;
        assert_eq!(fixture.look(1).level, Level::Warn);
        assert_eq!(fixture.look(59).message, "a clock jumped by 3.0 s 59 s ago");
        assert_eq!(fixture.look(2).level, Level::Ok);
    }

    #[test]
    fn messages_without_a_time_are_shown_for_a_minute() {
        let mut fixture = Fixture::new(StampSource::Receive);
        fixture.world.facts.anomalies.invalid = 4;
        let status = fixture.look(1);
        assert_eq!(status.level, Level::Warn);
        assert!(status.message.starts_with("4 messages without"));
        assert_eq!(fixture.look(62).level, Level::Ok);
    }

    #[test]
    fn a_clock_that_stands_still_is_warned_of_as_long_as_it_does() {
        let mut fixture = Fixture::new(StampSource::Receive);
        fixture.world.facts.anomalies.is_frozen = true;
        let status = fixture.look(1);
        assert_eq!(status.level, Level::Warn);
        assert!(
            status.message.contains("stands still"),
            "{}",
            status.message
        );
        fixture.world.facts.anomalies.is_frozen = false;
        assert_eq!(fixture.look(1).level, Level::Ok);
    }

    #[test]
    fn an_unknown_clock_matters_only_to_stamps_that_are_made_of_it() {
        for (source, expected) in [
            (StampSource::Receive, Level::Stale),
            (StampSource::Server, Level::Warn),
        ] {
            let mut fixture = Fixture::new(source);
            fixture.world.facts.clock = None;
            assert_eq!(fixture.look(1).level, Level::Stale);
            fixture.world.facts.points.figures.frames = 1;
            let status = fixture.look(1);
            assert_eq!(status.level, expected);
            assert_eq!(status.values[0].1, "unknown");
        }
    }
}
