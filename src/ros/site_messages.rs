//! Latched messages about the site that the bridge itself publishes, without a message of SENSR: transform and labels.

use r2r::Node;

use super::RuntimeError;
use super::label_info::LabelInfo;
use super::static_transform::StaticTransform;
use crate::config::resolve::Resolution;

/// Publishers of the messages about the site, on the thread that spins the node.
pub(super) struct SiteMessages {
    transform: StaticTransform,
    labels: LabelInfo,
}

impl SiteMessages {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        Ok(Self {
            transform: StaticTransform::new(node)?,
            labels: LabelInfo::new(node)?,
        })
    }

    /// Publishes what a resolved configuration changes. A site may have frames of its own, so as long as it is not resolved
    /// nothing is published.
    pub(super) fn publish_changes(&mut self, resolved: &Resolution) {
        if resolved.points.obstacle.is_none() {
            self.transform.publish_if_changed(&resolved.config);
            self.labels.publish_if_changed(&resolved.config);
        }
    }

    /// Publishes everything again, for a new split of a recording.
    pub(super) fn repeat(&self) {
        self.transform.repeat();
        self.labels.repeat();
    }
}
