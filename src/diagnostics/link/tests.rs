use super::*;
use crate::diagnostics::sample_input::SampleInput;

struct Fixture {
    world: SampleInput,
    watch: LinkWatch,
}

impl Fixture {
    fn new(state: LinkState) -> Self {
        let mut world = SampleInput::new();
        world.facts.points.figures.state = state;
        let watch = LinkWatch::new("points link", world.start);
        Self { world, watch }
    }

    fn figures(&mut self) -> &mut LinkFigures {
        &mut self.world.facts.points.figures
    }

    fn look(&mut self, seconds: u64) -> Status {
        self.world.pass(seconds);
        let facts = &self.world.facts;
        self.watch.examine(facts.now, &facts.points)
    }

    /// A second in which frames come.
    fn run(&mut self) -> Status {
        self.figures().frames += 10;
        self.look(1)
    }
}

#[test]
fn a_link_that_never_was_is_soon_an_error_with_its_reason() {
    let mut fixture = Fixture::new(LinkState::Connecting);
    assert_eq!(fixture.look(1).level, Level::Warn);
    fixture.figures().state = LinkState::Backoff;
    fixture.figures().last_error = "connection refused".to_owned();
    let status = fixture.look(11);
    assert_eq!(status.level, Level::Error);
    assert_eq!(status.message, "not connected for 12 s: connection refused");
}

#[test]
fn a_quick_reconnect_is_no_error() {
    let mut fixture = Fixture::new(LinkState::Connected);
    assert_eq!(fixture.run().level, Level::Ok);
    fixture.figures().state = LinkState::Backoff;
    fixture.figures().disconnects += 1;
    assert_eq!(fixture.look(1).level, Level::Warn);
    fixture.figures().state = LinkState::Connected;
    fixture.figures().connects += 1;
    assert_eq!(fixture.look(1).level, Level::Warn, "no data yet");
    let status = fixture.run();
    assert_eq!(status.level, Level::Ok);
    assert!(status.message.ends_with(", 20 frames"), "{status:?}");
}

#[test]
fn an_error_lasts_until_data_comes() {
    let mut fixture = Fixture::new(LinkState::Backoff);
    assert_eq!(fixture.look(20).level, Level::Error);
    for _ in 0..3 {
        fixture.figures().state = LinkState::Connected;
        fixture.figures().connects += 1;
        assert_eq!(fixture.look(1).level, Level::Error);
        fixture.figures().state = LinkState::Connecting;
        assert_eq!(fixture.look(1).level, Level::Error);
    }
    fixture.figures().state = LinkState::Connected;
    assert_eq!(fixture.run().level, Level::Ok);
}

#[test]
fn a_silent_link_is_noticed_and_recovers() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.run();
    assert_eq!(fixture.look(5).level, Level::Ok);
    assert_eq!(fixture.look(1).level, Level::Warn);
    fixture.figures().is_silent = true;
    let status = fixture.look(5);
    assert_eq!(status.level, Level::Error);
    assert_eq!(status.message, "connected, but no data for 11 s");
    fixture.figures().is_silent = false;
    assert_eq!(fixture.run().level, Level::Ok);
}

#[test]
fn a_silence_is_an_error_through_the_reconnect_it_leads_to() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.run();
    fixture.figures().is_silent = true;
    assert_eq!(fixture.look(11).level, Level::Error);
    for state in [
        LinkState::Backoff,
        LinkState::Connecting,
        LinkState::Connected,
    ] {
        fixture.figures().is_silent = false;
        fixture.figures().connects += u64::from(state == LinkState::Connected);
        fixture.figures().state = state;
        assert_eq!(fixture.look(1).level, Level::Error, "{state:?}");
    }
    assert_eq!(fixture.run().level, Level::Ok);
}

#[test]
fn a_paused_link_is_neither_an_error_nor_silent() {
    let mut fixture = Fixture::new(LinkState::Paused);
    let status = fixture.look(1000);
    assert_eq!(
        (status.level, &*status.message),
        (Level::Warn, "paused by ~/set_enabled")
    );
    fixture.figures().state = LinkState::Connecting;
    assert_eq!(fixture.look(1).level, Level::Warn);
}

#[test]
fn data_that_the_server_threw_away_are_shown() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.run();
    fixture.figures().server_overflows = 1;
    let status = fixture.run();
    assert_eq!(status.level, Level::Warn);
    assert!(
        status.message.contains("1 times SENSR threw data away"),
        "{status:?}"
    );
}

#[test]
fn a_new_link_has_its_time_to_bring_something() {
    let mut fixture = Fixture::new(LinkState::Backoff);
    fixture.look(100);
    fixture.figures().state = LinkState::Connected;
    fixture.figures().connects += 1;
    let status = fixture.look(1);
    assert_eq!(status.message, "connected, waiting for the first data");
    assert!(fixture.look(6).message.contains("no data for"));
}

#[test]
fn trouble_is_shown_for_a_minute() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.run();
    fixture.figures().oversized_frames = 2;
    fixture.figures().disconnects = 3;
    let status = fixture.run();
    assert_eq!(status.level, Level::Warn);
    assert_eq!(
        status.message,
        "connected, but in the last 60 s: lost 3 times, 2 frames over the size limit"
    );
    let levels: Vec<Level> = (0..65).map(|_| fixture.run().level).collect();
    assert_eq!((levels[55], levels[64]), (Level::Warn, Level::Ok));
}

#[test]
fn a_stopped_link_is_said_to_be() {
    let status = Fixture::new(LinkState::Stopped).look(1);
    assert_eq!((status.level, &*status.message), (Level::Warn, "stopped"));
}

#[test]
fn the_figures_are_there() {
    let mut fixture = Fixture::new(LinkState::Connected);
    let fill = fixture.world.facts.points.queue;
    fixture.world.facts.points.reliable = Some(Fill { items: 7, ..fill });
    let values = fixture.look(1).values;
    let value = |key: &str| {
        let mut found = values.iter().filter(|(k, _)| k == key);
        found.next().map(|(_, value)| &**value)
    };
    assert_eq!(value("url"), Some("ws://192.0.2.10:5051/"));
    assert_eq!(value("since"), Some(""));
    assert_eq!(value("events queued messages"), Some("7"));
    assert_eq!(value("queue limit (bytes)"), Some("67108864"));
    assert_eq!(values.len(), 24);
}

#[test]
fn another_server_has_its_own_time_to_answer_and_no_troubles_yet() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.run();
    fixture.figures().undecodable_frames = 5;
    fixture.run();
    fixture.figures().state = LinkState::Backoff;
    fixture.look(1);
    assert_eq!(fixture.look(100).level, Level::Error);
    fixture.figures().url = "ws://192.0.2.11:5051/".to_owned();
    assert_eq!(fixture.look(1).message, "not connected for 0 ms");
    fixture.figures().state = LinkState::Connected;
    fixture.figures().connects += 1;
    assert_eq!(fixture.run().level, Level::Ok);
}
