//! Origin of the site on earth, as a `sensor_msgs/NavSatFix`.

use r2r::sensor_msgs::msg::{NavSatFix, NavSatStatus};
use r2r::std_msgs::msg::Header;
use r2r::{Node, Publisher, QosProfile};

use super::RuntimeError;
use super::ros_types::to_time;
use crate::config::ResolvedConfig;
use crate::place::Origin;
use crate::time::stamp::Stamp;

const TOPIC: &str = "origin";
/// `NavSatStatus.STATUS_FIX` and `STATUS_NO_FIX`
const FIX: i8 = 0;
const NO_FIX: i8 = -1;

/// Publishes the origin whenever it changes. The topic is latched: late subscribers get the latest one.
pub(super) struct OriginPublisher {
    publisher: Publisher<NavSatFix>,
    /// Frame and origin as last published. The origin is `None` if there is none any more.
    published: Option<(String, Option<Origin>)>,
}

impl OriginPublisher {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let profile = QosProfile::default()
            .reliable()
            .transient_local()
            .keep_last(1);
        let publisher = node
            .create_publisher(TOPIC, profile)
            .map_err(RuntimeError::ros(format!("publish {TOPIC}")))?;
        Ok(Self {
            publisher,
            published: None,
        })
    }

    /// Publishes the origin if it has changed. A site that never had one publishes nothing.
    pub(super) fn publish_if_changed(&mut self, config: &ResolvedConfig) {
        let place = (config.origin_frame().to_owned(), config.place.origin());
        let is_needed = match &self.published {
            None => place.1.is_some(),
            Some((_, None)) if place.1.is_none() => false,
            Some(published) => *published != place,
        };
        if is_needed && self.publish(&place.0, place.1) {
            self.published = Some(place);
        }
    }

    /// Publishes the present origin again, if there is one.
    pub(super) fn repeat(&self) {
        if let Some((frame, origin @ Some(_))) = &self.published {
            self.publish(frame, *origin);
        }
    }

    /// Returns whether the middleware has taken the message.
    fn publish(&self, frame: &str, origin: Option<Origin>) -> bool {
        let place = origin.map_or([f64::NAN; 3], |origin| {
            [origin.latitude_deg, origin.longitude_deg, origin.altitude_m]
        });
        let [latitude, longitude, altitude] = place;
        let message = NavSatFix {
            header: Header {
                stamp: to_time(Stamp::now()),
                frame_id: frame.to_owned(),
            },
            status: NavSatStatus {
                status: if origin.is_some() { FIX } else { NO_FIX },
                service: 0,
            },
            latitude,
            longitude,
            altitude,
            ..NavSatFix::default()
        };
        if let Err(error) = self.publisher.publish(&message) {
            log::error!("{TOPIC}: the middleware refused the origin: {error}");
            return false;
        }
        true
    }
}
