use super::sample_input::SampleInput;
use super::*;
use crate::connection::status::LinkState;
use crate::metrics::server_health::Overflow;
use crate::time::stamp::Stamp;
use proptest::prelude::*;
use sensr_protocol::health::SystemHealth;
use std::time::Duration;

#[test]
fn one_status_per_thing() {
    let mut world = SampleInput::new();
    world.facts.accounts[Topic::Raw.index()].received = 1;
    world.facts.server.health = Some((Stamp::now(), sample_input::health()));
    let tasks: Vec<String> = Diagnostics::new(world.start)
        .examine(&world.facts)
        .into_iter()
        .map(|status| status.task)
        .collect();
    let expected = [
        "points link",
        "output link",
        "rate of points/raw",
        "loss",
        "clock",
        "memory",
        "log",
        "uniqueness",
        "shared memory",
        "server",
        "node algo",
        "node algo sensor lidar 1",
        "node algo edge east",
        "node algo edge east sensor lidar 2",
    ];
    assert_eq!(tasks, expected);
}

#[test]
fn another_bridge_on_the_same_topics_is_named() {
    let mut world = SampleInput::new();
    world.facts.others = vec!["/sensr_bridge".to_owned()];
    let statuses = Diagnostics::new(world.start).examine(&world.facts);
    let found = statuses.iter().find(|status| status.task == "uniqueness");
    let status = found.expect("there");
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.ends_with(": /sensr_bridge"), "{status:?}");
}

#[test]
fn nodes_of_another_user_are_named() {
    let mut world = SampleInput::new();
    world.facts.shared_memory_users = vec![1000, 1001];
    let statuses = Diagnostics::new(world.start).examine(&world.facts);
    let found = statuses
        .iter()
        .find(|status| status.task == "shared memory");
    let status = found.expect("there");
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.contains("1000, 1001"), "{status:?}");
}

#[test]
fn the_numbers_are_those_of_ros() {
    let levels = [Level::Ok, Level::Warn, Level::Error, Level::Stale];
    assert_eq!(levels.map(Level::number), [0, 1, 2, 3]);
}

/// Figures that nobody would count.
fn disturb(facts: &mut DiagnosticsInput, [a, b, c, d]: [u64; 4]) {
    let states = [
        LinkState::Connecting,
        LinkState::Connected,
        LinkState::Connected,
        LinkState::Backoff,
        LinkState::Stopped,
    ];
    for (link, x) in [(&mut facts.points, a), (&mut facts.output, b)] {
        link.figures.state = states[usize::try_from(x % 5).expect("small")];
        link.figures.frames = c;
        link.figures.connects = d;
        link.figures.disconnects = a;
        link.figures.undecodable_parts = b;
    }
    let account = &mut facts.accounts[usize::try_from(a % 14).expect("small")];
    (account.received, account.published, account.dropped) = (b, c, d);
    let signed = a.cast_signed();
    facts.clock = (b % 3 > 0).then_some(Estimate {
        offset_ns: signed,
        spread_ns: b.cast_signed(),
        drift_ppm: f64::from_bits(c),
    });
    facts.anomalies = ClockAnomalies {
        jumps: c,
        last_jump_ns: signed,
        backward: a,
        invalid: d,
        outliers: b,
        is_frozen: c % 2 > 0,
    };
    facts.memory = Some(ProcessMemory {
        rss_bytes: b,
        rss_peak_bytes: c,
        shared_bytes: 0,
    });
    let at = Stamp::from_ns(signed);
    let master = i32::try_from(c % 9).expect("small");
    facts.server.health = Some((
        at,
        SystemHealth {
            master,
            ..sample_input::health()
        },
    ));
    facts.server.overflow = (d % 2 > 0).then_some(Overflow {
        at,
        times: a,
        accounts: facts.accounts,
        queued_bytes: b,
    });
}

proptest! {
    /// Whatever the figures: no panic, and the same things are looked at.
    #[test]
    fn anything_goes(looks: Vec<(u32, [u64; 4], bool)>) {
        let mut world = SampleInput::new();
        let mut diagnosis = Diagnostics::new(world.start);
        for (ms, figures, is_large) in looks {
            world.facts.now += Duration::from_millis(ms.into());
            disturb(&mut world.facts, figures.map(|figure| if is_large { figure } else { figure % 100 }));
            prop_assert!(diagnosis.examine(&world.facts).len() >= 10);
        }
    }
}
