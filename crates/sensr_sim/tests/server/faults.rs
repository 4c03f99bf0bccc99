//! Faults over real sockets: the effect of each on a client, and the balance of the counts under all of them.

mod chaos;
mod connection_end;
pub(crate) mod reading_client;
mod script;
mod several_clients;
mod silence;
mod with_fault;

use futures::StreamExt as _;
use sensr_sim::{FaultEvent, FaultKind, Links, Options};

use with_fault::{Outcome, run_fault, small_scene};

/// Servers that run at the same time.
const PARALLEL_SERVERS: usize = 6;

fn text(kind: FaultKind, links: Links) -> String {
    let lasting = match kind.default_secs() {
        None => "",
        Some(_) => " for 0.2",
    };
    format!("{kind} {}{lasting}", links.name())
}

#[tokio::test]
async fn counts_balance_under_every_fault_and_the_other_link_is_not_affected() {
    let links = [Links::Points, Links::Output, Links::Both];
    let all = FaultKind::ALL
        .into_iter()
        .flat_map(|kind| links.map(|links| (kind, links)));
    let possible = all.filter(|(kind, links)| kind.supports_output() || *links == Links::Points);
    let runs = possible.map(async |(kind, links)| {
        let outcome = run_fault(&text(kind, links), small_scene()).await;
        outcome.assert_only_link_affected(kind, links);
    });
    let done: Vec<()> = futures::stream::iter(runs)
        .buffer_unordered(PARALLEL_SERVERS)
        .collect()
        .await;
    assert_eq!(done.len(), FaultKind::ALL.len() * 3 - 2);
}

/// Returns how often the server's time went back.
fn steps_back(outcome: &Outcome) -> usize {
    let times = outcome.output.times_ns.windows(2);
    times.filter(|pair| pair[1] < pair[0]).count()
}

