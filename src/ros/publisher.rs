//! Publishers of the topics of one thread.

use r2r::{Node, PublisherUntyped, QosProfile};

use super::RuntimeError;
use crate::config::CloudQos;
use crate::pipeline::publish::Sink;
use crate::topic::{PublishingThread, QosClass, Topic};

/// Publishes serialized messages of one thread. Owned by that thread.
pub(super) struct DdsSink {
    /// Publishers of the topics of the thread.
    publishers: [Option<PublisherUntyped>; Topic::COUNT],
}

impl DdsSink {
    pub(super) fn new(
        node: &mut Node,
        qos: CloudQos,
        thread: PublishingThread,
    ) -> Result<Self, RuntimeError> {
        let mut publishers = [const { None }; Topic::COUNT];
        for topic in thread.topics() {
            let publisher = node
                .create_publisher_untyped(
                    topic.name(),
                    topic.message_type(),
                    qos_profile(topic, qos),
                )
                .map_err(RuntimeError::ros(format!("publish {}", topic.name())))?;
            publishers[topic.index()] = Some(publisher);
        }
        Ok(Self { publishers })
    }

    fn publisher(&self, topic: Topic) -> &PublisherUntyped {
        self.publishers[topic.index()]
            .as_ref()
            .expect("`published_topic` lets a thread name only its own topics")
    }
}

fn qos_profile(topic: Topic, qos: CloudQos) -> QosProfile {
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
        // If the query fails, publishing will fail too, and that is counted.
        self.publisher(topic)
            .get_inter_process_subscription_count()
            .unwrap_or(1)
    }

    fn publish(&mut self, topic: Topic, message: &[u8]) -> Result<(), r2r::Error> {
        self.publisher(topic).publish_raw(message)
    }

    /// Returns whether publisher, node or context are no longer valid, which is permanent.
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
