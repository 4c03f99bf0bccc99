//! Periodic reports of the node: statistics and diagnostics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::sensr_bridge::msg::BridgeStatistics;
use r2r::{Node, Publisher, QosProfile};

use super::diagnostics_publisher::DiagnosticsPublisher;
use super::duplicate_bridge::DuplicateBridgeCheck;
use super::{RuntimeError, statistics};
use crate::config::ResolvedConfig;
use crate::metrics::Metrics;
use crate::pipeline::queues::Queues;
use crate::time::rate_limiter::RateLimiter;

/// Period of `/diagnostics`, as in `diagnostic_updater`.
const DIAGNOSTICS_PERIOD: Duration = Duration::from_secs(1);

/// Publishes statistics and diagnostics.
pub(super) struct Reporter {
    start: Instant,
    statistics: Publisher<BridgeStatistics>,
    statistics_timer: RateLimiter,
    diagnostics: DiagnosticsPublisher,
    diagnostics_timer: RateLimiter,
    duplicates: DuplicateBridgeCheck,
}

impl Reporter {
    pub(super) fn new(node: &mut Node, start: Instant) -> Result<Self, RuntimeError> {
        Ok(Self {
            start,
            statistics: node
                .create_publisher("statistics", QosProfile::default())
                .map_err(RuntimeError::ros("publish statistics"))?,
            statistics_timer: RateLimiter::default(),
            diagnostics: DiagnosticsPublisher::new(node)?,
            diagnostics_timer: RateLimiter::default(),
            duplicates: DuplicateBridgeCheck::new(node)?,
        })
    }

    /// Publishes the reports that are due. Returns the time of the next one.
    pub(super) fn publish_due_reports(
        &mut self,
        node: &Node,
        metrics: &Metrics,
        queues: &Queues,
        config: Arc<ResolvedConfig>,
    ) -> Instant {
        let now = Instant::now();
        if self.statistics_timer.is_due(now, config.statistics_period) {
            self.publish_statistics(metrics, queues, &config);
        }
        if self.diagnostics_timer.is_due(now, DIAGNOSTICS_PERIOD) {
            let others = self.duplicates.poll(node, now);
            self.diagnostics.publish(metrics, queues, config, others);
        }
        let timers = [&self.statistics_timer, &self.diagnostics_timer];
        let next = timers.into_iter().filter_map(RateLimiter::next_due).min();
        next.unwrap_or(now)
    }

    /// Publishes the present statistics, and returns them.
    pub(super) fn publish_statistics(
        &self,
        metrics: &Metrics,
        queues: &Queues,
        config: &ResolvedConfig,
    ) -> BridgeStatistics {
        let message = statistics::collect_statistics(metrics, queues, config, self.start);
        if let Err(error) = self.statistics.publish(&message) {
            log::warn!("statistics: the middleware refused the message: {error}");
        }
        message
    }
}
