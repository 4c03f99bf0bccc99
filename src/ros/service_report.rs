//! Report of the bridge to the service manager: ready, alive, state of the links.

use std::time::{Duration, Instant};

use crate::connection::status::{LinkFigures, LinkState};
use crate::metrics::Metrics;
use crate::supervisor::heartbeat::{Heartbeat, PulseMonitor};
use crate::supervisor::service_manager::ServiceManager;
use crate::time::rate_limiter::RateLimiter;

/// Shortest time between two looks at the links.
const STATUS_PERIOD: Duration = Duration::from_secs(1);

/// Reports to the service manager, if there is one.
pub(super) struct ServiceReport {
    manager: ServiceManager,
    links: PulseMonitor<2>,
    status_timer: RateLimiter,
}

impl ServiceReport {
    /// Reports from `now` on. `links` are the heartbeats of the threads that read.
    pub(super) fn new(links: [Heartbeat; 2], now: Instant) -> Self {
        Self {
            manager: ServiceManager::from_environment(),
            links: PulseMonitor::new(links, now),
            status_timer: RateLimiter::default(),
        }
    }

    /// Reports that the bridge is alive, and the state of the links. To be called in each turn of the main loop, which
    /// thereby vouches for itself. `are_publishers_working` vouches for the threads that publish.
    pub(super) fn update(&mut self, now: Instant, metrics: &Metrics, are_publishers_working: bool) {
        if !self.manager.is_present() {
            return;
        }
        // Links that wait for a server are alive: their keep-alive ends those that receive nothing.
        if self.links.are_beating(now) && are_publishers_working {
            self.manager.alive(now);
        }
        if self.status_timer.is_due(now, STATUS_PERIOD) {
            let links = [&metrics.points, &metrics.output].map(|stream| stream.link.snapshot());
            let status = describe_links(&links);
            if links.iter().all(has_started) {
                self.manager.ready(&status);
            } else {
                self.manager.status(&status);
            }
        }
    }

    /// Reports that the bridge ends.
    pub(super) fn report_stop(&mut self) {
        self.manager.stopping();
    }
}

/// Returns whether the link has come as far as it can without the server: it is connected, or retries, or is paused.
fn has_started(link: &LinkFigures) -> bool {
    link.state != LinkState::Connecting || link.failed_attempts > 0 || link.connects > 0
}

fn describe_links([points, output]: &[LinkFigures; 2]) -> String {
    format!(
        "points: {}; output: {}",
        describe_link(points),
        describe_link(output)
    )
}

fn describe_link(link: &LinkFigures) -> String {
    let url = &link.url;
    match link.state {
        _ if url.is_empty() => "starting".to_owned(),
        LinkState::Connected if link.is_silent => {
            format!("connected to {url}, which sends nothing")
        }
        LinkState::Connected => format!("connected to {url}"),
        LinkState::Paused => "paused".to_owned(),
        LinkState::Stopped => "stopped".to_owned(),
        LinkState::Connecting | LinkState::Backoff if link.last_error.is_empty() => {
            format!("connecting to {url}")
        }
        LinkState::Connecting | LinkState::Backoff => {
            format!("retrying {url}: {}", link.last_error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(state: LinkState, last_error: &str) -> LinkFigures {
        LinkFigures {
            url: "ws://server:5050/".to_owned(),
            state,
            last_error: last_error.to_owned(),
            ..LinkFigures::default()
        }
    }

    #[test]
    fn a_link_that_retries_has_started_and_one_in_its_first_attempt_has_not() {
        assert!(!has_started(&link(LinkState::Connecting, "")));
        let again = LinkFigures {
            failed_attempts: 1,
            ..link(LinkState::Connecting, "refused")
        };
        assert!(has_started(&again));
        for state in [LinkState::Connected, LinkState::Backoff, LinkState::Paused] {
            assert!(has_started(&link(state, "")));
        }
    }

    #[test]
    fn the_status_tells_of_both_links() {
        let links = [
            link(LinkState::Connected, "refused"),
            link(LinkState::Backoff, "refused"),
        ];
        assert_eq!(
            describe_links(&links),
            "points: connected to ws://server:5050/; output: retrying ws://server:5050/: refused"
        );
    }
}
