//! Random sequences of all fault kinds.

use std::collections::BTreeSet;

use sensr_sim::{BagOptions, ChaosOptions, FaultEvent, Options, Source};

use super::reading_client::ReadingClient;
use super::with_fault::small_scene;
use crate::support::{start, within_limit};
use crate::test_bags::{bag, recording};

fn chaos(seed: u64) -> ChaosOptions {
    ChaosOptions {
        mean_pause_secs: 0.05,
        ..ChaosOptions::new(seed)
    }
}

/// Runs clients that always reconnect until the server has finished. Returns the fault events.
async fn run_chaos(options: Options) -> Vec<FaultEvent> {
    let what = format!("{:?}", options.chaos);
    let server = start(options).await;
    let mut receiver = server.fault_events();
    let points = ReadingClient::points(server.points_addr(), None);
    let output = ReadingClient::output(server.output_addr(), None);
    let report = within_limit(server.finished()).await.expect("ends well");
    let (points, output) = tokio::join!(points.stop(), output.stop());
    points.assert_balanced(&report.points, &what);
    output.assert_balanced(&report.output, &what);
    assert_eq!(points.clouds, report.delivered_clouds, "{what}");
    assert_eq!(report.clients.connected, 0, "{what}");
    if report.delivered_contents.streams > 0 {
        assert_eq!(output.contents, report.delivered_contents, "{what}");
    }
    let mut events = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn counts_balance_under_random_faults() {
    for seed in [1, 2] {
        let events = run_chaos(Options {
            count: Some(600),
            chaos: Some(chaos(seed)),
            ..small_scene()
        })
        .await;
        let mut begun = BTreeSet::new();
        let mut open = 0;
        for event in &events {
            match event {
                FaultEvent::Fault { fault, .. } => {
                    begun.insert(*fault);
                    open += 1;
                }
                FaultEvent::Recovered { .. } => open -= 1,
            }
            assert!((0..=1).contains(&open), "one after the other: {events:?}");
        }
        assert_eq!(open, 0, "all faults have ended: {events:?}");
        assert!(!begun.is_empty(), "seed {seed}");
    }
}

#[tokio::test]
async fn bag_is_played_to_its_end_under_random_faults() {
    let bag = bag("chaos", &recording(600, 500));
    let events = run_chaos(Options {
        source: Source::Bag(BagOptions { speed: 2.0, ..bag }),
        chaos: Some(chaos(5)),
        ..small_scene()
    })
    .await;
    assert!(!events.is_empty());
}
