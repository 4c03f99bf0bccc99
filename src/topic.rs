//! The topics that carry SENSR's data: names, types, and how each is delivered.

use sensr_protocol::wire::CloudType;

/// A topic. Each has an account in the loss ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// What the sensors saw.
    Raw,
    /// The ground in it.
    Ground,
    /// What stands still in it.
    Background,
    /// The points of all objects.
    ObjectPoints,
    /// The objects.
    Objects,
    /// The zones.
    Zones,
    /// Somebody entered a zone, …
    ZoneEvents,
    /// An object is lost.
    LosingEvents,
    /// A sensor stands elsewhere.
    RecalibrationEvents,
    /// How server and sensors are.
    Health,
    /// What the server is busy with.
    ServerStatus,
    /// Pictures of the objects.
    ObjectMarkers,
    /// Pictures of the zones.
    ZoneMarkers,
    /// Every frame as it came.
    Wire,
}

/// How a topic is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QosClass {
    /// As the `qos.*` parameters say.
    Cloud,
    /// Reliable; a few messages are kept for slow subscribers.
    Stream,
    /// Reliable; frames are kept for a recorder that is held up.
    Frames,
    /// Reliable; thousands are kept, so that a burst reaches a slow subscriber whole.
    Event,
    /// Reliable, and late subscribers get the last messages at once.
    Latched,
}

impl QosClass {
    /// How many messages the middleware keeps for slow subscribers. `qos_depth` is the parameter `qos.depth`.
    #[must_use]
    pub const fn depth(self, qos_depth: usize) -> usize {
        match self {
            Self::Cloud => qos_depth,
            Self::Stream => 10,
            // They are as large as the clouds in them.
            Self::Frames => 20,
            // A burst of a thousand must reach a slow subscriber whole; each takes some hundred bytes. Fast DDS
            // keeps no more unless its profile says so.
            Self::Event => 5000,
            // SENSR sends two of a kind in a burst, such as a health of the stream and one of its events. Late
            // subscribers get all that are kept, so there are no more than two such bursts.
            Self::Latched => 4,
        }
    }
}

/// A `publish.*` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// `publish.raw`
    Raw,
    /// `publish.ground`
    Ground,
    /// `publish.background`
    Background,
    /// `publish.objects`
    Objects,
    /// `publish.markers`
    Markers,
    /// `publish.wire`
    Wire,
}

impl Switch {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::Raw,
        Self::Ground,
        Self::Background,
        Self::Objects,
        Self::Markers,
        Self::Wire,
    ];

    /// The parameter.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Raw => "publish.raw",
            Self::Ground => "publish.ground",
            Self::Background => "publish.background",
            Self::Objects => "publish.objects",
            Self::Markers => "publish.markers",
            Self::Wire => "publish.wire",
        }
    }
}

const POINT_CLOUD: &str = "sensor_msgs/msg/PointCloud2";
const MARKERS: &str = "visualization_msgs/msg/MarkerArray";

impl Topic {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of [`index`](Self::index).
    pub const ALL: [Self; 14] = [
        Self::Raw,
        Self::Ground,
        Self::Background,
        Self::ObjectPoints,
        Self::Objects,
        Self::Zones,
        Self::ZoneEvents,
        Self::LosingEvents,
        Self::RecalibrationEvents,
        Self::Health,
        Self::ServerStatus,
        Self::ObjectMarkers,
        Self::ZoneMarkers,
        Self::Wire,
    ];

    /// Those that carry one of SENSR's cloud types.
    pub const CLOUDS: [Self; 3] = [Self::Raw, Self::Ground, Self::Background];

    /// Position in tables with one entry per topic.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name relative to the node's namespace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// `package/msg/Type`.
    #[must_use]
    pub const fn message_type(self) -> &'static str {
        self.facts().1
    }

    /// How it is delivered.
    #[must_use]
    pub const fn qos_class(self) -> QosClass {
        self.facts().2
    }

    /// The parameter that switches it off or on. None if nothing does.
    #[must_use]
    pub const fn switch(self) -> Option<Switch> {
        self.facts().3
    }

    const fn facts(self) -> (&'static str, &'static str, QosClass, Option<Switch>) {
        use QosClass::{Cloud, Event, Frames, Latched, Stream};
        let objects = Some(Switch::Objects);
        let markers = Some(Switch::Markers);
        match self {
            Self::Raw => ("points/raw", POINT_CLOUD, Cloud, Some(Switch::Raw)),
            Self::Ground => ("points/ground", POINT_CLOUD, Cloud, Some(Switch::Ground)),
            Self::Background => (
                "points/background",
                POINT_CLOUD,
                Cloud,
                Some(Switch::Background),
            ),
            Self::ObjectPoints => ("points/objects", POINT_CLOUD, Cloud, objects),
            Self::Objects => ("objects", "sensr_bridge/msg/ObjectArray", Stream, objects),
            Self::Zones => ("zones", "sensr_bridge/msg/ZoneArray", Latched, None),
            Self::ZoneEvents => ("events/zone", "sensr_bridge/msg/ZoneEvent", Event, None),
            Self::LosingEvents => ("events/losing", "sensr_bridge/msg/LosingEvent", Event, None),
            Self::RecalibrationEvents => (
                "events/recalibration",
                "sensr_bridge/msg/RecalibrationEvent",
                Event,
                None,
            ),
            Self::Health => ("health", "sensr_bridge/msg/SystemHealth", Latched, None),
            Self::ServerStatus => (
                "server_status",
                "sensr_bridge/msg/ServerStatus",
                Latched,
                None,
            ),
            Self::ObjectMarkers => ("markers/objects", MARKERS, Stream, markers),
            Self::ZoneMarkers => ("markers/zones", MARKERS, Latched, markers),
            Self::Wire => (
                "wire",
                "sensr_bridge/msg/WireFrame",
                Frames,
                Some(Switch::Wire),
            ),
        }
    }

    /// The topic of a cloud type as it stands on the wire. None for `NONE` and for types of newer
    /// servers.
    #[must_use]
    pub fn of_cloud_type(wire_type: i32) -> Option<Self> {
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
    fn cloud_types_map_to_topics() {
        assert_eq!(Topic::of_cloud_type(0), None);
        assert_eq!(Topic::of_cloud_type(1), Some(Topic::Ground));
        assert_eq!(Topic::of_cloud_type(2), Some(Topic::Background));
        assert_eq!(Topic::of_cloud_type(3), Some(Topic::Raw));
        assert_eq!(Topic::of_cloud_type(4), None);
    }

    #[test]
    fn the_index_is_the_position_in_all() {
        for (i, topic) in Topic::ALL.into_iter().enumerate() {
            assert_eq!(topic.index(), i);
        }
        for (i, switch) in Switch::ALL.into_iter().enumerate() {
            assert_eq!(switch as usize, i);
        }
    }

    #[test]
    fn what_must_not_be_lost_cannot_be_switched_off() {
        for topic in Topic::ALL {
            let precious = match topic.qos_class() {
                QosClass::Event => true,
                QosClass::Latched => topic != Topic::ZoneMarkers,
                _ => false,
            };
            assert_eq!(topic.switch().is_none(), precious, "{topic:?}");
        }
    }
}
