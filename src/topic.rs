//! The cloud topics, and which of SENSR's clouds goes where.

use crate::sensr::wire::CloudType;

/// A topic that carries one of SENSR's cloud types as `sensor_msgs/PointCloud2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudTopic {
    /// What the sensors saw.
    Raw,
    /// The ground in it.
    Ground,
    /// What stands still in it.
    Background,
}

impl CloudTopic {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of [`index`](Self::index).
    pub const ALL: [Self; 3] = [Self::Raw, Self::Ground, Self::Background];

    /// Position in tables with one entry per topic.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name relative to the node's namespace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "points/raw",
            Self::Ground => "points/ground",
            Self::Background => "points/background",
        }
    }

    /// The topic of a cloud type as it stands on the wire. None for `NONE` and for types of newer
    /// servers.
    #[must_use]
    pub fn of_wire_type(wire_type: i32) -> Option<Self> {
        match CloudType::try_from(wire_type) {
            Ok(CloudType::Raw) => Some(Self::Raw),
            Ok(CloudType::Ground) => Some(Self::Ground),
            Ok(CloudType::Background) => Some(Self::Background),
            Ok(CloudType::None) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_types_map_to_topics() {
        assert_eq!(CloudTopic::of_wire_type(0), None);
        assert_eq!(CloudTopic::of_wire_type(1), Some(CloudTopic::Ground));
        assert_eq!(CloudTopic::of_wire_type(2), Some(CloudTopic::Background));
        assert_eq!(CloudTopic::of_wire_type(3), Some(CloudTopic::Raw));
        assert_eq!(CloudTopic::of_wire_type(4), None);
    }

    #[test]
    fn the_index_is_the_position_in_all() {
        for (i, topic) in CloudTopic::ALL.into_iter().enumerate() {
            assert_eq!(topic.index(), i);
        }
    }
}
