//! `/diagnostics`: what [`Diagnostics`] finds, by the conventions of `diagnostic_updater`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use r2r::std_msgs::msg::Header;
use r2r::{Node, Publisher, QosProfile};

use super::ros_types::{text, time};
use super::{RuntimeError, logging};
use crate::config::Config;
use crate::diagnostics::{Diagnostics, DiagnosticsInput, LinkInput, Status};
use crate::environment::shared_memory::SharedMemoryUsers;
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::{Queues, memory_bound};
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Stamp;

/// The same for all nodes, whatever their namespace: that is where the tools look.
const TOPIC: &str = "/diagnostics";
/// At most one complaint in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Publishes how everything is.
pub(super) struct DiagnosticsPublisher {
    publisher: Publisher<DiagnosticArray>,
    /// Fully qualified: one machine may run a bridge per site.
    node: String,
    diagnosis: Diagnostics,
    complaint: LogThrottle,
    neighbours: SharedMemoryUsers,
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
            diagnosis: Diagnostics::new(Instant::now()),
            complaint: LogThrottle::new(LOG_PERIOD),
            neighbours: SharedMemoryUsers::default(),
        })
    }

    /// Examines and publishes. Meant to be called once a second.
    /// `others` are the nodes that publish on the same topics.
    pub(super) fn publish(
        &mut self,
        stats: &Metrics,
        queues: &Queues,
        config: Arc<Config>,
        others: &[String],
    ) {
        let users = self.neighbours.poll(Instant::now());
        let facts = facts(stats, queues, config, others, users);
        let statuses = self.diagnosis.examine(&facts);
        let message = DiagnosticArray {
            header: Header {
                stamp: time(Stamp::now()),
                frame_id: String::new(),
            },
            status: statuses
                .into_iter()
                .map(|status| message_of(status, &self.node, &facts.config.host))
                .collect(),
        };
        if let Err(error) = self.publisher.publish(&message)
            && let Some(suppressed) = self.complaint.pass(facts.now)
        {
            log::warn!("could not publish {TOPIC}: {error}{suppressed}");
        }
    }
}

/// Everything as it is now.
fn facts(
    stats: &Metrics,
    queues: &Queues,
    config: Arc<Config>,
    others: &[String],
    shared_memory_users: Vec<u32>,
) -> DiagnosticsInput {
    let link = |stream: &StreamMetrics, queue, reliable| LinkInput {
        figures: stream.link.snapshot(),
        queue,
        reliable,
    };
    let clock = stats.clock();
    let (estimate, anomalies) = (clock.estimate(), clock.anomalies());
    drop(clock);
    let memory = ProcessMemory::of_this_process();
    DiagnosticsInput {
        now: Instant::now(),
        points: link(&stats.points, queues.clouds.fill(), None),
        output: link(
            &stats.output,
            queues.objects.fill(),
            Some(queues.reliable.fill()),
        ),
        accounts: stats.ledger.snapshot(),
        clock: estimate,
        anomalies,
        memory,
        memory_bound: memory_bound(stats, queues, config.qos.depth, memory.unwrap_or_default()),
        server: stats.server.snapshot(),
        config,
        others: others.to_vec(),
        log: logging::figures(),
        shared_memory_users,
    }
}

fn message_of(status: Status, node: &str, hardware_id: &str) -> DiagnosticStatus {
    DiagnosticStatus {
        level: status.level.number(),
        name: text(format!("{node}: {}", status.task)),
        message: text(status.message),
        hardware_id: text(hardware_id.to_owned()),
        values: status
            .values
            .into_iter()
            .map(|(key, value)| KeyValue {
                key: text(key.into_owned()),
                value: text(value),
            })
            .collect(),
    }
}
