use super::window::HISTORY;
use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;
const EPOCH: i64 = 1_700_000_000 * SECOND;

/// Local clock and server's clock as functions of the true time.
struct Fixture {
    start: Instant,
    estimator: ClockOffsetEstimator,
    local_ns: i64,
    server_ns: i64,
}

impl Fixture {
    /// Creates clocks with the server's `offset_ns` behind.
    fn new(offset_ns: i64) -> Self {
        Self {
            start: Instant::now(),
            estimator: ClockOffsetEstimator::default(),
            local_ns: EPOCH,
            server_ns: EPOCH - offset_ns,
        }
    }

    fn message(&mut self, at_ns: i64, delay_ns: i64) -> Option<i64> {
        self.observe(at_ns, delay_ns, self.server_ns + at_ns)
            .jump_ns
    }

    /// Observes a message with any time.
    fn observe(&mut self, at_ns: i64, delay_ns: i64, sent_ns: i64) -> Observation {
        let arrival = self.arrival(at_ns + delay_ns);
        self.estimator
            .observe(arrival, Some(Stamp::from_ns(sent_ns)))
    }

    fn arrival(&self, at_ns: i64) -> Arrival {
        Arrival {
            stamp: Stamp::from_ns(self.local_ns + at_ns),
            instant: self.start + Duration::from_nanos(at_ns.cast_unsigned()),
        }
    }

    /// Observes two seconds of messages at 10 Hz.
    fn settle(&mut self) {
        for i in 0..20 {
            self.message(i * 100 * MS, 2 * MS);
        }
        assert!(self.estimator.estimate().is_some());
    }

    fn offset(&self) -> i64 {
        self.estimator.estimate().expect("known").offset_ns
    }
}

#[test]
fn shortest_delay_makes_the_estimate() {
    let mut fixture = Fixture::new(3 * SECOND);
    assert_eq!(fixture.estimator.estimate(), None);
    for (i, delay) in (0..).zip([40, 40, 40, 40, 40, 40, 12, 300, 15]) {
        assert_eq!(fixture.message(i * 100 * MS, delay * MS), None);
    }
    let estimate = fixture.estimator.estimate().expect("known");
    assert_eq!(estimate.offset_ns, 3 * SECOND + 12 * MS);
    assert_eq!(estimate.spread_ns, 288 * MS);
}

#[test]
fn no_time_is_plausible_until_several_messages_agree_for_a_while() {
    let mut fixture = Fixture::new(3 * SECOND);
    let plausible: Vec<bool> = (0..8)
        .map(|i| {
            let at = i * 100 * MS;
            fixture
                .observe(at, 2 * MS, fixture.server_ns + at)
                .is_plausible
        })
        .collect();
    assert_eq!(
        plausible,
        [false, false, false, false, false, true, true, true]
    );
    assert_eq!(fixture.estimator.anomalies(), ClockAnomalies::default());
}

#[test]
fn odd_times_do_not_prevent_the_first_estimate() {
    // Every other message is an event with a time of its own, or the first of all is.
    for odd_ns in [-3600 * SECOND, -3 * SECOND, 3600 * SECOND] {
        for is_odd in [|i: i64| i % 2 == 0, |i| i == 0] {
            let mut fixture = Fixture::new(0);
            for i in 0..40 {
                let at = i * 50 * MS;
                let odd = if is_odd(i) { odd_ns } else { 0 };
                fixture.observe(at, 2 * MS, fixture.server_ns + at + odd);
            }
            // An event of an hour ahead in every other message is as credible as the others.
            if odd_ns < 0 || !is_odd(2) {
                assert_eq!(fixture.offset(), 2 * MS, "{odd_ns}");
                assert_eq!(fixture.estimator.anomalies().jumps, 0);
            }
        }
    }
}

#[test]
fn uneven_delay_does_not_prevent_the_first_estimate() {
    let mut fixture = Fixture::new(0);
    for i in 0..60 {
        fixture.message(i * 100 * MS, i * 7919 % 20 * 100 * MS + 2 * MS);
    }
    assert!((0..600 * MS).contains(&fixture.offset()));
}

#[test]
fn single_messages_with_other_times_reset_nothing() {
    for odd_ns in [-3600 * SECOND, -SECOND, SECOND, 3600 * SECOND] {
        let mut fixture = Fixture::new(0);
        fixture.settle();
        for i in 20..60 {
            let at = i * 100 * MS;
            assert_eq!(fixture.message(at, 2 * MS), None);
            // Three events of one moment, one after the other.
            for _ in 0..3 {
                let seen = fixture.observe(at, 3 * MS, fixture.server_ns + at + odd_ns);
                assert_eq!(seen, Observation::default(), "{odd_ns}");
            }
        }
        assert_eq!(fixture.offset(), 2 * MS);
        let anomalies = fixture.estimator.anomalies();
        assert_eq!((anomalies.jumps, anomalies.outliers), (0, 120));
    }
}

#[test]
fn frozen_clock_is_reported_once_and_its_times_are_ignored() {
    let mut fixture = Fixture::new(0);
    let observations: Vec<Observation> = (0..100)
        .map(|i| fixture.observe(i * 100 * MS, 2 * MS, EPOCH))
        .collect();
    assert!(
        observations
            .iter()
            .all(|seen| !seen.is_plausible && seen.jump_ns.is_none())
    );
    assert_eq!(
        observations.iter().filter(|seen| seen.has_frozen).count(),
        1
    );
    let anomalies = fixture.estimator.anomalies();
    assert_eq!((fixture.estimator.estimate(), anomalies.jumps), (None, 0));
    assert!(anomalies.is_frozen && anomalies.invalid > 70);
    // The clock runs again.
    for i in 100..120 {
        fixture.message(i * 100 * MS, 2 * MS);
    }
    assert_eq!(fixture.offset(), 2 * MS);
    assert!(!fixture.estimator.anomalies().is_frozen);
}

