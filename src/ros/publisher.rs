//! The topics, as publishers.

use r2r::{Node, PublisherUntyped, QosProfile};

use super::RuntimeError;
use crate::config::CloudQos;
use crate::pipeline::publish::Sink;
use crate::topic::{QosClass, Topic};

/// Hands serialized messages to the middleware. Owned by the thread that publishes.
pub(super) struct DdsSink {
    /// Those of the topics it is for.
    publishers: [Option<PublisherUntyped>; Topic::COUNT],
}

impl DdsSink {
    pub(super) fn new(
        node: &mut Node,
        qos: CloudQos,
        topics: &[Topic],
    ) -> Result<Self, RuntimeError> {
        let mut publishers = [const { None }; Topic::COUNT];
        for topic in topics {
            let publisher = node
                .create_publisher_untyped(topic.name(), topic.message_type(), profile(*topic, qos))
                .map_err(RuntimeError::ros(format!("publish {}", topic.name())))?;
            publishers[topic.index()] = Some(publisher);
        }
        Ok(Self { publishers })
    }

    fn publisher(&self, topic: Topic) -> &PublisherUntyped {
        self.publishers[topic.index()]
            .as_ref()
            .expect("an outflow is given a sink for what it publishes")
    }
}

fn profile(topic: Topic, qos: CloudQos) -> QosProfile {
    let qos_class = topic.qos_class();
    let profile = QosProfile::default()
        .reliable()
        .volatile()
        .keep_last(qos_class.depth(qos.depth));
    match qos_class {
        QosClass::Cloud if !qos.reliable => profile.best_effort(),
        QosClass::Latched => profile.transient_local(),
        QosClass::Cloud | QosClass::Stream | QosClass::Frames | QosClass::Event => profile,
    }
}

impl Sink for DdsSink {
    type Error = r2r::Error;

    fn subscribers(&self, topic: Topic) -> usize {
        // If the question fails, publishing will fail too, and that is counted.
        self.publisher(topic)
            .get_inter_process_subscription_count()
            .unwrap_or(1)
    }

    fn publish(&mut self, topic: Topic, message: &[u8]) -> Result<(), r2r::Error> {
        self.publisher(topic).publish_raw(message)
    }

    /// There will never be another answer: publisher, node or context are gone.
    fn is_final(error: &r2r::Error) -> bool {
        matches!(
            error,
            r2r::Error::RCL_RET_PUBLISHER_INVALID
                | r2r::Error::RCL_RET_NODE_INVALID
                | r2r::Error::RCL_RET_NOT_INIT
                | r2r::Error::RCL_RET_ALREADY_SHUTDOWN
        )
    }
}
