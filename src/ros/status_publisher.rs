//! Publisher of `/diagnostics`, by the conventions of `diagnostic_updater`.

use std::time::{Duration, Instant};

use r2r::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use r2r::std_msgs::msg::Header;
use r2r::{Node, Publisher, QosProfile};

use super::RuntimeError;
use super::ros_types::{to_c_text, to_time};
use crate::diagnostics::Status;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::Stamp;

/// Period of the messages, as in `diagnostic_updater`.
pub(super) const DIAGNOSTICS_PERIOD: Duration = Duration::from_secs(1);
/// Absolute name: tools expect the diagnostics of all nodes on it.
const TOPIC: &str = "/diagnostics";
/// Shortest time between two log lines about a failure to publish.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Publishes the statuses of a node.
pub(super) struct StatusPublisher {
    publisher: Publisher<DiagnosticArray>,
    /// Fully qualified name of the node: one machine may run a bridge per site.
    node: String,
    refusal_throttle: LogThrottle,
}

impl StatusPublisher {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let qos = QosProfile::default().reliable().keep_last(10);
        Ok(Self {
            publisher: node
                .create_publisher(TOPIC, qos)
                .map_err(RuntimeError::ros(format!("publish {TOPIC}")))?,
            node: node
                .fully_qualified_name()
                .map_err(RuntimeError::ros("read the node's name"))?,
            refusal_throttle: LogThrottle::new(LOG_PERIOD),
        })
    }

    /// Publishes statuses. To be called once a second.
    pub(super) fn publish(&mut self, statuses: Vec<Status>, hardware_id: &str, now: Instant) {
        let message = DiagnosticArray {
            header: Header {
                stamp: to_time(Stamp::now()),
                frame_id: String::new(),
            },
            status: statuses
                .into_iter()
                .map(|status| message_of(status, &self.node, hardware_id))
                .collect(),
        };
        if let Err(error) = self.publisher.publish(&message)
            && let Some(suppressed) = self.refusal_throttle.try_acquire(now)
        {
            log::warn!("{TOPIC}: the middleware refused the message: {error}{suppressed}");
        }
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
