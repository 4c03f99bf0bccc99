use super::*;
use crate::diagnostics::sample_input::World;

struct Rig {
    world: World,
    watch: LinkWatch,
}

impl Rig {
    fn new(state: LinkState) -> Self {
        let mut world = World::new();
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
    let mut rig = Rig::new(LinkState::Connecting);
    assert_eq!(rig.look(1).level, Level::Warn);
    rig.figures().state = LinkState::Backoff;
    rig.figures().last_error = "connection refused".to_owned();
    let status = rig.look(11);
    assert_eq!(status.level, Level::Error);
    assert_eq!(status.message, "not connected for 12 s: connection refused");
}

#[test]
fn a_quick_reconnect_is_no_error() {
    let mut rig = Rig::new(LinkState::Connected);
    assert_eq!(rig.run().level, Level::Ok);
    rig.figures().state = LinkState::Backoff;
    rig.figures().disconnects += 1;
    assert_eq!(rig.look(1).level, Level::Warn);
    rig.figures().state = LinkState::Connected;
    rig.figures().connects += 1;
    assert_eq!(rig.look(1).level, Level::Warn, "no data yet");
    let status = rig.run();
    assert_eq!(status.level, Level::Ok);
    assert!(status.message.ends_with(", 20 frames"), "{status:?}");
}

#[test]
fn an_error_lasts_until_data_comes() {
    let mut rig = Rig::new(LinkState::Backoff);
    assert_eq!(rig.look(20).level, Level::Error);
    for _ in 0..3 {
        rig.figures().state = LinkState::Connected;
        rig.figures().connects += 1;
        assert_eq!(rig.look(1).level, Level::Error);
        rig.figures().state = LinkState::Connecting;
        assert_eq!(rig.look(1).level, Level::Error);
    }
    rig.figures().state = LinkState::Connected;
    assert_eq!(rig.run().level, Level::Ok);
}

#[test]
fn a_silent_link_is_noticed_and_recovers() {
    let mut rig = Rig::new(LinkState::Connected);
    rig.run();
    assert_eq!(rig.look(5).level, Level::Ok);
    assert_eq!(rig.look(1).level, Level::Warn);
    rig.figures().is_silent = true;
    let status = rig.look(5);
    assert_eq!(status.level, Level::Error);
    assert_eq!(status.message, "connected, but no data for 11 s");
    rig.figures().is_silent = false;
    assert_eq!(rig.run().level, Level::Ok);
}

#[test]
fn a_silence_is_an_error_through_the_reconnect_it_leads_to() {
    let mut rig = Rig::new(LinkState::Connected);
    rig.run();
    rig.figures().is_silent = true;
    assert_eq!(rig.look(11).level, Level::Error);
    for state in [
        LinkState::Backoff,
        LinkState::Connecting,
        LinkState::Connected,
    ] {
        rig.figures().is_silent = false;
        rig.figures().connects += u64::from(state == LinkState::Connected);
        rig.figures().state = state;
        assert_eq!(rig.look(1).level, Level::Error, "{state:?}");
    }
    assert_eq!(rig.run().level, Level::Ok);
}

#[test]
fn a_paused_link_is_neither_an_error_nor_silent() {
    let mut rig = Rig::new(LinkState::Paused);
    let status = rig.look(1000);
    assert_eq!(
        (status.level, &*status.message),
        (Level::Warn, "paused by ~/set_enabled")
    );
    rig.figures().state = LinkState::Connecting;
    assert_eq!(rig.look(1).level, Level::Warn);
}

#[test]
fn data_that_the_server_threw_away_are_shown() {
    let mut rig = Rig::new(LinkState::Connected);
    rig.run();
    rig.figures().server_overflows = 1;
    let status = rig.run();
    assert_eq!(status.level, Level::Warn);
    assert!(
        status.message.contains("1 times SENSR threw data away"),
        "{status:?}"
    );
}

#[test]
fn a_new_link_has_its_time_to_bring_something() {
    let mut rig = Rig::new(LinkState::Backoff);
    rig.look(100);
    rig.figures().state = LinkState::Connected;
    rig.figures().connects += 1;
    let status = rig.look(1);
    assert_eq!(status.message, "connected, waiting for the first data");
    assert!(rig.look(6).message.contains("no data for"));
}

#[test]
fn trouble_is_shown_for_a_minute() {
    let mut rig = Rig::new(LinkState::Connected);
    rig.run();
    rig.figures().oversized_frames = 2;
    rig.figures().disconnects = 3;
    let status = rig.run();
    assert_eq!(status.level, Level::Warn);
    assert_eq!(
        status.message,
        "connected, but in the last 60 s: lost 3 times, 2 frames over the size limit"
    );
    let levels: Vec<Level> = (0..65).map(|_| rig.run().level).collect();
    assert_eq!((levels[55], levels[64]), (Level::Warn, Level::Ok));
}

#[test]
fn a_stopped_link_is_said_to_be() {
    let status = Rig::new(LinkState::Stopped).look(1);
    assert_eq!((status.level, &*status.message), (Level::Warn, "stopped"));
}

#[test]
fn the_figures_are_there() {
    let mut rig = Rig::new(LinkState::Connected);
    let fill = rig.world.facts.points.queue;
    rig.world.facts.points.notices = Some(Fill { items: 7, ..fill });
    let values = rig.look(1).values;
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
    let mut rig = Rig::new(LinkState::Connected);
    rig.run();
    rig.figures().undecodable_frames = 5;
    rig.run();
    rig.figures().state = LinkState::Backoff;
    rig.look(1);
    assert_eq!(rig.look(100).level, Level::Error);
    rig.figures().url = "ws://192.0.2.11:5051/".to_owned();
    assert_eq!(rig.look(1).message, "not connected for 0 ms");
    rig.figures().state = LinkState::Connected;
    rig.figures().connects += 1;
    assert_eq!(rig.run().level, Level::Ok);
}
