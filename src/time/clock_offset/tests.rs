use super::window::HISTORY;
use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;
const EPOCH: i64 = 1_700_000_000 * SECOND;

/// Our clock and the server's, as functions of the true time.
struct World {
    start: Instant,
    clock: ClockOffsetEstimator,
    ours_ns: i64,
    server_ns: i64,
}

impl World {
    /// The server's clock is behind ours by `offset_ns`.
    fn new(offset_ns: i64) -> Self {
        Self {
            start: Instant::now(),
            clock: ClockOffsetEstimator::default(),
            ours_ns: EPOCH,
            server_ns: EPOCH - offset_ns,
        }
    }

    fn message(&mut self, at_ns: i64, delay_ns: i64) -> Option<i64> {
        self.observe(at_ns, delay_ns, self.server_ns + at_ns)
            .jump_ns
    }

    /// A message with any time.
    fn observe(&mut self, at_ns: i64, delay_ns: i64, sent_ns: i64) -> Observation {
        let arrival = self.arrival(at_ns + delay_ns);
        self.clock.observe(arrival, Some(Stamp::from_ns(sent_ns)))
    }

    fn arrival(&self, at_ns: i64) -> Arrival {
        Arrival {
            stamp: Stamp::from_ns(self.ours_ns + at_ns),
            instant: self.start + Duration::from_nanos(at_ns.cast_unsigned()),
        }
    }

    /// Two seconds of messages, a tenth of a second apart.
    fn settle(&mut self) {
        for i in 0..20 {
            self.message(i * 100 * MS, 2 * MS);
        }
        assert!(self.clock.estimate().is_some());
    }

    fn offset(&self) -> i64 {
        self.clock.estimate().expect("known").offset_ns
    }
}

#[test]
fn the_shortest_delay_counts() {
    let mut world = World::new(3 * SECOND);
    assert_eq!(world.clock.estimate(), None);
    for (i, delay) in (0..).zip([40, 40, 40, 40, 40, 40, 12, 300, 15]) {
        assert_eq!(world.message(i * 100 * MS, delay * MS), None);
    }
    let estimate = world.clock.estimate().expect("known");
    assert_eq!(estimate.offset_ns, 3 * SECOND + 12 * MS);
    assert_eq!(estimate.spread_ns, 288 * MS);
}

#[test]
fn nothing_is_believed_until_several_messages_agree_for_a_while() {
    let mut world = World::new(3 * SECOND);
    let believed: Vec<bool> = (0..8)
        .map(|i| {
            let at = i * 100 * MS;
            world.observe(at, 2 * MS, world.server_ns + at).is_believed
        })
        .collect();
    assert_eq!(
        believed,
        [false, false, false, false, false, true, true, true]
    );
    assert_eq!(world.clock.anomalies(), ClockAnomalies::default());
}

#[test]
fn odd_times_do_not_keep_the_first_estimate_away() {
    // Every other message is an event with a time of its own, or the first of all is.
    for odd_ns in [-3600 * SECOND, -3 * SECOND, 3600 * SECOND] {
        for is_odd in [|i: i64| i % 2 == 0, |i| i == 0] {
            let mut world = World::new(0);
            for i in 0..40 {
                let at = i * 50 * MS;
                let odd = if is_odd(i) { odd_ns } else { 0 };
                world.observe(at, 2 * MS, world.server_ns + at + odd);
            }
            // An event of an hour ahead in every other message is as credible as the others.
            if odd_ns < 0 || !is_odd(2) {
                assert_eq!(world.offset(), 2 * MS, "{odd_ns}");
                assert_eq!(world.clock.anomalies().jumps, 0);
            }
        }
    }
}

#[test]
fn an_uneven_delay_does_not_keep_the_first_estimate_away() {
    let mut world = World::new(0);
    for i in 0..60 {
        world.message(i * 100 * MS, i * 7919 % 20 * 100 * MS + 2 * MS);
    }
    assert!((0..600 * MS).contains(&world.offset()));
}

#[test]
fn one_message_with_another_time_resets_nothing() {
    for odd_ns in [-3600 * SECOND, -SECOND, SECOND, 3600 * SECOND] {
        let mut world = World::new(0);
        world.settle();
        for i in 20..60 {
            let at = i * 100 * MS;
            assert_eq!(world.message(at, 2 * MS), None);
            // Three events of one moment, one after the other.
            for _ in 0..3 {
                let seen = world.observe(at, 3 * MS, world.server_ns + at + odd_ns);
                assert_eq!(seen, Observation::default(), "{odd_ns}");
            }
        }
        assert_eq!(world.offset(), 2 * MS);
        let anomalies = world.clock.anomalies();
        assert_eq!((anomalies.jumps, anomalies.outliers), (0, 120));
    }
}

#[test]
fn a_clock_that_stands_still_is_found_once_and_is_no_time() {
    let mut world = World::new(0);
    let stood: Vec<Observation> = (0..100)
        .map(|i| world.observe(i * 100 * MS, 2 * MS, EPOCH))
        .collect();
    assert!(
        stood
            .iter()
            .all(|seen| !seen.is_believed && seen.jump_ns.is_none())
    );
    assert_eq!(stood.iter().filter(|seen| seen.has_stopped).count(), 1);
    let anomalies = world.clock.anomalies();
    assert_eq!((world.clock.estimate(), anomalies.jumps), (None, 0));
    assert!(anomalies.is_standing && anomalies.invalid > 70);
    // It goes on.
    for i in 100..120 {
        world.message(i * 100 * MS, 2 * MS);
    }
    assert_eq!(world.offset(), 2 * MS);
    assert!(!world.clock.anomalies().is_standing);
}

