//! Publisher of `/diagnostics`, by the conventions of `diagnostic_updater`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use r2r::std_msgs::msg::Header;
use r2r::{Node, Publisher, QosProfile};

use super::ros_types::{to_c_text, to_time};
use super::{RuntimeError, logging};
use crate::config::ResolvedConfig;
use crate::diagnostics::{Diagnostics, DiagnosticsInput, LinkInput, Status};
use crate::environment::shared_memory::{SharedMemoryMonitor, UnreachableNodes};
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::memory_bound;
use crate::pipeline::queues::Queues;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Stamp;

/// Absolute name: tools expect the diagnostics of all nodes on it.
const TOPIC: &str = "/diagnostics";
/// Shortest time between two log lines about a failure to publish.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Publishes the diagnostics of the bridge.
pub(super) struct DiagnosticsPublisher {
    publisher: Publisher<DiagnosticArray>,
    /// Fully qualified name of the node: one machine may run a bridge per site.
    node: String,
    diagnostics: Diagnostics,
    refusal_throttle: LogThrottle,
    shared_memory: SharedMemoryMonitor,
}

impl DiagnosticsPublisher {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let qos = QosProfile::default().reliable().keep_last(10);
        Ok(Self {
            publisher: node
                .create_publisher(TOPIC, qos)
                .map_err(RuntimeError::ros(format!("publish {TOPIC}")))?,
            node: node
                .fully_qualified_name()
                .map_err(RuntimeError::ros("read the node's name"))?,
            diagnostics: Diagnostics::new(Instant::now()),
            refusal_throttle: LogThrottle::new(LOG_PERIOD),
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
        let message = DiagnosticArray {
            header: Header {
                stamp: to_time(Stamp::now()),
                frame_id: String::new(),
            },
            status: statuses
                .into_iter()
                .map(|status| message_of(status, &self.node, &input.config.host))
                .collect(),
        };
        if let Err(error) = self.publisher.publish(&message)
            && let Some(suppressed) = self.refusal_throttle.try_acquire(input.now)
        {
            log::warn!("{TOPIC}: the middleware refused the message: {error}{suppressed}");
        }
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

fn message_of(status: Status, node: &str, hardware_id: &str) -> DiagnosticStatus {
    DiagnosticStatus {
        level: status.level.number(),
        name: to_c_text(format!("{node}: {}", status.task)),
        message: to_c_text(status.message),
        hardware_id: to_c_text(hardware_id.to_owned()),
        values: status
            .values
            .into_iter()
            .map(|(key, value)| KeyValue {
                key: to_c_text(key.into_owned()),
                value: to_c_text(value),
            })
            .collect(),
    }
}
