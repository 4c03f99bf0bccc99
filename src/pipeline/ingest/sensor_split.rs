//! Assignment of RAW clouds to the topics of their sensors: while SENSR calibrates, each cloud is that of one sensor.

use super::warn_throttled;
use crate::config::ResolvedConfig;
use crate::pipeline::LOG_PERIOD;
use crate::time::log_throttle::LogThrottle;
use crate::topic::{SensorSlot, SensorTopics, Topic, names_sensor};
use sensr_protocol::wire::PointCloud;

/// Assigns clouds to sensors.
#[derive(Debug)]
pub(super) struct SensorSplit {
    warnings: LogThrottle,
}

impl Default for SensorSplit {
    fn default() -> Self {
        Self {
            warnings: LogThrottle::new(LOG_PERIOD),
        }
    }
}

impl SensorSplit {
    /// Returns the sensor whose topic a cloud goes to beside its own. `None` without `split_raw_by_sensor`, for clouds that
    /// do not name a sensor, and for sensors that come when all slots are taken.
    pub(super) fn sensor_of(
        &mut self,
        cloud: &PointCloud,
        config: &ResolvedConfig,
        sensor_topics: &SensorTopics,
    ) -> Option<SensorSlot> {
        if !config.split_raw_by_sensor
            || Topic::of_cloud_type(cloud.r#type) != Some(Topic::Raw)
            || !names_sensor(&cloud.id)
        {
            return None;
        }
        let slot = sensor_topics.assign(&cloud.id);
        if slot.is_none() {
            warn_throttled(&mut self.warnings, || {
                format!(
                    "clouds of the sensor {:?} are on {} only: other sensors have all {} topics for single sensors; restart \
                     the bridge to give the topics to the sensors that are there now",
                    String::from_utf8_lossy(&cloud.id),
                    Topic::Raw.name(),
                    SensorSlot::COUNT
                )
            });
        }
        slot
    }
}