#[test]
fn a_clock_that_stops_is_remembered_as_it_ran() {
    let mut world = World::new(5 * SECOND);
    world.settle();
    let stopped_ns = world.server_ns + 1900 * MS;
    for i in 20..200 {
        let seen = world.observe(i * 100 * MS, 2 * MS, stopped_ns);
        assert_eq!(seen.jump_ns, None);
    }
    assert_eq!(world.offset(), 5 * SECOND + 2 * MS);
    assert!(world.clock.anomalies().is_standing);
}

#[test]
fn another_server_is_another_clock_and_the_counts_go_on() {
    let mut world = World::new(0);
    world.settle();
    world.clock.observe(world.arrival(2 * SECOND), None);
    world.clock.reset();
    assert_eq!(
        (world.clock.offset_ns(), world.clock.anomalies().invalid),
        (None, 1)
    );
    world.server_ns -= 3600 * SECOND;
    for i in 20..40 {
        assert_eq!(world.message(i * 100 * MS, 2 * MS), None, "no jump");
    }
    assert_eq!(world.offset(), 3600 * SECOND + 2 * MS);
    assert_eq!(world.clock.anomalies().backward, 0);
}

#[test]
fn what_is_older_than_a_minute_is_forgotten() {
    let mut world = World::new(0);
    world.message(0, MS);
    for s in 1..=75 {
        world.message(s * SECOND, 5 * MS);
    }
    assert_eq!(world.offset(), 5 * MS);
}

#[test]
fn a_slow_clock_shows_as_drift() {
    let mut world = World::new(0);
    for s in 0..600 {
        // The server loses 20 µs a second.
        world.server_ns = EPOCH - s * 20_000;
        world.message(s * SECOND, MS + s % 7 * MS);
    }
    let drift = world.clock.estimate().expect("known").drift_ppm;
    assert!((drift - 20.0).abs() < 1.0, "{drift}");
    assert_eq!(world.clock.anomalies().jumps, 0);
}

#[test]
fn a_jump_of_the_server_is_believed_when_several_messages_agree() {
    for jump in [
        -3600 * SECOND,
        -SECOND,
        SECOND,
        40 * 365 * 24 * 3600 * SECOND / 4,
    ] {
        let mut world = World::new(0);
        world.settle();
        world.server_ns += jump;
        let jumps: Vec<_> = (20..40)
            .map(|i| world.message(i * 100 * MS, 2 * MS))
            .collect();
        assert_eq!(jumps[..5], [None; 5], "{jump}");
        assert_eq!(jumps.iter().flatten().collect::<Vec<_>>(), [&-jump]);
        assert_eq!(world.offset(), 2 * MS - jump);
        let anomalies = world.clock.anomalies();
        assert_eq!((anomalies.jumps, anomalies.last_jump_ns), (1, -jump));
        assert_eq!(anomalies.backward, u64::from(jump < 0));
    }
}

#[test]
fn a_jump_of_our_clock_counts_at_once_in_either_direction() {
    for jump in [-60 * SECOND, 60 * SECOND] {
        let mut world = World::new(0);
        world.settle();
        world.ours_ns += jump;
        assert_eq!(world.message(2 * SECOND, 2 * MS), Some(jump));
        assert_eq!(world.offset(), 2 * MS + jump);
    }
}

#[test]
fn a_delay_is_no_jump() {
    let mut world = World::new(0);
    world.settle();
    // Three seconds of messages, all of which arrive at the end of a stall.
    for i in 20..50 {
        let delay = (50 - i) * 100 * MS + 2 * MS;
        assert_eq!(world.message(i * 100 * MS, delay), None);
    }
    for i in 50..70 {
        assert_eq!(world.message(i * 100 * MS, 2 * MS), None);
    }
    assert_eq!(world.offset(), 2 * MS);
    assert_eq!(world.clock.anomalies().jumps, 0);
    assert!(world.clock.estimate().expect("known").spread_ns > 2 * SECOND);
}

#[test]
fn a_jump_while_nothing_came_is_noticed_before_long() {
    let mut world = World::new(0);
    world.settle();
    world.server_ns -= 10 * SECOND;
    let jumps: Vec<i64> = (0..100)
        .filter_map(|i| world.message(3600 * SECOND + i * 100 * MS, 2 * MS))
        .collect();
    assert_eq!(jumps, [10 * SECOND]);
    assert_eq!(world.offset(), 10 * SECOND + 2 * MS);
}

#[test]
fn messages_without_a_usable_time_are_counted() {
    let mut clock = ClockOffsetEstimator::default();
    assert_eq!(clock.observe(Arrival::now(), None), Observation::default());
    assert_eq!(clock.anomalies().invalid, 1);
    assert_eq!(clock.estimate(), None);
}

proptest! {
    /// Whatever the server says: no panic, no more memory.
    #[test]
    fn anything_goes(times: Vec<(u32, i32, u32)>) {
        let start = Instant::now();
        let mut elapsed = Duration::ZERO;
        let mut clock = ClockOffsetEstimator::default();
        for (ms, sec, nanosec) in times {
            elapsed += Duration::from_millis(ms.into());
            let arrival = Arrival { stamp: Stamp::now(), instant: start + elapsed };
            let server = Stamp { sec, nanosec: nanosec % 1_000_000_000 };
            clock.observe(arrival, Some(server).filter(|_| sec >= 0));
            prop_assert!(clock.window.len() <= HISTORY);
            if let Some(estimate) = clock.estimate() {
                prop_assert!(estimate.spread_ns >= 0 && estimate.drift_ppm.is_finite());
            }
        }
    }
}
