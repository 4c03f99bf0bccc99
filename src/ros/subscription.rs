//! Messages of one topic that wait for the thread that spins the node.

use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::{Node, QosProfile, WrappedTypesupport};

use super::RuntimeError;

/// Received messages of one topic. A spin receives one of them, so that they cannot pile up if all are taken after it.
pub(super) struct Subscription<T>(Box<dyn Stream<Item = T> + Unpin>);

impl<T: WrappedTypesupport + 'static> Subscription<T> {
    /// Subscribes to a topic.
    pub(super) fn create(
        node: &mut Node,
        topic: &str,
        qos: QosProfile,
    ) -> Result<Self, RuntimeError> {
        let messages = node
            .subscribe(topic, qos)
            .map_err(RuntimeError::ros(format!("subscribe to {topic}")))?;
        Ok(Self(Box::new(messages)))
    }

    /// Takes the next message that has arrived.
    pub(super) fn next(&mut self) -> Option<T> {
        self.0.next().now_or_never().flatten()
    }
}
