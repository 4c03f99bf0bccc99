use super::*;
use crate::diagnostics::sample_input::SampleInput;

struct Fixture {
    world: SampleInput,
    watch: RateWatch,
}

impl Fixture {
    fn new() -> Self {
        let world = SampleInput::new();
        let watch = RateWatch::new(world.start);
        Self { world, watch }
    }

    /// The status of `points/raw` in each of so many seconds, with `messages` in each.
    fn run(&mut self, seconds: u64, messages: u64) -> Vec<Status> {
        let second = |_| {
            self.world.pass(1);
            self.world.facts.accounts[Topic::Raw.index()].received += messages;
            self.world.facts.accounts[Topic::Raw.index()].published += messages / 2;
            self.watch.examine(&self.world.facts).next()
        };
        (0..seconds).filter_map(second).collect()
    }

    fn last(&mut self, seconds: u64, messages: u64) -> Status {
        self.run(seconds, messages).pop().expect("reported")
    }

    fn link(&mut self) -> &mut LinkFigures {
        &mut self.world.facts.points.figures
    }
}

fn all_ok(statuses: &[Status]) -> bool {
    statuses.iter().all(|status| status.level == Level::Ok)
}

#[test]
fn what_never_came_is_not_reported() {
    let mut fixture = Fixture::new();
    assert!(fixture.run(5, 0).is_empty());
    assert_eq!(fixture.last(1, 10).task, "rate of points/raw");
    fixture.world.facts.accounts[Topic::Objects.index()].received = 1;
    assert_eq!(fixture.watch.examine(&fixture.world.facts).count(), 2);
}

#[test]
fn a_steady_rate_is_learned_and_well() {
    let mut fixture = Fixture::new();
    let status = fixture.last(5, 10);
    assert_eq!(status.message, "10.0 Hz, not known yet what is normal");
    let statuses = fixture.run(600, 10);
    assert!(all_ok(&statuses));
    let status = statuses.last().expect("there");
    assert_eq!(status.message, "10.0 Hz");
    let values: Vec<&str> = status.values.iter().map(|(_, value)| &**value).collect();
    assert_eq!(values, ["10.00", "10.00", "5.00"]);
}

#[test]
fn a_rate_that_falls_is_warned_of_until_it_is_back() {
    let mut fixture = Fixture::new();
    fixture.run(100, 10);
    let dip = fixture.run(1, 0);
    assert!(
        all_ok(&dip) && all_ok(&fixture.run(20, 10)),
        "one bad second"
    );
    let status = fixture.last(10, 4);
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.starts_with("4.0 Hz, 9."), "{status:?}");
    assert_eq!(fixture.last(10, 7).level, Level::Warn, "still not well");
    assert_eq!(fixture.last(10, 10).level, Level::Ok);
    assert_eq!(fixture.last(10, 25).level, Level::Warn);
    assert_eq!(fixture.last(20, 10).level, Level::Ok);
}

#[test]
fn silence_is_an_error_and_never_normal() {
    let mut fixture = Fixture::new();
    fixture.run(100, 10);
    let status = fixture.last(10, 0);
    assert_eq!(status.level, Level::Error);
    assert!(
        status.message.starts_with("nothing for 10 s, 10.0 Hz"),
        "{status:?}"
    );
    assert_eq!(fixture.last(280, 0).level, Level::Error);
    assert_eq!(fixture.last(3600, 0).level, Level::Warn);
    let back = fixture.run(30, 10);
    assert_eq!(back.last().expect("there").level, Level::Ok);
    assert!(all_ok(&fixture.run(100, 10)), "10 Hz is normal still");
}

#[test]
fn what_lasts_becomes_normal() {
    for messages in [4, 30] {
        let mut fixture = Fixture::new();
        fixture.run(100, 10);
        assert_eq!(fixture.last(290, messages).level, Level::Warn);
        assert_eq!(fixture.last(30, messages).level, Level::Ok);
        assert!(all_ok(&fixture.run(100, messages)));
    }
}

#[test]
fn a_stream_that_gets_going_late_is_no_alarm() {
    let mut fixture = Fixture::new();
    fixture.run(1, 1);
    fixture.run(12, 0);
    assert!(all_ok(&fixture.run(300, 10)));
}

#[test]
fn rare_messages_are_judged_over_a_longer_time_or_not_at_all() {
    let mut fixture = Fixture::new();
    for _ in 0..100 {
        fixture.run(1, 1);
        assert!(all_ok(&fixture.run(3, 0)));
    }
    assert!(
        fixture
            .run(50, 0)
            .iter()
            .any(|status| status.level == Level::Error)
    );
    let mut fixture = Fixture::new();
    for _ in 0..20 {
        fixture.run(1, 1);
        assert!(all_ok(&fixture.run(30, 0)));
    }
}

#[test]
fn a_lost_link_is_the_links_affair() {
    let mut fixture = Fixture::new();
    fixture.run(100, 10);
    fixture.link().state = LinkState::Backoff;
    let lost = fixture.run(400, 0);
    assert!(lost.iter().all(|status| status.level == Level::Stale));
    fixture.link().state = LinkState::Connected;
    fixture.link().connects += 1;
    assert!(all_ok(&fixture.run(100, 10)));
    fixture.link().connects += 1;
    assert!(all_ok(&fixture.run(4, 0)), "a reconnect between two looks");
    assert_eq!(
        fixture.last(10, 4).level,
        Level::Warn,
        "10 Hz is normal still"
    );
}

#[test]
fn another_server_has_another_normal() {
    let mut fixture = Fixture::new();
    fixture.run(100, 10);
    fixture.link().url = "ws://192.0.2.11:5051/".to_owned();
    assert!(
        fixture.run(100, 0).is_empty(),
        "may not have such clouds at all"
    );
    assert!(all_ok(&fixture.run(100, 2)));
}
