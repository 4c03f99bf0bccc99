//! Latched messages about the site that the bridge itself publishes, without a message of SENSR: transforms, origin
//! and labels.

use r2r::Node;

use super::RuntimeError;
use super::label_info::LabelInfo;
use super::origin_publisher::OriginPublisher;
use super::static_transforms::StaticTransforms;
use crate::config::resolve::Resolution;

/// Publishers of the messages about the site, on the thread that spins the node.
pub(super) struct SiteMessages {
    transforms: StaticTransforms,
    origin: OriginPublisher,
    labels: LabelInfo,
}

impl SiteMessages {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        Ok(Self {
            transforms: StaticTransforms::new(node)?,
            origin: OriginPublisher::new(node)?,
            labels: LabelInfo::new(node)?,
        })
    }

    /// Publishes what a resolved configuration changes. A site may have frames of its own, so as long as it is not resolved
    /// nothing is published.
    pub(super) fn publish_changes(&mut self, resolved: &Resolution) {
        if resolved.points.obstacle.is_none() {
            self.transforms.publish_if_changed(&resolved.config);
            self.origin.publish_if_changed(&resolved.config);
            self.labels.publish_if_changed(&resolved.config);
        }
    }

    /// Publishes everything again, for a new split of a recording.
    pub(super) fn repeat(&self) {
        self.transforms.repeat();
        self.origin.repeat();
        self.labels.repeat();
    }
}
