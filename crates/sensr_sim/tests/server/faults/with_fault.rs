//! Server with a fault and the observations of its clients.

use sensr_sim::{FaultEvent, FaultKind, Links, Options, Report, Server};
use tokio::sync::mpsc::UnboundedReceiver;

use super::reading_client::{ReadingClient, ReceivedCounts};
use crate::support::{quick_scene, start, within_limit};

/// Observations during a fault.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub points: ReceivedCounts,
    pub output: ReceivedCounts,
    pub report: Report,
    /// Events of its begin and end.
    pub events: [FaultEvent; 2],
}

/// Returns options with few points, so that many servers can run at the same time.
pub(crate) fn small_scene() -> Options {
    Options {
        points: Some(100),
        rate_hz: 100.0,
        ..quick_scene()
    }
}

/// Runs a fault while a client reads each stream, until messages arrive again.
pub(crate) async fn run_fault(fault: &str, options: Options) -> Outcome {
    let server = start(options).await;
    let mut events = server.fault_events();
    let points = ReadingClient::points(server.points_addr(), None);
    let output = ReadingClient::output(server.output_addr(), None);
    tokio::join!(points.wait_for_messages(3), output.wait_for_messages(1));
    let parsed = fault.parse().expect("a fault");
    server.inject(parsed).await.expect("accepted");
    let events = [next_event(&mut events).await, next_event(&mut events).await];
    tokio::join!(points.wait_for_messages(3), output.wait_for_messages(2));
    finish_run(server, points, output, events).await
}

async fn finish_run(
    server: Server,
    points: ReadingClient,
    output: ReadingClient,
    events: [FaultEvent; 2],
) -> Outcome {
    let report = within_limit(server.stop()).await.expect("ends well");
    let (points, output) = tokio::join!(points.stop(), output.stop());
    Outcome {
        points,
        output,
        report,
        events,
    }
}

pub(crate) async fn next_event(events: &mut UnboundedReceiver<FaultEvent>) -> FaultEvent {
    within_limit(events.recv()).await.expect("the server runs")
}

impl Outcome {
    /// Asserts what holds for every fault: the counts balance and the other link is undisturbed.
    pub(crate) fn assert_only_link_affected(&self, kind: FaultKind, links: Links) {
        let what = format!("{kind} {}", links.name());
        let Report { points, output, .. } = &self.report;
        self.points.assert_balanced(points, &what);
        self.output.assert_balanced(output, &what);
        assert_eq!(self.points.clouds, self.report.delivered_clouds, "{what}");
        assert_eq!(
            self.output.contents, self.report.delivered_contents,
            "{what}"
        );
        let is_affected = |other: Links| links == Links::Both || links == other;
        for (link, received, report) in [
            (Links::Points, &self.points, points),
            (Links::Output, &self.output, output),
        ] {
            let expected = u64::from(is_affected(link));
            assert_eq!(report.faults.of(kind), expected, "{what}");
            assert_eq!(report.faults.total(), expected, "{what}");
            if !is_affected(link) {
                let is_undisturbed = received.connections == 1 && received.closes == [1001];
                assert!(is_undisturbed, "{what} disturbed {link:?}: {received:?}");
                assert_eq!((report.injected, received.breaks.len()), (0, 0), "{what}");
            }
        }
        let [begin, over] = &self.events;
        assert!(
            matches!(begin, FaultEvent::Fault { fault, link, .. } if (*fault, *link) == (kind, links)),
            "{what}: {begin:?}"
        );
        assert!(
            matches!(over, FaultEvent::Recovered { fault, link, .. } if (*fault, *link) == (kind, links)),
            "{what}: {over:?}"
        );
    }
}
