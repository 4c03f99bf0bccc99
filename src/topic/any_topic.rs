//! Any topic with an account in the ledger.

use super::{SensorSlot, Topic};

/// Topic of the table, or that of a sensor. Each has an account in the loss ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyTopic {
    /// Topic of the table.
    Listed(Topic),
    /// Topic of a sensor, with clouds that are on `points/raw` too.
    Sensor(SensorSlot),
}

impl AnyTopic {
    /// Number of topics, with those of sensors that are still unknown.
    pub const COUNT: usize = Topic::COUNT + SensorSlot::COUNT;

    /// Returns all topics, in the order of [`index`](Self::index).
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        let sensors = SensorSlot::ALL.into_iter().map(Self::Sensor);
        Topic::ALL.into_iter().map(Self::Listed).chain(sensors)
    }

    /// Position in tables with one entry per topic. A topic of the table has the same as [`Topic::index`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Listed(topic) => topic.index(),
            Self::Sensor(slot) => Topic::COUNT + slot.index(),
        }
    }

    /// Row of the table that describes the topic: for a sensor that of `points/raw`, whose type, quality of service, switch
    /// and thread it shares.
    #[must_use]
    pub const fn row(self) -> Topic {
        match self {
            Self::Listed(topic) => topic,
            Self::Sensor(_) => Topic::Raw,
        }
    }
}

impl PartialEq<Topic> for AnyTopic {
    fn eq(&self, other: &Topic) -> bool {
        *self == Self::Listed(*other)
    }
}

impl From<Topic> for AnyTopic {
    fn from(topic: Topic) -> Self {
        Self::Listed(topic)
    }
}

impl From<SensorSlot> for AnyTopic {
    fn from(slot: SensorSlot) -> Self {
        Self::Sensor(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_position_among_all() {
        assert_eq!(AnyTopic::all().count(), AnyTopic::COUNT);
        for (position, topic) in AnyTopic::all().enumerate() {
            assert_eq!(topic.index(), position);
        }
    }

    #[test]
    fn sensors_share_the_row_of_points_raw() {
        assert_eq!(AnyTopic::from(Topic::Objects).row(), Topic::Objects);
        assert_eq!(AnyTopic::from(SensorSlot::ALL[3]).row(), Topic::Raw);
    }
}
