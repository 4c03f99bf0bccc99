//! Fault scripts.

use std::time::Duration;

use sensr_sim::{BagOptions, FaultEvent, FaultKind, InjectError, Options, Source, parse_script};

use super::reading_client::ReadingClient;
use super::with_fault::{next_event, small_scene};
use crate::support::{start, within_limit};
use crate::test_bags::{bag, recording};

#[tokio::test]
async fn script_times_count_from_the_start_of_the_clock() {
    let script = "at 0.2 text points\nat 0.1 pings points\ngarbage points # at once\n";
    let server = start(Options {
        faults: parse_script(script).expect("allowed"),
        ..small_scene()
    })
    .await;
    let mut events = server.fault_events();
    let output = ReadingClient::output(server.output_addr(), None);
    output.wait_for_messages(3).await;
    assert!(events.try_recv().is_err(), "the clock stands still");
    let points = ReadingClient::points(server.points_addr(), None);
    let mut begun = Vec::new();
    while begun.len() < 3 {
        if let FaultEvent::Fault { fault, at, .. } = next_event(&mut events).await {
            begun.push((fault, at));
        }
    }
    let kinds = [FaultKind::Garbage, FaultKind::Pings, FaultKind::Text];
    for ((fault, at), (kind, earliest)) in begun
        .into_iter()
        .zip(kinds.into_iter().zip([0.0, 0.1, 0.2]))
    {
        assert_eq!(fault, kind);
        assert!(at >= earliest, "{fault} at {at}");
    }
    points.wait_for_messages(1).await;
    let report = within_limit(server.stop()).await.expect("ends well");
    let (points, output) = tokio::join!(points.stop(), output.stop());
    points.assert_balanced(&report.points, "script");
    output.assert_balanced(&report.output, "script");
}

#[tokio::test]
async fn no_fault_begins_after_the_end_of_the_playback_and_active_ones_end() {
    let long = "silent points for 1000\nstall output for 1000\nat 1000 cut";
    let server = start(Options {
        faults: parse_script(long).expect("allowed"),
        count: Some(30),
        ..small_scene()
    })
    .await;
    let output = ReadingClient::output(server.output_addr(), None);
    output.wait_for_messages(1).await;
    let points = ReadingClient::points(server.points_addr(), None);
    let injector = server.injector();
    let report = within_limit(server.finished()).await.expect("ends well");
    let (points, output) = tokio::join!(points.stop(), output.stop());
    points.assert_balanced(&report.points, "end");
    output.assert_balanced(&report.output, "end");
    assert_eq!((points.binary, report.points.cut), (30, 0), "it waited");
    assert_eq!(report.points.faults.of(FaultKind::Cut), 0);
    let late = injector.inject("cut".parse().expect("a fault")).await;
    assert_eq!(late, Err(InjectError::Finished));
}

#[tokio::test]
async fn bag_supports_all_faults_except_clock_jumps() {
    let bag = bag("faults", &recording(200, 500));
    let server = start(Options {
        source: Source::Bag(BagOptions {
            repeat: true,
            ..bag
        }),
        ..small_scene()
    })
    .await;
    let mut events = server.fault_events();
    let points = ReadingClient::points(server.points_addr(), None);
    let output = ReadingClient::output(server.output_addr(), None);
    tokio::join!(points.wait_for_messages(2), output.wait_for_messages(2));
    let refused = server.inject("clock".parse().expect("a fault")).await;
    assert_eq!(refused, Err(InjectError::WithBag(FaultKind::Clock)));
    for fault in ["cut", "truncated", "empty", "nan", "overflow"] {
        let fault = fault.parse().expect("a fault");
        server.inject(fault).await.expect("accepted");
        tokio::join!(next_event(&mut events), points.wait_for_messages(1));
        next_event(&mut events).await;
    }
    tokio::time::timeout(Duration::from_secs(30), points.wait_for_messages(2))
        .await
        .expect("messages arrive again");
    let report = within_limit(server.stop()).await.expect("ends well");
    let (points, output) = tokio::join!(points.stop(), output.stop());
    points.assert_balanced(&report.points, "bag");
    output.assert_balanced(&report.output, "bag");
}
