use super::*;
use crate::diagnostics::sample_input::SampleInput;

struct Fixture {
    sample: SampleInput,
    diagnostic: RateDiagnostic,
}

impl Fixture {
    fn new() -> Self {
        let sample = SampleInput::new();
        let diagnostic = RateDiagnostic::new(sample.start);
        Self { sample, diagnostic }
    }

    /// Returns the status of `points/raw` in each of `seconds`, with `messages` in each.
    fn run_seconds(&mut self, seconds: u64, messages: u64) -> Vec<Status> {
        let second = |_| {
            self.sample.advance_time(1);
            self.sample.input.accounts[Topic::Raw.index()].received += messages;
            self.sample.input.accounts[Topic::Raw.index()].published += messages / 2;
            self.diagnostic.assess_rates(&self.sample.input).next()
        };
        (0..seconds).filter_map(second).collect()
    }

    fn last_status(&mut self, seconds: u64, messages: u64) -> Status {
        self.run_seconds(seconds, messages).pop().expect("reported")
    }

    fn points_link(&mut self) -> &mut LinkFigures {
        &mut self.sample.input.points.figures
    }
}

fn all_ok(statuses: &[Status]) -> bool {
    statuses.iter().all(|status| status.level == Level::Ok)
}

#[test]
fn topics_without_messages_are_not_reported() {
    let mut fixture = Fixture::new();
    assert!(fixture.run_seconds(5, 0).is_empty());
    assert_eq!(fixture.last_status(1, 10).task, "rate of points/raw");
    fixture.sample.input.accounts[Topic::Objects.index()].received = 1;
    assert_eq!(
        fixture
            .diagnostic
            .assess_rates(&fixture.sample.input)
            .count(),
        2
    );
}

#[test]
fn a_steady_rate_is_learned_and_ok() {
    let mut fixture = Fixture::new();
    let status = fixture.last_status(5, 10);
    assert_eq!(status.message, "10.0 Hz, usual rate not known yet");
    let statuses = fixture.run_seconds(600, 10);
    assert!(all_ok(&statuses));
    let status = statuses.last().expect("at least one status");
    assert_eq!(status.message, "10.0 Hz");
    let values: Vec<&str> = status.values.iter().map(|(_, value)| &**value).collect();
    assert_eq!(values, ["10.00", "10.00", "5.00"]);
}

#[test]
fn an_unusual_rate_is_a_warning_until_it_recovers() {
    let mut fixture = Fixture::new();
    fixture.run_seconds(100, 10);
    let dip = fixture.run_seconds(1, 0);
    assert!(
        all_ok(&dip) && all_ok(&fixture.run_seconds(20, 10)),
        "one bad second"
    );
    let status = fixture.last_status(10, 4);
    assert_eq!(status.level, Level::Warn);
    assert!(
        status.message.starts_with("4.0 Hz, usually 9."),
        "{status:?}"
    );
    assert_eq!(
        fixture.last_status(10, 7).level,
        Level::Warn,
        "not recovered yet"
    );
    assert_eq!(fixture.last_status(10, 10).level, Level::Ok);
    assert_eq!(fixture.last_status(10, 25).level, Level::Warn);
    assert_eq!(fixture.last_status(20, 10).level, Level::Ok);
}

#[test]
fn silence_is_an_error_and_never_becomes_usual() {
    let mut fixture = Fixture::new();
    fixture.run_seconds(100, 10);
    let status = fixture.last_status(10, 0);
    assert_eq!(status.level, Level::Error);
    assert!(
        status
            .message
            .starts_with("no messages for 10 s, usually 10.0 Hz"),
        "{status:?}"
    );
    assert_eq!(fixture.last_status(280, 0).level, Level::Error);
    assert_eq!(fixture.last_status(3600, 0).level, Level::Warn);
    let back = fixture.run_seconds(30, 10);
    assert_eq!(back.last().expect("at least one status").level, Level::Ok);
    assert!(
        all_ok(&fixture.run_seconds(100, 10)),
        "the usual rate is still 10 Hz"
    );
}

#[test]
fn a_lasting_rate_becomes_usual() {
    for messages in [4, 30] {
        let mut fixture = Fixture::new();
        fixture.run_seconds(100, 10);
        assert_eq!(fixture.last_status(290, messages).level, Level::Warn);
        assert_eq!(fixture.last_status(30, messages).level, Level::Ok);
        assert!(all_ok(&fixture.run_seconds(100, messages)));
    }
}

#[test]
fn a_stream_that_starts_late_is_no_alarm() {
    let mut fixture = Fixture::new();
    fixture.run_seconds(1, 1);
    fixture.run_seconds(12, 0);
    assert!(all_ok(&fixture.run_seconds(300, 10)));
}

#[test]
fn rare_messages_are_assessed_over_a_longer_window_or_not_at_all() {
    let mut fixture = Fixture::new();
    for _ in 0..100 {
        fixture.run_seconds(1, 1);
        assert!(all_ok(&fixture.run_seconds(3, 0)));
    }
    assert!(
        fixture
            .run_seconds(50, 0)
            .iter()
            .any(|status| status.level == Level::Error)
    );
    let mut fixture = Fixture::new();
    for _ in 0..20 {
        fixture.run_seconds(1, 1);
        assert!(all_ok(&fixture.run_seconds(30, 0)));
    }
}

#[test]
fn rates_are_stale_while_the_link_is_down() {
    let mut fixture = Fixture::new();
    fixture.run_seconds(100, 10);
    fixture.points_link().state = LinkState::Backoff;
    let lost = fixture.run_seconds(400, 0);
    assert!(lost.iter().all(|status| status.level == Level::Stale));
    fixture.points_link().state = LinkState::Connected;
    fixture.points_link().connects += 1;
    assert!(all_ok(&fixture.run_seconds(100, 10)));
    fixture.points_link().connects += 1;
    assert!(
        all_ok(&fixture.run_seconds(4, 0)),
        "a reconnect between two assessments"
    );
    assert_eq!(
        fixture.last_status(10, 4).level,
        Level::Warn,
        "the usual rate is still 10 Hz"
    );
}

#[test]
fn another_server_has_another_usual_rate() {
    let mut fixture = Fixture::new();
    fixture.run_seconds(100, 10);
    fixture.points_link().url = "ws://192.0.2.11:5051/".to_owned();
    assert!(
        fixture.run_seconds(100, 0).is_empty(),
        "may not send such clouds at all"
    );
    assert!(all_ok(&fixture.run_seconds(100, 2)));
}
