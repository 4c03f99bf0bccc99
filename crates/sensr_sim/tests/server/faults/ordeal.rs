//! Server with a fault and the observations of its clients.

use sensr_sim::{FaultEvent, FaultKind, Links, Options, Report, Server};
use tokio::sync::mpsc::UnboundedReceiver;

use super::stubborn::{Stubborn, Tally};
use crate::support::{quick, soon, start};

/// Observations during a fault.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub points: Tally,
    pub output: Tally,
    pub report: Report,
    /// Events of its begin and end.
    pub events: [FaultEvent; 2],
}

/// Returns options with few points, so that many servers can run at the same time.
pub(crate) fn small() -> Options {
    Options {
        points: Some(100),
        rate_hz: 100.0,
        ..quick()
    }
}

/// Runs a fault while a client reads each stream, until messages arrive again.
pub(crate) async fn ordeal(fault: &str, options: Options) -> Outcome {
    let server = start(options).await;
    let mut told = server.fault_events();
    let points = Stubborn::points(server.points_addr(), None);
    let output = Stubborn::output(server.output_addr(), None);
    tokio::join!(points.more(3), output.more(1));
    let parsed = fault.parse().expect("a fault");
    server.inject(parsed).await.expect("carried out");
    let events = [next(&mut told).await, next(&mut told).await];
    tokio::join!(points.more(3), output.more(2));
    end(server, points, output, events).await
}

async fn end(
    server: Server,
    points: Stubborn,
    output: Stubborn,
    events: [FaultEvent; 2],
) -> Outcome {
    let report = soon(server.stop()).await.expect("ends well");
    let (points, output) = tokio::join!(points.end(), output.end());
    Outcome {
        points,
        output,
        report,
        events,
    }
}

pub(crate) async fn next(told: &mut UnboundedReceiver<FaultEvent>) -> FaultEvent {
    soon(told.recv()).await.expect("the server runs")
}

impl Outcome {
    /// Asserts what holds for every fault: the counts balance and the other link is undisturbed.
    pub(crate) fn assert_fair(&self, kind: FaultKind, links: Links) {
        let what = format!("{kind} {}", links.name());
        let Report { points, output, .. } = &self.report;
        self.points.assert_balanced(points, &what);
        self.output.assert_balanced(output, &what);
        assert_eq!(self.points.clouds, self.report.delivered_clouds, "{what}");
        assert_eq!(
            self.output.contents, self.report.delivered_contents,
            "{what}"
        );
        let suffers = |other: Links| links == Links::Both || links == other;
        for (link, tally, report) in [
            (Links::Points, &self.points, points),
            (Links::Output, &self.output, output),
        ] {
            let struck = u64::from(suffers(link));
            assert_eq!(report.faults.of(kind), struck, "{what}");
            assert_eq!(report.faults.total(), struck, "{what}");
            if !suffers(link) {
                let undisturbed = tally.connections == 1 && tally.closes == [1001];
                assert!(undisturbed, "{what} disturbed {link:?}: {tally:?}");
                assert_eq!((report.injected, tally.breaks.len()), (0, 0), "{what}");
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
