//! Clouds of one point message: their types, and the sensor that the RAW cloud names.

use bytes::Bytes;

use super::options::Options;
use super::queue_item::encode_clouds;
use sensr_protocol::wire::{CloudType, PointCloud};

/// Clouds of a point message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CloudGroup {
    types: Vec<CloudType>,
    /// Id of RAW clouds. Empty at run time, the name of a sensor while SENSR calibrates.
    raw_id: Bytes,
}

impl CloudGroup {
    /// Returns the groups of the messages in turn.
    pub(super) fn in_turn(options: &Options) -> Vec<Self> {
        let types = options.effective_types();
        let groups: Vec<Vec<CloudType>> = if options.alternate {
            types.into_iter().map(|kind| vec![kind]).collect()
        } else {
            vec![types]
        };
        let raw_ids = match options.sensors {
            0 => vec![Bytes::new()],
            sensors => (1..=sensors).map(raw_id).collect(),
        };
        let of_sensor = |raw_id: Bytes| {
            let groups = groups.iter().cloned();
            groups.map(move |types| Self {
                types,
                raw_id: raw_id.clone(),
            })
        };
        raw_ids.into_iter().flat_map(of_sensor).collect()
    }

    /// Cloud types in their order.
    pub(super) fn types(&self) -> &[CloudType] {
        &self.types
    }

    /// Encodes the message of the clouds that `cloud` makes.
    pub(super) fn encode(&self, cloud: impl Fn(CloudType) -> PointCloud) -> Bytes {
        let clouds = self.types.iter().map(|&kind| {
            let mut cloud = cloud(kind);
            if kind == CloudType::Raw {
                cloud.id = self.raw_id.clone();
            }
            cloud
        });
        encode_clouds(clouds.collect())
    }
}

/// Returns the id of the RAW clouds of a sensor.
fn raw_id(sensor: u32) -> Bytes {
    format!("sim#lidar_{sensor}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(alternate: bool, sensors: u32) -> Vec<(Vec<CloudType>, String)> {
        let options = Options {
            types: vec![CloudType::Raw, CloudType::Ground],
            alternate,
            sensors,
            ..Options::default()
        };
        let groups = CloudGroup::in_turn(&options).into_iter();
        groups
            .map(|group| {
                let id = String::from_utf8_lossy(&group.raw_id).into_owned();
                (group.types, id)
            })
            .collect()
    }

    #[test]
    fn every_sensor_has_its_turn_with_all_types() {
        let both = || vec![CloudType::Raw, CloudType::Ground];
        let [raw, ground] = [CloudType::Raw, CloudType::Ground].map(|kind| vec![kind]);
        let [first, second] = ["sim#lidar_1", "sim#lidar_2"].map(str::to_owned);
        assert_eq!(groups(false, 0), [(both(), String::new())]);
        assert_eq!(
            groups(false, 2),
            [(both(), first.clone()), (both(), second.clone())]
        );
        assert_eq!(
            groups(true, 2),
            [
                (raw.clone(), first.clone()),
                (ground.clone(), first),
                (raw, second.clone()),
                (ground, second)
            ]
        );
    }
}