#[test]
fn estimate_is_kept_when_the_clock_freezes() {
    let mut fixture = Fixture::new(5 * SECOND);
    fixture.settle();
    let stopped_ns = fixture.server_ns + 1900 * MS;
    for i in 20..200 {
        let seen = fixture.observe(i * 100 * MS, 2 * MS, stopped_ns);
        assert_eq!(seen.jump_ns, None);
    }
    assert_eq!(fixture.offset(), 5 * SECOND + 2 * MS);
    assert!(fixture.estimator.anomalies().is_frozen);
}

#[test]
fn reset_forgets_the_estimate_and_keeps_the_counts() {
    let mut fixture = Fixture::new(0);
    fixture.settle();
    fixture.estimator.observe(fixture.arrival(2 * SECOND), None);
    fixture.estimator.reset();
    assert_eq!(
        (
            fixture.estimator.offset_ns(),
            fixture.estimator.anomalies().invalid
        ),
        (None, 1)
    );
    fixture.server_ns -= 3600 * SECOND;
    for i in 20..40 {
        assert_eq!(fixture.message(i * 100 * MS, 2 * MS), None, "no jump");
    }
    assert_eq!(fixture.offset(), 3600 * SECOND + 2 * MS);
    assert_eq!(fixture.estimator.anomalies().backward, 0);
}

#[test]
fn differences_older_than_a_minute_are_forgotten() {
    let mut fixture = Fixture::new(0);
    fixture.message(0, MS);
    for s in 1..=75 {
        fixture.message(s * SECOND, 5 * MS);
    }
    assert_eq!(fixture.offset(), 5 * MS);
}

#[test]
fn slow_clock_shows_as_drift() {
    let mut fixture = Fixture::new(0);
    for s in 0..600 {
        // The server loses 20 µs a second.
        fixture.server_ns = EPOCH - s * 20_000;
        fixture.message(s * SECOND, MS + s % 7 * MS);
    }
    let drift = fixture.estimator.estimate().expect("known").drift_ppm;
    assert!((drift - 20.0).abs() < 1.0, "{drift}");
    assert_eq!(fixture.estimator.anomalies().jumps, 0);
}

#[test]
fn jump_of_the_server_is_accepted_when_several_messages_agree() {
    for jump in [
        -3600 * SECOND,
        -SECOND,
        SECOND,
        40 * 365 * 24 * 3600 * SECOND / 4,
    ] {
        let mut fixture = Fixture::new(0);
        fixture.settle();
        fixture.server_ns += jump;
        let jumps: Vec<_> = (20..40)
            .map(|i| fixture.message(i * 100 * MS, 2 * MS))
            .collect();
        assert_eq!(jumps[..5], [None; 5], "{jump}");
        assert_eq!(jumps.iter().flatten().collect::<Vec<_>>(), [&-jump]);
        assert_eq!(fixture.offset(), 2 * MS - jump);
        let anomalies = fixture.estimator.anomalies();
        assert_eq!((anomalies.jumps, anomalies.last_jump_ns), (1, -jump));
        assert_eq!(anomalies.backward, u64::from(jump < 0));
    }
}

#[test]
fn jump_of_the_local_clock_is_accepted_at_once() {
    for jump in [-60 * SECOND, 60 * SECOND] {
        let mut fixture = Fixture::new(0);
        fixture.settle();
        fixture.local_ns += jump;
        assert_eq!(fixture.message(2 * SECOND, 2 * MS), Some(jump));
        assert_eq!(fixture.offset(), 2 * MS + jump);
    }
}

#[test]
fn delay_is_not_a_jump() {
    let mut fixture = Fixture::new(0);
    fixture.settle();
    // Three seconds of messages, all of which arrive at the end of a stall.
    for i in 20..50 {
        let delay = (50 - i) * 100 * MS + 2 * MS;
        assert_eq!(fixture.message(i * 100 * MS, delay), None);
    }
    for i in 50..70 {
        assert_eq!(fixture.message(i * 100 * MS, 2 * MS), None);
    }
    assert_eq!(fixture.offset(), 2 * MS);
    assert_eq!(fixture.estimator.anomalies().jumps, 0);
    assert!(fixture.estimator.estimate().expect("known").spread_ns > 2 * SECOND);
}

#[test]
fn jump_during_a_pause_is_detected_soon_after() {
    let mut fixture = Fixture::new(0);
    fixture.settle();
    fixture.server_ns -= 10 * SECOND;
    let jumps: Vec<i64> = (0..100)
        .filter_map(|i| fixture.message(3600 * SECOND + i * 100 * MS, 2 * MS))
        .collect();
    assert_eq!(jumps, [10 * SECOND]);
    assert_eq!(fixture.offset(), 10 * SECOND + 2 * MS);
}

#[test]
fn messages_without_a_usable_time_are_counted() {
    let mut clock = ClockOffsetEstimator::default();
    assert_eq!(clock.observe(Arrival::now(), None), Observation::default());
    assert_eq!(clock.anomalies().invalid, 1);
    assert_eq!(clock.estimate(), None);
}

proptest! {
    /// No panic, and bounded memory.
    #[test]
    fn any_times_are_accepted(times: Vec<(u32, i32, u32)>) {
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
