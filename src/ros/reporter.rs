//! What the node says of itself, and when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::sensr_bridge::msg::BridgeStatistics;
use r2r::{Node, Publisher, QosProfile};

use super::diagnostics::DiagnosticsPublisher;
use super::duplicate_bridge::DuplicateBridgeCheck;
use super::{RuntimeError, statistics};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::pipeline::Queues;
use crate::time::rate_limiter::RateLimiter;

/// What `diagnostic_updater` does, too.
const DIAGNOSTICS_PERIOD: Duration = Duration::from_secs(1);

/// Publishes figures, and what they mean.
pub(super) struct Reporter {
    start: Instant,
    statistics: Publisher<BridgeStatistics>,
    statistics_grid: RateLimiter,
    diagnostics: DiagnosticsPublisher,
    diagnostics_grid: RateLimiter,
    duplicates: DuplicateBridgeCheck,
}

impl Reporter {
    pub(super) fn new(node: &mut Node, start: Instant) -> Result<Self, RuntimeError> {
        Ok(Self {
            start,
            statistics: node
                .create_publisher("statistics", QosProfile::default())
                .map_err(RuntimeError::ros("publish statistics"))?,
            statistics_grid: RateLimiter::default(),
            diagnostics: DiagnosticsPublisher::new(node)?,
            diagnostics_grid: RateLimiter::default(),
            duplicates: DuplicateBridgeCheck::new(node)?,
        })
    }

    /// Publishes what is due. Returns when it has to be called again.
    pub(super) fn publish_due(
        &mut self,
        node: &Node,
        stats: &Metrics,
        queues: &Queues,
        config: Arc<Config>,
    ) -> Instant {
        let now = Instant::now();
        if self.statistics_grid.is_due(now, config.statistics_period) {
            self.publish_statistics(stats, queues, &config);
        }
        if self.diagnostics_grid.is_due(now, DIAGNOSTICS_PERIOD) {
            let others = self.duplicates.look(node, now);
            self.diagnostics.publish(stats, queues, config, others);
        }
        let grids = [&self.statistics_grid, &self.diagnostics_grid];
        let next = grids.into_iter().filter_map(RateLimiter::next_due).min();
        next.unwrap_or(now)
    }

    /// Publishes all figures as they are now, and returns them.
    pub(super) fn publish_statistics(
        &self,
        stats: &Metrics,
        queues: &Queues,
        config: &Config,
    ) -> BridgeStatistics {
        let message = statistics::gather(stats, queues, config, self.start);
        if let Err(error) = self.statistics.publish(&message) {
            log::warn!("could not publish statistics: {error}");
        }
        message
    }
}
