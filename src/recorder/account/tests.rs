use proptest::prelude::*;

use super::history::History;
use super::simulation::{Conditions, SPLITS, Simulation, TOPICS};
use super::*;
use crate::recorder::split_summary::SplitIndex;

/// Checks that everything published is recorded or missing, in the totals and over the accounts.
fn assert_exact(simulation: &Simulation, ledger: &Ledger) {
    let totals = ledger.totals();
    for (topic, name) in TOPICS.iter().enumerate() {
        let total = totals[*name];
        let published = simulation.published(topic);
        assert_eq!(
            total.recorded + total.missing,
            published,
            "{name}: {total:?}"
        );
        let mut sum = TopicTotals::default();
        for number in 0..SPLITS as u64 {
            let account = ledger.account(number);
            assert!(account.settled);
            let of_topic = account.topics[*name];
            sum.recorded += of_topic.recorded;
            sum.missing += of_topic.missing.expect("counted");
            assert_eq!(
                of_topic.published,
                Some(of_topic.recorded + of_topic.missing.unwrap())
            );
        }
        assert_eq!((sum.recorded, sum.missing), (total.recorded, total.missing));
    }
    assert_eq!(ledger.account(0).topics["/rosout"].published, None);
    assert_eq!(totals["/rosout"].missing, 0);
}

