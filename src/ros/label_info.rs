//! Names of the labels in `objects/detections`.

use r2r::{Node, PublisherUntyped, QosProfile};

use super::RuntimeError;
use super::publisher::create_optional_publisher;
use crate::config::ResolvedConfig;
use crate::encode::messages::label_info;
use crate::time::stamp::Stamp;
use crate::topic::Topic;
use ros_cdr::Header;

const TOPIC: &str = "objects/label_info";

/// Publishes the names as soon as `objects/detections` is switched on. The topic is latched: late subscribers get them.
pub(super) struct LabelInfo {
    /// `None` if the bridge was built without the package of the message.
    publisher: Option<PublisherUntyped>,
    /// Frame of the header, as last published.
    frame_id: Option<String>,
}

impl LabelInfo {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let profile = QosProfile::default()
            .reliable()
            .transient_local()
            .keep_last(1);
        Ok(Self {
            publisher: create_optional_publisher(
                node,
                TOPIC,
                "vision_msgs/msg/LabelInfo",
                profile,
            )?,
            frame_id: None,
        })
    }

    /// Publishes the names if they are wanted and have not been published, or their frame has changed.
    pub(super) fn publish_if_changed(&mut self, config: &ResolvedConfig) {
        let is_published = self.frame_id.as_ref() == Some(&config.frame_id);
        if config.publishes(Topic::Detections) && !is_published && self.publish(&config.frame_id) {
            self.frame_id = Some(config.frame_id.clone());
        }
    }

    /// Publishes the names again, if they have been published.
    pub(super) fn repeat(&self) {
        if let Some(frame_id) = &self.frame_id {
            self.publish(frame_id);
        }
    }

    /// Returns whether the middleware has taken the names.
    fn publish(&self, frame_id: &str) -> bool {
        let Some(publisher) = &self.publisher else {
            return false;
        };
        let header = Header {
            stamp: Stamp::now().into(),
            frame_id,
        };
        let mut message = Vec::new();
        label_info(&mut message, header);
        if let Err(error) = publisher.publish_raw(&message) {
            log::error!("{TOPIC}: the middleware refused the names of the labels: {error}");
            return false;
        }
        true
    }
}
