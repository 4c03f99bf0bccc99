use super::sample_input::SampleInput;
use super::*;
use crate::connection::status::LinkState;
use crate::metrics::server_health::Overflow;
use crate::time::stamp::Stamp;
use crate::topic::{AnyTopic, Topic};
use proptest::prelude::*;
use sensr_protocol::health::SystemHealth;
use std::time::Duration;

/// Assesses the sample with new tasks and returns the status of `task`.
fn assess_task(sample: &SampleInput, task: &str) -> Status {
    let statuses = Diagnostics::new(sample.start).assess_all(&sample.input);
    let mut found = statuses.into_iter().filter(|status| status.task == task);
    found.next().expect("status of the task")
}

#[test]
fn every_task_has_one_status() {
    let mut sample = SampleInput::new();
    sample.input.accounts[Topic::Raw.index()].received = 1;
    sample.input.server.health = Some((Stamp::now(), sample_input::healthy_system()));
    let tasks: Vec<String> = Diagnostics::new(sample.start)
        .assess_all(&sample.input)
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
        "duplicate bridge",
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
    let mut sample = SampleInput::new();
    sample.input.others = vec!["/sensr_bridge".to_owned()];
    let status = assess_task(&sample, "duplicate bridge");
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.ends_with(": /sensr_bridge"), "{status:?}");
}

#[test]
fn nodes_that_cannot_be_reached_are_named() {
    let mut sample = SampleInput::new();
    let status = assess_task(&sample, "shared memory");
    assert_eq!(status.level, Level::Ok);
    sample.input.unreachable.users = vec![1000, 1001];
    let status = assess_task(&sample, "shared memory");
    assert_eq!(status.level, Level::Warn);
    assert!(status.message.contains("1000, 1001"), "{status:?}");
    sample.input.unreachable.isolated_processes = 1;
    let status = assess_task(&sample, "shared memory");
    assert!(status.message.contains("another /dev/shm"), "{status:?}");
}

#[test]
fn levels_have_the_numbers_of_ros() {
    let levels = [Level::Ok, Level::Warn, Level::Error, Level::Stale];
    assert_eq!(levels.map(Level::number), [0, 1, 2, 3]);
}

/// Sets values that no real bridge would count.
fn set_arbitrary_values(input: &mut DiagnosticsInput, [a, b, c, d]: [u64; 4]) {
    let states = [
        LinkState::Connecting,
        LinkState::Connected,
        LinkState::Connected,
        LinkState::Backoff,
        LinkState::Stopped,
    ];
    for (link, x) in [(&mut input.points, a), (&mut input.output, b)] {
        link.figures.state = states[usize::try_from(x % 5).expect("small")];
        link.figures.frames = c;
        link.figures.connects = d;
        link.figures.disconnects = a;
        link.figures.undecodable_parts = b;
    }
    let account = &mut input.accounts[usize::try_from(a % AnyTopic::COUNT as u64).expect("small")];
    (account.received, account.published, account.dropped) = (b, c, d);
    let signed = a.cast_signed();
    input.clock = (b % 3 > 0).then_some(Estimate {
        offset_ns: signed,
        spread_ns: b.cast_signed(),
        drift_ppm: f64::from_bits(c),
    });
    input.anomalies = ClockAnomalies {
        jumps: c,
        last_jump_ns: signed,
        backward: a,
        invalid: d,
        outliers: b,
        is_frozen: c % 2 > 0,
    };
    input.memory = Some(ProcessMemory {
        rss_bytes: b,
        rss_peak_bytes: c,
        shared_bytes: 0,
    });
    let at = Stamp::from_ns(signed);
    let master = i32::try_from(c % 9).expect("small");
    input.server.health = Some((
        at,
        SystemHealth {
            master,
            ..sample_input::healthy_system()
        },
    ));
    input.server.overflow = (d % 2 > 0).then_some(Overflow {
        at,
        times: a,
        accounts: input.accounts,
        queued_bytes: b,
    });
}

proptest! {
    /// Arbitrary values cause no panic, and every task still has its status.
    #[test]
    fn arbitrary_values_are_assessed(steps: Vec<(u32, [u64; 4], bool)>) {
        let mut sample = SampleInput::new();
        let mut diagnostics = Diagnostics::new(sample.start);
        for (ms, values, is_large) in steps {
            sample.input.now += Duration::from_millis(ms.into());
            let values = values.map(|value| if is_large { value } else { value % 100 });
            set_arbitrary_values(&mut sample.input, values);
            prop_assert!(diagnostics.assess_all(&sample.input).len() >= 10);
        }
    }
}
