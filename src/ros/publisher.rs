//! The cloud topics, as publishers.

use r2r::{Node, PublisherUntyped, QosProfile};

use super::Error;
use crate::config::CloudQos;
use crate::pipeline::CloudSink;
use crate::topic::CloudTopic;

/// Hands serialized clouds to the middleware. Owned by the thread that publishes.
pub(super) struct DdsSink {
    publishers: [PublisherUntyped; CloudTopic::COUNT],
}

impl DdsSink {
    pub(super) fn new(node: &mut Node, qos: CloudQos) -> Result<Self, Error> {
        let profile = QosProfile::default().volatile().keep_last(qos.depth);
        let profile = if qos.reliable {
            profile.reliable()
        } else {
            profile.best_effort()
        };
        let mut create = |topic: CloudTopic| {
            node.create_publisher_untyped(
                topic.name(),
                "sensor_msgs/msg/PointCloud2",
                profile.clone(),
            )
            .map_err(Error::ros(format!("publish {}", topic.name())))
        };
        let [raw, ground, background] = CloudTopic::ALL;
        let publishers = [create(raw)?, create(ground)?, create(background)?];
        Ok(Self { publishers })
    }
}

impl CloudSink for DdsSink {
    type Error = r2r::Error;

    fn is_wanted(&self, topic: CloudTopic) -> bool {
        // If the question fails, publishing will fail too, and that is counted.
        self.publishers[topic.index()]
            .get_inter_process_subscription_count()
            .map_or(true, |subscribers| subscribers > 0)
    }

    fn publish(&mut self, topic: CloudTopic, message: &[u8]) -> Result<(), r2r::Error> {
        self.publishers[topic.index()].publish_raw(message)
    }
}
