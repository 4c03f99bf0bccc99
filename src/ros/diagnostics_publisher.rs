//! Publisher of the bridge's diagnostics.

use std::sync::Arc;
use std::time::Instant;

use r2r::Node;

use super::status_publisher::StatusPublisher;
use super::{RuntimeError, logging};
use crate::config::ResolvedConfig;
use crate::diagnostics::{Diagnostics, DiagnosticsInput, LinkInput};
use crate::environment::shared_memory::{SharedMemoryMonitor, UnreachableNodes};
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::memory_bound;
use crate::pipeline::queues::Queues;

/// Publishes the diagnostics of the bridge.
pub(super) struct DiagnosticsPublisher {
    publisher: StatusPublisher,
    diagnostics: Diagnostics,
    shared_memory: SharedMemoryMonitor,
}

impl DiagnosticsPublisher {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        Ok(Self {
            publisher: StatusPublisher::new(node)?,
            diagnostics: Diagnostics::new(Instant::now()),
            shared_memory: SharedMemoryMonitor::default(),
        })
    }

    /// Updates and publishes the diagnostics. To be called once a second. `others` are the nodes that publish on the
    /// same topics.
    pub(super) fn publish(
        &mut self,
        metrics: &Metrics,
        queues: &Queues,
        config: Arc<ResolvedConfig>,
        others: &[String],
    ) {
        let unreachable = self.shared_memory.poll(Instant::now());
        let input = collect_input(metrics, queues, config, others, unreachable);
        let statuses = self.diagnostics.assess_all(&input);
        self.publisher
            .publish(statuses, &input.config.host, input.now);
    }
}

/// Returns the present input of the diagnostics.
fn collect_input(
    metrics: &Metrics,
    queues: &Queues,
    config: Arc<ResolvedConfig>,
    others: &[String],
    unreachable: UnreachableNodes,
) -> DiagnosticsInput {
    let link = |stream: &StreamMetrics, queue, reliable| LinkInput {
        figures: stream.link.snapshot(),
        queue,
        reliable,
    };
    let clock = metrics.clock();
    let (estimate, anomalies) = (clock.estimate(), clock.anomalies());
    drop(clock);
    let memory = ProcessMemory::of_this_process();
    DiagnosticsInput {
        now: Instant::now(),
        points: link(&metrics.points, queues.clouds.fill(), None),
        output: link(
            &metrics.output,
            queues.objects.fill(),
            Some(queues.reliable.fill()),
        ),
        accounts: metrics.ledger.snapshot(),
        sensor_topics: Arc::clone(&metrics.sensor_topics),
        clock: estimate,
        anomalies,
        memory,
        memory_bound: memory_bound(
            metrics,
            queues,
            config.qos.depth,
            memory.unwrap_or_default(),
        ),
        server: metrics.server.snapshot(),
        config,
        others: others.to_vec(),
        log: logging::figures(),
        unreachable,
    }
}
