//! Fault scripts.

use std::time::Duration;

use sensr_sim::{BagOptions, FaultEvent, FaultKind, NotCarriedOut, Options, Source, parse_script};

use super::ordeal::{next, small};
use super::stubborn::Stubborn;
use crate::recording::{bag, recording};
use crate::support::{soon, start};

#[tokio::test]
async fn script_times_count_from_the_start_of_the_clock() {
    let script = "at 0.2 text points\nat 0.1 pings points\ngarbage points # at once\n";
    let server = start(Options {
        faults: parse_script(script).expect("allowed"),
        ..small()
    })
    .await;
    let mut told = server.fault_events();
    let output = Stubborn::output(server.output_addr(), None);
    output.more(3).await;
    assert!(told.try_recv().is_err(), "the clock stands still");
    let points = Stubborn::points(server.points_addr(), None);
    let mut begun = Vec::new();
    while begun.len() < 3 {
        if let FaultEvent::Fault { fault, at, .. } = next(&mut told).await {
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
    points.more(1).await;
    let report = soon(server.stop()).await.expect("ends well");
    let (points, output) = tokio::join!(points.end(), output.end());
    points.assert_balanced(&report.points, "script");
    output.assert_balanced(&report.output, "script");
}

#[tokio::test]
async fn no_fault_begins_after_the_end_of_the_playback_and_active_ones_end() {
    let long = "silent points for 1000\nstall output for 1000\nat 1000 cut";
    let server = start(Options {
        faults: parse_script(long).expect("allowed"),
        count: Some(30),
        ..small()
    })
    .await;
    let output = Stubborn::output(server.output_addr(), None);
    output.more(1).await;
    let points = Stubborn::points(server.points_addr(), None);
    let injector = server.injector();
    let report = soon(server.finished()).await.expect("ends well");
    let (points, output) = tokio::join!(points.end(), output.end());
    points.assert_balanced(&report.points, "end");
    output.assert_balanced(&report.output, "end");
    assert_eq!((points.binary, report.points.cut), (30, 0), "it waited");
    assert_eq!(report.points.faults.of(FaultKind::Cut), 0);
    let late = injector.inject("cut".parse().expect("a fault")).await;
    assert_eq!(late, Err(NotCarriedOut::Over));
}

#[tokio::test]
async fn bag_supports_all_faults_except_clock_jumps() {
    let bag = bag("faults", &recording(200, 500));
    let server = start(Options {
        source: Source::Bag(BagOptions {
            repeat: true,
            ..bag
        }),
        ..small()
    })
    .await;
    let mut told = server.fault_events();
    let points = Stubborn::points(server.points_addr(), None);
    let output = Stubborn::output(server.output_addr(), None);
    tokio::join!(points.more(2), output.more(2));
    let refused = server.inject("clock".parse().expect("a fault")).await;
    assert_eq!(refused, Err(NotCarriedOut::WithBag(FaultKind::Clock)));
    for fault in ["cut", "truncated", "empty", "nan", "overflow"] {
        let fault = fault.parse().expect("a fault");
        server.inject(fault).await.expect("carried out");
        tokio::join!(next(&mut told), points.more(1));
        next(&mut told).await;
    }
    tokio::time::timeout(Duration::from_secs(30), points.more(2))
        .await
        .expect("goes on");
    let report = soon(server.stop()).await.expect("ends well");
    let (points, output) = tokio::join!(points.end(), output.end());
    points.assert_balanced(&report.points, "bag");
    output.assert_balanced(&report.output, "bag");
}
