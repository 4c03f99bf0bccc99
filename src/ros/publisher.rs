//! The topics, as publishers.

use r2r::{Node, PublisherUntyped, QosProfile};

use super::Error;
use crate::config::CloudQos;
use crate::pipeline::Sink;
use crate::topic::{Delivery, Topic};

/// Kept of objects and pictures for a subscriber that is held up.
const STREAM_DEPTH: usize = 10;
/// Kept of frames for a recorder that is held up: they are as large as the clouds in them.
const FRAMES_DEPTH: usize = 20;
/// Kept of events. A burst of a thousand must reach a slow subscriber whole; each takes some hundred bytes.
/// Fast DDS keeps no more unless its profile says so.
const EVENT_DEPTH: usize = 5000;

/// Hands serialized messages to the middleware. Owned by the thread that publishes.
pub(super) struct DdsSink {
    /// Those of the topics it is for.
    publishers: [Option<PublisherUntyped>; Topic::COUNT],
}

impl DdsSink {
    pub(super) fn new(node: &mut Node, qos: CloudQos, topics: &[Topic]) -> Result<Self, Error> {
        let mut publishers = [const { None }; Topic::COUNT];
        for topic in topics {
            let publisher = node
                .create_publisher_untyped(topic.name(), topic.message_type(), profile(*topic, qos))
                .map_err(Error::ros(format!("publish {}", topic.name())))?;
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
    let kept = |depth| QosProfile::default().reliable().volatile().keep_last(depth);
    match topic.delivery() {
        Delivery::Cloud if !qos.reliable => kept(qos.depth).best_effort(),
        Delivery::Cloud => kept(qos.depth),
        Delivery::Stream => kept(STREAM_DEPTH),
        Delivery::Frames => kept(FRAMES_DEPTH),
        Delivery::Event => kept(EVENT_DEPTH),
        Delivery::Latched => kept(1).transient_local(),
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
}
