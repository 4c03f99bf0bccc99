//! Publishers of the topics of one thread.

use std::sync::Arc;

use r2r::{Node, PublisherUntyped, QosProfile};

use super::RuntimeError;
use super::sensor_publishers::SensorPublishers;
use crate::config::CloudQos;
use crate::pipeline::publish::Sink;
use crate::topic::{AnyTopic, PublishingThread, Topic};

/// Publishes serialized messages of one thread. Owned by that thread.
pub(super) struct DdsSink {
    /// Publishers of the topics of the thread. An optional topic has none if the package of its message was not installed
    /// when the bridge was built.
    publishers: [Option<PublisherUntyped>; Topic::COUNT],
    /// Publishers of the topics of sensors, which the main thread creates as the sensors come.
    sensors: Arc<SensorPublishers>,
}

impl DdsSink {
    pub(super) fn new(
        node: &mut Node,
        qos: CloudQos,
        thread: PublishingThread,
        sensors: &Arc<SensorPublishers>,
    ) -> Result<Self, RuntimeError> {
        let mut publishers = [const { None }; Topic::COUNT];
        for topic in thread.topics() {
            let (name, message_type) = (topic.name(), topic.message_type());
            let profile = qos_profile(topic, qos);
            publishers[topic.index()] = if topic.is_optional() {
                create_optional_publisher(node, name, message_type, profile)?
            } else {
                Some(create_publisher(node, name, message_type, profile)?)
            };
        }
        Ok(Self {
            publishers,
            sensors: Arc::clone(sensors),
        })
    }

    /// Uses the publisher of a topic. `None` if there is none, or not yet.
    fn with_publisher<T>(
        &self,
        topic: AnyTopic,
        action: impl FnOnce(&PublisherUntyped) -> T,
    ) -> Option<T> {
        match topic {
            AnyTopic::Listed(topic) => self.publishers[topic.index()].as_ref().map(action),
            AnyTopic::Sensor(slot) => self.sensors.with_publisher(slot, action),
        }
    }
}

pub(super) fn create_publisher(
    node: &mut Node,
    name: &str,
    message_type: &str,
    profile: QosProfile,
) -> Result<PublisherUntyped, RuntimeError> {
    node.create_publisher_untyped(name, message_type, profile)
        .map_err(RuntimeError::ros(format!("publish {name}")))
}

/// Creates the publisher of a message whose package need not be installed. Returns `None`, and logs the cure, if the
/// bridge was built without it.
pub(super) fn create_optional_publisher(
    node: &mut Node,
    name: &str,
    message_type: &str,
    profile: QosProfile,
) -> Result<Option<PublisherUntyped>, RuntimeError> {
    match node.create_publisher_untyped(name, message_type, profile) {
        Ok(publisher) => Ok(Some(publisher)),
        Err(r2r::Error::InvalidMessageType { .. }) => {
            let package = message_type.split('/').next().unwrap_or(message_type);
            log::info!(
                "{name} is off: the package {package} was not installed when sensr_bridge was built; install it and build \
                 sensr_bridge again if you need the topic"
            );
            Ok(None)
        }
        Err(error) => Err(RuntimeError::ros(format!("publish {name}"))(error)),
    }
}

pub(super) fn qos_profile(topic: Topic, qos: CloudQos) -> QosProfile {
    let qos_class = topic.qos_class();
    let mut profile = QosProfile::default()
        .reliable()
        .volatile()
        .keep_last(qos_class.depth(qos.depth));
    if !qos_class.is_reliable(qos.reliable) {
        profile = profile.best_effort();
    }
    if qos_class.is_latched() {
        profile = profile.transient_local();
    }
    profile
}

impl Sink for DdsSink {
    type Error = r2r::Error;

    fn subscribers(&self, topic: AnyTopic) -> usize {
        // If the query fails, publishing will fail too, and that is counted.
        let count = self.with_publisher(topic, |publisher| {
            publisher
                .get_inter_process_subscription_count()
                .unwrap_or(1)
        });
        count.unwrap_or(0)
    }

    fn publish(&mut self, topic: AnyTopic, message: &[u8]) -> Result<(), r2r::Error> {
        // Without a publisher there are no subscribers, and nothing is serialized for them.
        self.with_publisher(topic, |publisher| publisher.publish_raw(message))
            .unwrap_or(Err(r2r::Error::RCL_RET_PUBLISHER_INVALID))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::SensorSlot;
    use r2r::Context;

    #[test]
    fn a_message_that_was_not_built_in_turns_its_topic_off_and_a_built_in_one_does_not() {
        let context = Context::create().expect("rcl");
        let mut node = Node::create(context, "optional_publisher_test", "").expect("a node");
        let mut create = |message_type| {
            let profile = QosProfile::default();
            create_optional_publisher(&mut node, "objects/test", message_type, profile)
                .expect("no other error")
        };
        assert!(create("vision_msgs/msg/NoSuchMessage").is_none());
        assert!(create("no_such_package/msg/Message").is_none());
        assert!(create("sensr_bridge/msg/ObjectArray").is_some());
    }

    #[test]
    fn a_sink_without_the_publisher_of_a_topic_has_no_subscriber_for_it() {
        let mut sink = DdsSink {
            publishers: [const { None }; Topic::COUNT],
            sensors: Arc::default(),
        };
        let sensor = AnyTopic::Sensor(SensorSlot::ALL[0]);
        for topic in [Topic::Detections.into(), sensor] {
            assert_eq!(sink.subscribers(topic), 0);
            let error = sink.publish(topic, &[]).expect_err("refused");
            assert!(DdsSink::is_final(&error));
        }
    }
}
