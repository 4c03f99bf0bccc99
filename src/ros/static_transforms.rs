//! Static transforms of the site: from the parent frame to SENSR's frame, and from the earth to the frame with the origin.

use r2r::geometry_msgs::msg::{Quaternion, TransformStamped, Vector3};
use r2r::std_msgs::msg::Header;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::{Node, Publisher, QosProfile};

use super::RuntimeError;
use super::ros_types::to_time;
use crate::config::ResolvedConfig;
use crate::place::Transform;
use crate::time::stamp::Stamp;

/// Publishes the transforms whenever they change. The topic is latched: late subscribers get the latest message, which
/// has all of them.
pub(super) struct StaticTransforms {
    publisher: Publisher<TFMessage>,
    /// As last published.
    transforms: Vec<FrameTransform>,
}

/// Transform between two frames.
#[derive(Debug, Clone, PartialEq)]
struct FrameTransform {
    parent: String,
    child: String,
    transform: Transform,
}

impl StaticTransforms {
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
            transforms: Vec::new(),
        })
    }

    /// Publishes the transforms if they have changed. Without any, an empty message replaces them for late subscribers;
    /// nodes that already have a transform keep it.
    pub(super) fn publish_if_changed(&mut self, config: &ResolvedConfig) {
        let transforms = transforms_of(config);
        if self.transforms == transforms || !self.publish(&transforms) {
            return;
        }
        for former in &self.transforms {
            let is_kept =
                |now: &FrameTransform| (&now.parent, &now.child) == (&former.parent, &former.child);
            if !transforms.iter().any(is_kept) {
                log::warn!(
                    "/tf_static: no transform from {} to {} any more: nodes that know it keep it until they are restarted",
                    former.parent,
                    former.child
                );
            }
        }
        self.transforms = transforms;
    }

    /// Publishes the present transforms again, if there are any.
    pub(super) fn repeat(&self) {
        if !self.transforms.is_empty() {
            self.publish(&self.transforms);
        }
    }

    /// Returns whether the middleware has taken the transforms.
    fn publish(&self, transforms: &[FrameTransform]) -> bool {
        let stamp = Stamp::now();
        let transforms = transforms.iter();
        let message = TFMessage {
            transforms: transforms
                .map(|transform| transform.stamped(stamp))
                .collect(),
        };
        if let Err(error) = self.publisher.publish(&message) {
            log::error!("/tf_static: the middleware refused the transforms: {error}");
            return false;
        }
        true
    }
}

/// Returns the transforms that a configuration asks for.
fn transforms_of(config: &ResolvedConfig) -> Vec<FrameTransform> {
    let site = config.parent_frame.clone().map(|parent| FrameTransform {
        parent,
        child: config.frame_id.clone(),
        transform: config.place.transform(),
    });
    let earth = config.earth_frame.clone().zip(config.place.origin());
    let earth = earth.map(|(parent, origin)| FrameTransform {
        parent,
        child: config.origin_frame().to_owned(),
        transform: origin.in_earth_frame(),
    });
    earth.into_iter().chain(site).collect()
}

impl FrameTransform {
    fn stamped(&self, stamp: Stamp) -> TransformStamped {
        let [x, y, z] = self.transform.translation;
        let translation = Vector3 { x, y, z };
        let [x, y, z, w] = self.transform.rotation.0;
        TransformStamped {
            header: Header {
                stamp: to_time(stamp),
                frame_id: self.parent.clone(),
            },
            child_frame_id: self.child.clone(),
            transform: r2r::geometry_msgs::msg::Transform {
                translation,
                rotation: Quaternion { x, y, z, w },
            },
        }
    }
}
