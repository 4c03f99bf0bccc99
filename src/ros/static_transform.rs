//! Static transform between the parent frame and SENSR's frame.

use r2r::geometry_msgs::msg::{Quaternion, Transform, TransformStamped, Vector3};
use r2r::std_msgs::msg::Header;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::{Node, Publisher, QosProfile};

use super::RuntimeError;
use super::ros_types::to_time;
use crate::config::ResolvedConfig;
use crate::time::stamp::Stamp;

/// Publishes the transform whenever the frames change. The topic is latched: late subscribers get the latest one.
pub(super) struct StaticTransform {
    publisher: Publisher<TFMessage>,
    /// Child and parent frame, as last published.
    frames: Option<(String, String)>,
}

impl StaticTransform {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let profile = QosProfile::default()
            .reliable()
            .transient_local()
            .keep_last(1);
        let publisher = node
            .create_publisher("/tf_static", profile)
            .map_err(RuntimeError::ros("publish /tf_static"))?;
        Ok(Self {
            publisher,
            frames: None,
        })
    }

    /// Publishes the transform if the frames have changed. Without a parent, an empty message replaces the transform for
    /// late subscribers; nodes that already have the transform keep it.
    pub(super) fn publish_if_changed(&mut self, config: &ResolvedConfig) {
        let child = &config.frame_id;
        let parent = config.parent_frame.as_ref();
        let frames = parent.map(|parent| (child.clone(), parent.clone()));
        if self.frames == frames {
            return;
        }
        if !self.publish(frames.as_ref()) {
            return;
        }
        if let (Some((child, parent)), None) = (&self.frames, &frames) {
            log::warn!(
                "/tf_static: no transform from {parent} to {child} any more: nodes that know it keep it until they \
                 are restarted"
            );
        }
        self.frames = frames;
    }

    /// Publishes the present transform again, if there is one.
    pub(super) fn repeat(&self) {
        if self.frames.is_some() {
            self.publish(self.frames.as_ref());
        }
    }

    /// Publishes the transform between child and parent frame, or that there is none. Returns whether the middleware has
    /// taken it.
    fn publish(&self, frames: Option<&(String, String)>) -> bool {
        let transforms = frames.map(|(child, parent)| identity_transform(parent, child));
        let message = TFMessage {
            transforms: transforms.into_iter().collect(),
        };
        if let Err(error) = self.publisher.publish(&message) {
            log::error!("/tf_static: the middleware refused the transform: {error}");
            return false;
        }
        true
    }
}

fn identity_transform(parent: &str, child: &str) -> TransformStamped {
    TransformStamped {
        header: Header {
            stamp: to_time(Stamp::now()),
            frame_id: parent.to_owned(),
        },
        child_frame_id: child.to_owned(),
        transform: Transform {
            translation: Vector3::default(),
            rotation: Quaternion {
                w: 1.0,
                ..Quaternion::default()
            },
        },
    }
}