fn assert_certain(ledger: &Ledger) {
    for number in 0..SPLITS as u64 {
        assert_eq!(ledger.account(number).uncertain, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn recorded_and_missing_are_published_at_the_end(
        seed in any::<u64>(), latency in 0.0..3.0_f64, loss in 0.0..0.3_f64, bridge_runs in 1..4_usize, bags in 1..4_usize,
    ) {
        let conditions = Conditions { latency, loss, bridge_runs, bags, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        assert_exact(&simulation, &ledger);
        assert_certain(&ledger);
    }

    #[test]
    fn missing_is_exact_for_each_split_if_there_are_quiet_moments(
        seed in any::<u64>(), latency in 0.0..2.0_f64, loss in 0.0..0.3_f64, bridge_runs in 1..4_usize,
    ) {
        let has_quiet_ends = true;
        let conditions = Conditions { has_quiet_ends, latency, loss, bridge_runs, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        assert_exact(&simulation, &ledger);
        for split in 0..SPLITS {
            let account = ledger.account(split as u64);
            for (topic, name) in TOPICS.iter().enumerate() {
                prop_assert_eq!(account.topics[*name].missing, Some(simulation.missing(topic, split)));
            }
        }
    }

    /// A loss shows in the account of its split one split later at the latest, and stays.
    #[test]
    fn a_stream_without_losses_never_shows_one(seed in any::<u64>(), bridge_runs in 1..4_usize) {
        let conditions = Conditions { latency: 0.005, loss: 0.0, bridge_runs, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        // Before the first bag has begun, nothing is received, and the bridge starts later.
        simulation.run(|ledger| {
            for (name, total) in ledger.totals() {
                assert_eq!(total.missing, 0, "{name}");
            }
        });
    }

    #[test]
    fn a_bridge_that_dies_makes_the_account_uncertain(seed in any::<u64>(), bridge_runs in 1..4_usize, latency in 0.0..1.0_f64) {
        let conditions = Conditions { latency, bridge_runs, reports_end: false, reports_last_end: false, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        let reasons = (0..SPLITS as u64).filter_map(|number| ledger.account(number).uncertain);
        let reasons: Vec<String> = reasons.collect();
        prop_assert!(reasons.iter().any(|reason| reason.contains("last report")), "{:?}", reasons);
        for (topic, name) in TOPICS.iter().enumerate() {
            let total = ledger.totals()[*name];
            // Only what was published after the last report of the last run may be unknown.
            let known = total.recorded + total.missing + 30;
            prop_assert!(known >= simulation.reported(topic), "{name}: {total:?}");
        }
    }

    #[test]
    fn late_first_statistics_of_a_run_leave_the_end_exact(
        seed in any::<u64>(), stall in 0.0..30.0_f64, latency in 0.0..1.0_f64, loss in 0.0..0.3_f64, bridge_runs in 1..4_usize,
        bags in 1..4_usize,
    ) {
        let conditions = Conditions { latency, loss, bridge_runs, stall, bags, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        assert_exact(&simulation, &ledger);
    }

    #[test]
    fn a_run_without_a_last_report_before_a_late_one_never_makes_more_missing_than_published(
        seed in any::<u64>(), stall in 0.0..30.0_f64, loss in 0.0..0.3_f64, bridge_runs in 2..4_usize,
        bags in 1..4_usize,
    ) {
        // Messages on their way at the end of a run could be those that were never counted.
        let latency = 0.0;
        let conditions = Conditions { latency, loss, bridge_runs, stall, reports_end: false, bags, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        for (topic, name) in TOPICS.iter().enumerate() {
            let total = ledger.totals()[*name];
            let known = total.recorded + total.missing;
            prop_assert!(known <= simulation.published(topic), "{name}: {total:?} of {}", simulation.published(topic));
            prop_assert!(known >= simulation.reported(topic), "{name}: {total:?} of {}", simulation.reported(topic));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_the_end_exact(
        seed in any::<u64>(), set_back in 0.03..90.0_f64, latency in 0.0..1.0_f64, loss in 0.0..0.1_f64,
    ) {
        let conditions = Conditions { latency, loss, set_back, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        assert_exact(&simulation, &ledger);
        let is_told = (0..SPLITS as u64).any(|number| {
            let uncertain = ledger.account(number).uncertain;
            uncertain.is_some_and(|reason| reason.contains("clock"))
        });
        prop_assert!(is_told);
    }

    #[test]
    fn splits_without_an_index_are_exact_at_the_end(seed in any::<u64>(), bridge_runs in 1..3_usize, bags in 1..3_usize) {
        let index = SplitIndex::Absent;
        let conditions = Conditions { bridge_runs, bags, index, ..Conditions::new(seed) };
        let simulation = Simulation::new(conditions);
        let ledger = simulation.run(|_| {});
        assert_exact(&simulation, &ledger);
        assert_certain(&ledger);
    }
}

fn statistics(run_start: u64, stamp: u64, points: u64) -> PublishedCounts {
    const SECOND: u64 = 1_000_000_000;
    PublishedCounts {
        stamp_ns: stamp * SECOND,
        run_start_ns: run_start * SECOND,
        published: [(TOPICS[0].to_owned(), points)].into(),
        ..PublishedCounts::default()
    }
}

/// Returns the messages published in all runs.
fn published(history: &History) -> u64 {
    history.published()[0]
}

#[test]
fn snapshots_of_a_split_that_stays_open_are_bounded() {
    let mut history = History::default();
    for second in 0..200_000 {
        // The bridge also dies every minute without a last report.
        let start = second / 60 * 60;
        let counts = vec![second - start; 25];
        history.add(&statistics(1000 + start, 1001 + second, 0), counts, 0);
        assert!(
            history.snapshots.len() <= 1100,
            "{}",
            history.snapshots.len()
        );
    }
    let times: Vec<u64> = history.snapshots.iter().map(|one| one.time_ns).collect();
    assert!(times.is_sorted());
    // The first and the last ones are complete.
    let second = 1_000_000_000;
    let is_complete = |times: &[u64]| times.windows(2).all(|pair| pair[1] - pair[0] <= second);
    assert!(is_complete(&times[..60]) && is_complete(&times[times.len() - 200..]));
    assert!(!is_complete(&times));
}

#[test]
fn a_restart_is_told_from_a_step_of_the_clock() {
    const STEP: i128 = 30_000_000_000;
    // Three seconds after a first run of two seconds, which left no trace in the uptime.
    let mut history = History::default();
    history.add(&statistics(100, 102, 20), vec![20], 0);
    history.add(&statistics(103, 105, 25), vec![25], 0);
    assert_eq!(published(&history), 45);
    // The clock was set forward by 30 s; the bridge went on.
    let mut history = History::default();
    history.add(&statistics(100, 102, 20), vec![20], 0);
    history.add(&statistics(130, 133, 30), vec![30], STEP);
    assert_eq!(published(&history), 30);
    // The step happened after the stamp and before the message arrived.
    let mut history = History::default();
    history.add(&statistics(100, 102, 20), vec![20], 0);
    history.add(&statistics(100, 103, 30), vec![30], STEP);
    history.add(&statistics(130, 134, 40), vec![40], STEP);
    assert_eq!(published(&history), 40);
}
