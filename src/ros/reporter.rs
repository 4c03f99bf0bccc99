//! Periodic reports of the node: statistics and diagnostics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::sensr_bridge::msg::BridgeStatistics;
use r2r::{Node, Publisher, QosProfile};

use super::diagnostics_publisher::DiagnosticsPublisher;
use super::duplicate_node::DuplicateNodeCheck;
use super::status_publisher::DIAGNOSTICS_PERIOD;
use super::{RuntimeError, statistics};
use crate::config::ResolvedConfig;
use crate::metrics::Metrics;
use crate::pipeline::queues::Queues;
use crate::time::rate_limiter::RateLimiter;

/// Topic of the statistics, which every bridge publishes, and no other node.
const STATISTICS: &str = "statistics";

/// Time for the subscribers to receive the last messages before the node goes. Its publishers go with it, and what they
/// still hold can no longer be asked for. rcl can wait for acknowledgements; r2r does not offer that.
const DELIVERY_TIME: Duration = Duration::from_millis(200);
/// Time between two checks for subscribers of the last messages.
const DELIVERY_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Publishes statistics and diagnostics.
pub(super) struct Reporter {
    start: Instant,
    statistics: Publisher<BridgeStatistics>,
    statistics_timer: RateLimiter,
    diagnostics: DiagnosticsPublisher,
    diagnostics_timer: RateLimiter,
    duplicates: DuplicateNodeCheck,
}

impl Reporter {
    pub(super) fn new(node: &mut Node, start: Instant) -> Result<Self, RuntimeError> {
        Ok(Self {
            start,
            statistics: node
                .create_publisher(STATISTICS, QosProfile::default())
                .map_err(RuntimeError::ros("publish statistics"))?,
            statistics_timer: RateLimiter::default(),
            diagnostics: DiagnosticsPublisher::new(node)?,
            diagnostics_timer: RateLimiter::default(),
            duplicates: DuplicateNodeCheck::new(node, "bridge", STATISTICS)?,
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

    /// Waits a moment if there are subscribers of the statistics, so that they receive the last ones: the account of a
    /// recording ends with them.
    pub(super) fn wait_for_delivery(&self) {
        let deadline = Instant::now() + DELIVERY_TIME;
        let has_subscribers = || {
            let count = self.statistics.get_inter_process_subscription_count();
            count.is_ok_and(|count| count > 0)
        };
        while has_subscribers() && Instant::now() < deadline {
            std::thread::sleep(DELIVERY_POLL_INTERVAL);
        }
    }
}
