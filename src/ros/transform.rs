//! The static transform that ties SENSR's frame to another.

use r2r::geometry_msgs::msg::{Quaternion, Transform, TransformStamped, Vector3};
use r2r::std_msgs::msg::Header;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::{Node, Publisher, QosProfile};

use super::Error;
use super::convert::time;
use crate::config::Config;
use crate::stamp::Stamp;

/// Publishes the transform whenever the frames change. Latched: whoever comes late gets it.
pub(super) struct StaticTransform {
    publisher: Publisher<TFMessage>,
    /// Child and parent, as last published.
    frames: Option<(String, String)>,
}

impl StaticTransform {
    pub(super) fn new(node: &mut Node) -> Result<Self, Error> {
        let profile = QosProfile::default()
            .reliable()
            .transient_local()
            .keep_last(1);
        let publisher = node
            .create_publisher("/tf_static", profile)
            .map_err(Error::ros("publish /tf_static"))?;
        Ok(Self {
            publisher,
            frames: None,
        })
    }

    /// Publishes if the frames are others than before. Without a parent there is nothing to publish; a
    /// transform that was published cannot be taken back.
    pub(super) fn follow(&mut self, config: &Config) {
        let Some(parent) = &config.parent_frame else {
            return;
        };
        let frames = Some((config.frame_id.clone(), parent.clone()));
        if self.frames == frames {
            return;
        }
        let message = TFMessage {
            transforms: vec![identity(parent, &config.frame_id)],
        };
        match self.publisher.publish(&message) {
            Ok(()) => self.frames = frames,
            Err(error) => log::error!("could not publish the transform of {parent}: {error}"),
        }
    }
}

fn identity(parent: &str, child: &str) -> TransformStamped {
    TransformStamped {
        header: Header {
            stamp: time(Stamp::now()),
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
