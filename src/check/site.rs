//! Examination of sites over the network: name, ports, TLS, WebSocket, and some seconds of both streams.
//!
//! Connections are made and read by the bridge's own code ([`connection::probe`](crate::connection::probe)). The links of
//! all sites are examined at the same time, so that a site that does not respond costs the others nothing.

mod clock_findings;
mod health_findings;
mod link_findings;
mod link_kind;
mod output_observer;
mod points_observer;
mod stream_findings;
mod stream_kind;
#[cfg(test)]
mod tests;
mod tls_findings;

use std::io;
use std::time::Duration;

use futures::future::join_all;

use crate::check::finding::Finding;
use crate::config::ResolvedConfig;
use crate::connection::options::LinkOptions;
use crate::connection::probe::{ListenTime, ProbeResult, probe};
use link_kind::{OUTPUT, POINTS};
use output_observer::OutputObserver;
use points_observer::PointsObserver;

/// Time within which a server sends its health, which it does about every ten seconds.
const HEALTH_TIME: Duration = Duration::from_secs(12);

/// Site to examine.
#[derive(Debug, Clone)]
pub struct SiteTarget {
    /// Name in the hosts file, or address.
    pub name: String,
    /// Namespace of its bridge, absolute, `/` for none.
    pub namespace: String,
    /// Parameters of its bridge, with the settings of the site.
    pub config: ResolvedConfig,
    /// Options of the point stream's link.
    pub points: LinkOptions,
    /// Options of the output stream's link.
    pub output: LinkOptions,
}

/// Result of the examination of a site.
#[derive(Debug)]
pub struct SiteReport {
    /// Findings, in the order of the steps.
    pub findings: Vec<Finding>,
    /// Rate of what a recorder would write, bytes per second, estimated from both streams. `None` if none was received.
    pub bytes_per_second: Option<f64>,
}

/// Results of both links of a site.
struct Probed {
    points: ProbeResult,
    output: ProbeResult,
    cloud_frames: PointsObserver,
    output_frames: OutputObserver,
}

/// Examines sites, and listens to each stream for `listen` and, if health is still missing then, until that is received
/// or overdue. Fails only if the operating system refuses the resources.
pub fn check_sites(targets: &[SiteTarget], listen: Duration) -> io::Result<Vec<SiteReport>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let reports = runtime.block_on(join_all(
        targets.iter().map(|target| check_site(target, listen)),
    ));
    // A name server that does not respond must not delay the end.
    runtime.shutdown_background();
    Ok(reports)
}

async fn check_site(target: &SiteTarget, listen: Duration) -> SiteReport {
    let mut cloud_frames = PointsObserver::default();
    let mut output_frames = OutputObserver::default();
    let time = ListenTime {
        least: listen,
        most: listen.max(HEALTH_TIME),
    };
    let (points, output) = tokio::join!(
        probe(&target.points, time, &mut cloud_frames),
        probe(&target.output, time, &mut output_frames),
    );
    let probed = Probed {
        points,
        output,
        cloud_frames,
        output_frames,
    };
    SiteReport {
        bytes_per_second: probed.recorded_bytes_per_second(&target.config),
        findings: probed
            .findings(target)
            .into_iter()
            .map(|finding| finding.of_site(&target.name))
            .collect(),
    }
}

impl Probed {
    fn findings(&self, target: &SiteTarget) -> Vec<Finding> {
        let links = [
            (&POINTS, &target.points, &self.points),
            (&OUTPUT, &target.output, &self.output),
        ];
        let mut findings = vec![link_findings::check_name(
            target,
            &self.points,
            &self.output,
        )];
        for (kind, options, result) in links {
            findings.extend(link_findings::check_port(kind, options, result));
            findings.extend(tls_findings::check_tls(kind, options, result));
            findings.extend(link_findings::check_websocket(kind, options, result));
        }
        findings.extend(stream_findings::check_points(
            target,
            &self.points,
            &self.cloud_frames,
        ));
        findings.extend(stream_findings::check_output(
            target,
            &self.output,
            &self.output_frames,
        ));
        if self.output_frames.has_messages() {
            findings.extend(health_findings::check_health(&self.output_frames));
            findings.push(clock_findings::check_clock(
                &target.config,
                &self.output_frames,
            ));
        }
        findings
    }

    /// Estimates the rate of the messages that are made from the frames, bytes per second: they are about as large as
    /// their contents on the wire.
    fn recorded_bytes_per_second(&self, config: &ResolvedConfig) -> Option<f64> {
        let clouds = self.cloud_frames.recorded_bytes_per_second(config);
        let output = self.output_frames.recorded_bytes_per_second(config);
        match (clouds, output) {
            (None, None) => None,
            (clouds, output) => Some(clouds.unwrap_or(0.0) + output.unwrap_or(0.0)),
        }
    }
}
