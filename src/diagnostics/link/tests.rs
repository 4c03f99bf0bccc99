use super::*;
use crate::diagnostics::sample_input::SampleInput;

struct Fixture {
    sample: SampleInput,
    diagnostic: LinkDiagnostic,
}

impl Fixture {
    fn new(state: LinkState) -> Self {
        let mut sample = SampleInput::new();
        sample.input.points.figures.state = state;
        let diagnostic = LinkDiagnostic::new("points link", sample.start);
        Self { sample, diagnostic }
    }

    fn link_figures(&mut self) -> &mut LinkFigures {
        &mut self.sample.input.points.figures
    }

    fn assess_after(&mut self, seconds: u64) -> Status {
        self.sample.advance_time(seconds);
        let input = &self.sample.input;
        self.diagnostic.assess_link(input.now, &input.points)
    }

    /// Receives frames for a second.
    fn receive_frames(&mut self) -> Status {
        self.link_figures().frames += 10;
        self.assess_after(1)
    }
}

#[test]
fn a_link_that_never_connects_is_an_error_with_its_reason() {
    let mut fixture = Fixture::new(LinkState::Connecting);
    assert_eq!(fixture.assess_after(1).level, Level::Warn);
    fixture.link_figures().state = LinkState::Backoff;
    fixture.link_figures().last_error = "connection refused".to_owned();
    let status = fixture.assess_after(11);
    assert_eq!(status.level, Level::Error);
    assert_eq!(status.message, "not connected for 12 s: connection refused");
}

#[test]
fn a_quick_reconnect_is_no_error() {
    let mut fixture = Fixture::new(LinkState::Connected);
    assert_eq!(fixture.receive_frames().level, Level::Ok);
    fixture.link_figures().state = LinkState::Backoff;
    fixture.link_figures().disconnects += 1;
    assert_eq!(fixture.assess_after(1).level, Level::Warn);
    fixture.link_figures().state = LinkState::Connected;
    fixture.link_figures().connects += 1;
    assert_eq!(fixture.assess_after(1).level, Level::Warn, "no data yet");
    let status = fixture.receive_frames();
    assert_eq!(status.level, Level::Ok);
    assert!(status.message.ends_with(", 20 frames"), "{status:?}");
}

#[test]
fn an_error_lasts_until_data_arrive() {
    let mut fixture = Fixture::new(LinkState::Backoff);
    assert_eq!(fixture.assess_after(20).level, Level::Error);
    for _ in 0..3 {
        fixture.link_figures().state = LinkState::Connected;
        fixture.link_figures().connects += 1;
        assert_eq!(fixture.assess_after(1).level, Level::Error);
        fixture.link_figures().state = LinkState::Connecting;
        assert_eq!(fixture.assess_after(1).level, Level::Error);
    }
    fixture.link_figures().state = LinkState::Connected;
    assert_eq!(fixture.receive_frames().level, Level::Ok);
}

#[test]
fn a_silent_link_is_an_error_and_recovers() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.receive_frames();
    assert_eq!(fixture.assess_after(5).level, Level::Ok);
    assert_eq!(fixture.assess_after(1).level, Level::Warn);
    fixture.link_figures().is_silent = true;
    let status = fixture.assess_after(5);
    assert_eq!(status.level, Level::Error);
    assert_eq!(status.message, "connected, but no data for 11 s");
    fixture.link_figures().is_silent = false;
    assert_eq!(fixture.receive_frames().level, Level::Ok);
}

#[test]
fn silence_stays_an_error_during_the_reconnect() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.receive_frames();
    fixture.link_figures().is_silent = true;
    assert_eq!(fixture.assess_after(11).level, Level::Error);
    for state in [
        LinkState::Backoff,
        LinkState::Connecting,
        LinkState::Connected,
    ] {
        fixture.link_figures().is_silent = false;
        fixture.link_figures().connects += u64::from(state == LinkState::Connected);
        fixture.link_figures().state = state;
        assert_eq!(fixture.assess_after(1).level, Level::Error, "{state:?}");
    }
    assert_eq!(fixture.receive_frames().level, Level::Ok);
}

#[test]
fn a_paused_link_is_neither_an_error_nor_silent() {
    let mut fixture = Fixture::new(LinkState::Paused);
    let status = fixture.assess_after(1000);
    assert_eq!(
        (status.level, &*status.message),
        (Level::Warn, "paused by ~/set_enabled")
    );
    fixture.link_figures().state = LinkState::Connecting;
    assert_eq!(fixture.assess_after(1).level, Level::Warn);
}

#[test]
fn server_overflows_are_shown() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.receive_frames();
    fixture.link_figures().server_overflows = 1;
    let status = fixture.receive_frames();
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.contains("1 server overflows"), "{status:?}");
}

#[test]
fn a_new_link_has_time_for_its_first_data() {
    let mut fixture = Fixture::new(LinkState::Backoff);
    fixture.assess_after(100);
    fixture.link_figures().state = LinkState::Connected;
    fixture.link_figures().connects += 1;
    let status = fixture.assess_after(1);
    assert_eq!(status.message, "connected, waiting for the first data");
    assert!(fixture.assess_after(6).message.contains("no data for"));
}

#[test]
fn problems_are_shown_for_a_minute() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.receive_frames();
    fixture.link_figures().oversized_frames = 2;
    fixture.link_figures().disconnects = 3;
    let status = fixture.receive_frames();
    assert_eq!(status.level, Level::Warn);
    assert_eq!(
        status.message,
        "connected, but in the last 60 s: 3 disconnects, 2 frames over the size limit"
    );
    let levels: Vec<Level> = (0..65).map(|_| fixture.receive_frames().level).collect();
    assert_eq!((levels[55], levels[64]), (Level::Warn, Level::Ok));
}

#[test]
fn a_stopped_link_is_a_warning() {
    let status = Fixture::new(LinkState::Stopped).assess_after(1);
    assert_eq!((status.level, &*status.message), (Level::Warn, "stopped"));
}

#[test]
fn values_include_the_link_and_both_queues() {
    let mut fixture = Fixture::new(LinkState::Connected);
    let fill = fixture.sample.input.points.queue;
    fixture.sample.input.points.reliable = Some(Fill { items: 7, ..fill });
    let values = fixture.assess_after(1).values;
    let value = |key: &str| {
        let mut found = values.iter().filter(|(k, _)| k == key);
        found.next().map(|(_, value)| &**value)
    };
    assert_eq!(value("url"), Some("ws://192.0.2.10:5051/"));
    assert_eq!(value("state since"), Some(""));
    assert_eq!(value("reliable messages queued"), Some("7"));
    assert_eq!(value("queue limit (bytes)"), Some("67108864"));
    assert_eq!(values.len(), 24);
}

#[test]
fn another_server_has_its_own_grace_time_and_no_problems_yet() {
    let mut fixture = Fixture::new(LinkState::Connected);
    fixture.receive_frames();
    fixture.link_figures().undecodable_frames = 5;
    fixture.receive_frames();
    fixture.link_figures().state = LinkState::Backoff;
    fixture.assess_after(1);
    assert_eq!(fixture.assess_after(100).level, Level::Error);
    fixture.link_figures().url = "ws://192.0.2.11:5051/".to_owned();
    assert_eq!(fixture.assess_after(1).message, "not connected for 0 ms");
    fixture.link_figures().state = LinkState::Connected;
    fixture.link_figures().connects += 1;
    assert_eq!(fixture.receive_frames().level, Level::Ok);
}