#[tokio::test]
async fn closed_port_opens_again_at_the_same_number() {
    for (fault, closes) in [
        ("refuse points", vec![1001]),
        ("restart points", vec![1001; 2]),
    ] {
        let outcome = run_fault(&format!("{fault} for 1"), small_scene()).await;
        let points = &outcome.points;
        assert!(points.refused > 0, "{fault}: {points:?}");
        assert_eq!(
            (points.connections, &points.closes),
            (2, &closes),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn mute_port_answers_nothing_and_rejecting_port_answers_503() {
    let outcome = run_fault("mute points for 1", small_scene()).await;
    let points = &outcome.points;
    assert!(points.unanswered > 0 && points.refused == 0, "{points:?}");
    let outcome = run_fault("reject output for 1", small_scene()).await;
    let output = &outcome.output;
    assert!(output.unavailable > 0 && output.refused == 0, "{output:?}");
}

#[tokio::test]
async fn cut_ends_the_connection_within_a_message() {
    let outcome = run_fault("cut points", small_scene()).await;
    assert!(outcome.report.points.cut >= 1, "{outcome:?}");
    assert_eq!(outcome.points.breaks.len(), 1, "{outcome:?}");
    assert_eq!(outcome.points.connections, 2, "{outcome:?}");
}

#[tokio::test]
async fn invalid_and_oversized_frames_cost_the_connection() {
    let outcome = run_fault("nonsense output", small_scene()).await;
    assert_eq!(outcome.output.connections, 2, "{outcome:?}");
    assert!(outcome.output.breaks[0].contains("opcode"), "{outcome:?}");
    let outcome = run_fault("oversized points", small_scene()).await;
    assert_eq!(
        (outcome.points.connections, outcome.points.oversized),
        (2, 1)
    );
}

#[tokio::test]
async fn half_open_connection_ends_after_its_duration() {
    let outcome = run_fault("halfopen points for 0.2", small_scene()).await;
    let points = &outcome.points;
    assert_eq!(
        (points.connections, points.closes.len()),
        (2, 1),
        "{points:?}"
    );
}

#[tokio::test]
async fn messages_wait_for_the_end_of_stall_and_silence() {
    for fault in ["stall points", "silent points"] {
        let options = Options {
            client_buffer_bytes: 100 << 20,
            ..small_scene()
        };
        let outcome = run_fault(&format!("{fault} for 0.3"), options).await;
        let points = &outcome.points;
        assert_eq!((points.connections, points.breaks.len()), (1, 0), "{fault}");
    }
}

#[tokio::test]
async fn stall_that_exceeds_the_buffer_overflows() {
    let options = Options {
        client_buffer_bytes: 20_000,
        ..small_scene()
    };
    let outcome = run_fault("stall points for 0.5", options).await;
    assert_eq!(outcome.points.closes[0], 1011, "{outcome:?}");
    assert!(outcome.report.points.cut > 0, "{outcome:?}");
    outcome
        .points
        .assert_balanced(&outcome.report.points, "overflow");
    assert_eq!(outcome.output.contents.health_events, 1);
}

#[tokio::test]
async fn injected_frames_do_not_decode_and_are_not_counted_as_delivered() {
    for fault in [
        "garbage points",
        "truncated points",
        "garbage output",
        "truncated output",
    ] {
        let outcome = run_fault(fault, small_scene()).await;
        let injected = outcome.report.points.injected + outcome.report.output.injected;
        let undecodable = outcome.points.undecodable + outcome.output.undecodable;
        assert_eq!((injected, undecodable), (1, 1), "{fault}: {outcome:?}");
    }
    let outcome = run_fault("text points", small_scene()).await;
    assert_eq!((outcome.points.text, outcome.points.connections), (1, 1));
}

#[tokio::test]
async fn a_hundred_pings_are_sent_at_once_or_between_fragments() {
    let quiet = Options {
        ping_interval: None,
        ..small_scene()
    };
    let outcome = run_fault("pings output", quiet.clone()).await;
    assert_eq!(outcome.output.pings, 100);
    let outcome = run_fault("fragmented points for 0.3", quiet).await;
    assert!(outcome.points.pings > 0, "{outcome:?}");
    assert_eq!(
        (outcome.points.connections, outcome.points.undecodable),
        (1, 0)
    );
}

#[tokio::test]
async fn slowly_written_message_arrives_whole() {
    let outcome = run_fault("drip points for 0.2", small_scene()).await;
    let points = &outcome.points;
    assert_eq!(
        (points.connections, points.undecodable),
        (1, 0),
        "{points:?}"
    );
}

#[tokio::test]
async fn overflow_is_reported_and_closed_with_1011() {
    let outcome = run_fault("overflow output", small_scene()).await;
    assert_eq!(outcome.output.closes, [1011, 1001]);
    assert_eq!(outcome.output.contents.health_events, 1);
    assert_eq!(outcome.report.clients.overflowed, 1);
}

#[tokio::test]
async fn close_fault_is_a_normal_closure() {
    let outcome = run_fault("close points", small_scene()).await;
    assert_eq!(outcome.points.closes, [1000, 1001]);
    assert_eq!(outcome.points.breaks.len(), 0, "{outcome:?}");
}

#[tokio::test]
async fn clock_jumps_by_the_requested_time() {
    let outcome = run_fault("clock for -30", small_scene()).await;
    assert_eq!(steps_back(&outcome), 1, "{:?}", outcome.output.times_ns);
    let jumped = |event: &FaultEvent| match event {
        FaultEvent::Fault { secs, .. } => *secs,
        FaultEvent::Recovered { .. } => None,
    };
    assert_eq!(jumped(&outcome.events[0]), Some(-30.0));
    let outcome = run_fault("clock for 30", small_scene()).await;
    assert_eq!(steps_back(&outcome), 0, "{:?}", outcome.output.times_ns);
    let pairs = outcome.output.times_ns.windows(2);
    let leaps = pairs.filter(|pair| pair[1] - pair[0] > 29_000_000_000);
    assert_eq!(leaps.count(), 1);
}

#[tokio::test]
async fn next_clouds_are_empty_or_non_finite_and_still_counted() {
    let outcome = run_fault("empty points", small_scene()).await;
    assert_eq!(outcome.points.empty_clouds, 3, "one message");
    assert_eq!(outcome.report.points.injected, 0);
    let outcome = run_fault("empty output", small_scene()).await;
    assert_eq!(
        (outcome.output.bare, outcome.report.output.injected),
        (1, 1)
    );
    let outcome = run_fault("nan", small_scene()).await;
    assert_eq!(outcome.points.non_finite_clouds, 3, "one message");
    assert_eq!(
        outcome.points.binary_bytes,
        outcome.report.points.delivered_bytes
    );
}
