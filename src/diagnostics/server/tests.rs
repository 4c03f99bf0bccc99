use super::*;
use crate::diagnostics::sample_input::{self, SampleInput, stamp};
use crate::topic::Topic;
use sensr_protocol::health::SystemHealth;

struct Fixture {
    world: SampleInput,
    watch: ServerWatch,
    second: i32,
}

impl Fixture {
    fn new() -> Self {
        let world = SampleInput::new();
        let watch = ServerWatch::new(world.start);
        let second = 0;
        Self {
            world,
            watch,
            second,
        }
    }

    fn look(&mut self, seconds: u64) -> (Level, String, bool) {
        self.world.pass(seconds);
        let (status, is_current) = self.watch.examine(&self.world.facts);
        (status.level, status.message, is_current)
    }

    fn observe(&mut self, master: i32) -> (Level, String, bool) {
        self.second += 1;
        let health = SystemHealth {
            master,
            ..sample_input::health()
        };
        self.world.facts.server.health = Some((stamp(self.second), health));
        self.look(1)
    }

    fn overflow(&mut self) {
        let server = &mut self.world.facts.server;
        let times = server
            .overflow
            .as_ref()
            .map_or(0, |overflow| overflow.times);
        let mut accounts = self.world.facts.accounts;
        accounts[Topic::Objects.index()].received = 17;
        server.overflow = Some(Overflow {
            at: stamp(0),
            times: times + 1,
            accounts,
            queued_bytes: 12_345,
        });
    }

    fn connect(&mut self, state: LinkState) {
        let figures = &mut self.world.facts.output.figures;
        figures.state = state;
        figures.connects += u64::from(state == LinkState::Connected);
    }
}

#[test]
fn the_words_are_sensrs() {
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
        assert_eq!(fixture.observe(master), (level, message.to_owned(), true));
    }
}

#[test]
fn old_news_is_stale() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.look(1).1, "nothing heard yet");
    assert_eq!(fixture.observe(1).0, Level::Ok);
    assert_eq!(fixture.look(60).0, Level::Ok);
    let silent = fixture.look(30);
    assert_eq!(
        silent,
        (Level::Stale, "nothing heard for 90 s".to_owned(), false)
    );
    assert_eq!(fixture.observe(1).0, Level::Ok);
    fixture.connect(LinkState::Backoff);
    let (level, message, is_current) = fixture.look(1);
    assert_eq!((level, is_current), (Level::Stale, false));
    assert_eq!(message, "the output link is not connected");
    fixture.connect(LinkState::Connected);
    assert_eq!(fixture.look(1).1, "nothing heard since the link is back");
    assert_eq!(fixture.observe(1), (Level::Ok, "OK".to_owned(), true));
}

#[test]
fn an_overflow_is_an_error_for_a_minute_even_if_it_ends_the_link() {
    let mut fixture = Fixture::new();
    fixture.observe(1);
    fixture.overflow();
    fixture.connect(LinkState::Backoff);
    let (level, message, is_current) = fixture.look(1);
    assert_eq!((level, is_current), (Level::Error, false));
    assert_eq!(
        message,
        "the server's buffer for a client overflowed 0 ms ago (1 so far)"
    );
    fixture.connect(LinkState::Connected);
    assert_eq!(fixture.observe(1).0, Level::Error);
    fixture.look(40);
    fixture.overflow();
    assert_eq!(fixture.observe(1).0, Level::Error);
    assert!(
        fixture
            .look(30)
            .1
            .ends_with("overflowed 30 s ago (2 so far)")
    );
    fixture.observe(1);
    fixture.look(690);
    assert_eq!(
        fixture.observe(1),
        (Level::Ok, "OK, last overflow 12 min ago".to_owned(), true)
    );
}

#[test]
fn an_overflow_shows_our_counters_of_that_moment() {
    let mut fixture = Fixture::new();
    fixture.observe(1);
    fixture.overflow();
    fixture.world.facts.accounts[Topic::Objects.index()].received = 99;
    let (status, _) = fixture.watch.examine(&fixture.world.facts);
    let value = |key: &str| {
        let found = status.values.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| &**value)
    };
    assert_eq!(value("overflows"), Some("1"));
    assert_eq!(value("last overflow"), Some("2023-11-14T22:13:20Z"));
    assert_eq!(value("at last overflow: queued bytes"), Some("12345"));
    let account = value("at last overflow: objects").expect("there");
    assert!(account.starts_with("received 17 ="), "{account}");
}
