use super::*;
use crate::diagnostics::sample_input::{self, SampleInput, stamp_at};
use crate::topic::Topic;
use sensr_protocol::health::SystemHealth;

struct Fixture {
    sample: SampleInput,
    diagnostic: ServerDiagnostic,
    second: i32,
}

impl Fixture {
    fn new() -> Self {
        let sample = SampleInput::new();
        let diagnostic = ServerDiagnostic::new(sample.start);
        let second = 0;
        Self {
            sample,
            diagnostic,
            second,
        }
    }

    fn assess_after(&mut self, seconds: u64) -> (Level, String, bool) {
        self.sample.advance_time(seconds);
        let (status, is_current) = self.diagnostic.assess_server(&self.sample.input);
        (status.level, status.message, is_current)
    }

    fn receive_health(&mut self, master: i32) -> (Level, String, bool) {
        self.second += 1;
        let health = SystemHealth {
            master,
            ..sample_input::healthy_system()
        };
        self.sample.input.server.health = Some((stamp_at(self.second), health));
        self.assess_after(1)
    }

    fn report_overflow(&mut self) {
        let server = &mut self.sample.input.server;
        let times = server
            .overflow
            .as_ref()
            .map_or(0, |overflow| overflow.times);
        let mut accounts = self.sample.input.accounts;
        accounts[Topic::Objects.index()].received = 17;
        server.overflow = Some(Overflow {
            at: stamp_at(0),
            times: times + 1,
            accounts,
            queued_bytes: 12_345,
        });
    }

    fn set_link_state(&mut self, state: LinkState) {
        let figures = &mut self.sample.input.output.figures;
        figures.state = state;
        figures.connects += u64::from(state == LinkState::Connected);
    }
}

#[test]
fn messages_are_sensrs_status_names() {
    let cases = [
        (1, Level::Ok, "OK"),
        (2, Level::Warn, "STORAGE_SHORTAGE"),
        (3, Level::Warn, "SLOWDOWN"),
        (4, Level::Error, "INTERNAL_ERROR"),
        (5, Level::Error, "OUTPUT_BUFFER_OVERFLOW"),
        (0, Level::Warn, "unknown status 0"),
        (77, Level::Warn, "unknown status 77"),
    ];
    let mut fixture = Fixture::new();
    for (master, level, message) in cases {
        assert_eq!(
            fixture.receive_health(master),
            (level, message.to_owned(), true)
        );
    }
}

#[test]
fn outdated_health_is_stale() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.assess_after(1).1, "no health received yet");
    assert_eq!(fixture.receive_health(1).0, Level::Ok);
    assert_eq!(fixture.assess_after(60).0, Level::Ok);
    let silent = fixture.assess_after(30);
    assert_eq!(
        silent,
        (
            Level::Stale,
            "no health received for 90 s".to_owned(),
            false
        )
    );
    assert_eq!(fixture.receive_health(1).0, Level::Ok);
    fixture.set_link_state(LinkState::Backoff);
    let (level, message, is_current) = fixture.assess_after(1);
    assert_eq!((level, is_current), (Level::Stale, false));
    assert_eq!(message, "the output link is not connected");
    fixture.set_link_state(LinkState::Connected);
    assert_eq!(
        fixture.assess_after(1).1,
        "no health received since the last connect"
    );
    assert_eq!(
        fixture.receive_health(1),
        (Level::Ok, "OK".to_owned(), true)
    );
}

#[test]
fn an_overflow_is_an_error_for_a_minute_even_if_it_ends_the_link() {
    let mut fixture = Fixture::new();
    fixture.receive_health(1);
    fixture.report_overflow();
    fixture.set_link_state(LinkState::Backoff);
    let (level, message, is_current) = fixture.assess_after(1);
    assert_eq!((level, is_current), (Level::Error, false));
    assert_eq!(
        message,
        "the server's buffer for a client overflowed 0 ms ago (1 since the start)"
    );
    fixture.set_link_state(LinkState::Connected);
    assert_eq!(fixture.receive_health(1).0, Level::Error);
    fixture.assess_after(40);
    fixture.report_overflow();
    assert_eq!(fixture.receive_health(1).0, Level::Error);
    assert!(
        fixture
            .assess_after(30)
            .1
            .ends_with("overflowed 30 s ago (2 since the start)")
    );
    fixture.receive_health(1);
    fixture.assess_after(690);
    assert_eq!(
        fixture.receive_health(1),
        (Level::Ok, "OK, last overflow 12 min ago".to_owned(), true)
    );
}

#[test]
fn an_overflow_shows_the_bridges_counters_at_that_moment() {
    let mut fixture = Fixture::new();
    fixture.receive_health(1);
    fixture.report_overflow();
    fixture.sample.input.accounts[Topic::Objects.index()].received = 99;
    let (status, _) = fixture.diagnostic.assess_server(&fixture.sample.input);
    let value = |key: &str| {
        let found = status.values.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| &**value)
    };
    assert_eq!(value("overflows"), Some("1"));
    assert_eq!(value("last overflow"), Some("2023-11-14T22:13:20Z"));
    assert_eq!(value("at last overflow: queued bytes"), Some("12345"));
    let account = value("at last overflow: objects").expect("account of objects");
    assert!(account.starts_with("received 17 ="), "{account}");
}
