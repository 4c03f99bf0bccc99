//! The topics that carry SENSR's data: one table with name, type, `QoS` class, switch, and publishing threads. Topics of
//! single sensors come beside it while SENSR names them.

mod any_topic;
mod sensor_topics;

use sensr_protocol::wire::CloudType;

pub use any_topic::AnyTopic;
pub use sensor_topics::{SensorSlot, SensorTopic, SensorTopics, names_sensor};

/// Class of quality of service, and thereby the history of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QosClass {
    /// As the `qos.*` parameters say.
    Cloud,
    /// Reliable, with a short history.
    Stream,
    /// Reliable, with a history that bridges a short stall of a recorder.
    Frames,
    /// Reliable, with a history of thousands, so that a burst reaches a slow subscriber complete.
    Event,
    /// Reliable and transient-local: late subscribers get the last messages at once.
    Latched,
}

impl QosClass {
    /// Returns whether every message is sent again until it has arrived. `clouds` is the parameter `qos.reliability`.
    #[must_use]
    pub const fn is_reliable(self, clouds: bool) -> bool {
        clouds || !matches!(self, Self::Cloud)
    }

    /// Returns whether late subscribers get the last messages.
    #[must_use]
    pub const fn is_latched(self) -> bool {
        matches!(self, Self::Latched)
    }

    /// History depth of the publisher, messages. `qos_depth` is the parameter `qos.depth`.
    #[must_use]
    pub const fn depth(self, qos_depth: usize) -> usize {
        match self {
            Self::Cloud => qos_depth,
            Self::Stream => 10,
            // Frames are as large as the clouds in them.
            Self::Frames => 20,
            // Room for a burst of a thousand; each takes some hundred bytes. Fast DDS keeps no more unless its profile
            // says so.
            Self::Event => 5000,
            // SENSR sends messages in pairs, such as a health of the stream and one of its events. Late subscribers get
            // all that are kept, so the history holds two such pairs and no more.
            Self::Latched => 4,
        }
    }
}

/// Declares the `publish.*` parameters.
macro_rules! switches {
    ($($switch:ident: $parameter:literal;)*) => {
        /// A `publish.*` parameter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Switch {
            $(#[doc = concat!("`", $parameter, "`")] $switch,)*
        }

        impl Switch {
            /// All switches, in the order of their declaration.
            pub const ALL: [Self; [$(Self::$switch),*].len()] = [$(Self::$switch),*];

            /// Name of the parameter.
            #[must_use]
            pub const fn parameter(self) -> &'static str {
                match self {
                    $(Self::$switch => $parameter,)*
                }
            }
        }
    };
}

switches! {
    Raw: "publish.raw";
    Ground: "publish.ground";
    Background: "publish.background";
    Preview: "publish.preview";
    Objects: "publish.objects";
    Detections: "publish.detections";
    Tracked: "publish.tracked";
    Markers: "publish.markers";
    Wire: "publish.wire";
}

/// A thread that publishes. Each has a queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishingThread {
    /// Publishes clouds.
    Points,
    /// Publishes objects, their points, and markers.
    Objects,
    /// Publishes reliable messages: events, zones, health, and status.
    Reliable,
}

impl PublishingThread {
    /// All threads, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Points, Self::Objects, Self::Reliable];

    /// Name of the thread, as the system shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Points => "pub-points",
            Self::Objects => "pub-objects",
            Self::Reliable => "pub-reliable",
        }
    }

    /// Returns whether `topics` are the topics of this thread, all of them and no other.
    #[must_use]
    pub const fn publishes_exactly(self, topics: &[Topic]) -> bool {
        let mut i = 0;
        while i < Topic::COUNT {
            let mut is_listed = false;
            let mut k = 0;
            while k < topics.len() {
                is_listed |= topics[k] as usize == i;
                k += 1;
            }
            if is_listed != Topic::ALL[i].is_published_by(self) {
                return false;
            }
            i += 1;
        }
        true
    }

    /// Topics that this thread publishes.
    pub fn topics(self) -> impl Iterator<Item = Topic> {
        let topics = Topic::ALL.into_iter();
        topics.filter(move |topic| topic.is_published_by(self))
    }
}

/// Declares the topics. A row without a publishing thread does not compile.
macro_rules! topics {
    ($($(#[$doc:meta])* $topic:ident: $name:literal, $type:literal, $qos:ident, $switch:expr,
        [$first:ident $(, $thread:ident)*];)*) => {
        /// A topic. Each has an account in the loss ledger.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Topic {
            $($(#[$doc])* $topic,)*
        }

        impl Topic {
            /// All topics, in the order of [`index`](Self::index).
            pub const ALL: [Self; [$(Self::$topic),*].len()] = [$(Self::$topic),*];

            const fn spec(self) -> TopicSpec {
                match self {
                    $(Self::$topic => TopicSpec {
                        name: $name,
                        message_type: $type,
                        qos_class: QosClass::$qos,
                        switch: $switch,
                        threads: &[PublishingThread::$first $(, PublishingThread::$thread)*],
                    },)*
                }
            }
        }
    };
}

/// A row of the table.
struct TopicSpec {
    name: &'static str,
    message_type: &'static str,
    qos_class: QosClass,
    switch: Option<Switch>,
    threads: &'static [PublishingThread],
}

topics! {
    /// `points/raw`: points of the sensors.
    Raw: "points/raw", "sensor_msgs/msg/PointCloud2", Cloud, Some(Switch::Raw), [Points];
    /// `points/ground`: points on the ground.
    Ground: "points/ground", "sensor_msgs/msg/PointCloud2", Cloud, Some(Switch::Ground), [Points];
    /// `points/background`: points of the static background.
    Background: "points/background", "sensor_msgs/msg/PointCloud2", Cloud, Some(Switch::Background), [Points];
    /// `points/preview`: some points of all clouds of a frame.
    Preview: "points/preview", "sensor_msgs/msg/PointCloud2", Cloud, Some(Switch::Preview), [Points];
    /// `points/objects`: points of all objects, with id and label.
    ObjectPoints: "points/objects", "sensor_msgs/msg/PointCloud2", Cloud, Some(Switch::Objects), [Objects];
    /// `objects`: tracked objects.
    Objects: "objects", "sensr_bridge/msg/ObjectArray", Stream, Some(Switch::Objects), [Objects];
    /// `objects/detections`: tracked objects for tools that read `vision_msgs`.
    Detections: "objects/detections", "vision_msgs/msg/Detection3DArray", Stream, Some(Switch::Detections), [Objects];
    /// `objects/tracked`: tracked objects for Autoware.
    Tracked: "objects/tracked", "autoware_perception_msgs/msg/TrackedObjects", Stream, Some(Switch::Tracked), [Objects];
    /// `zones`: zones of the site.
    Zones: "zones", "sensr_bridge/msg/ZoneArray", Latched, None, [Reliable];
    /// `events/zone`: entry, exit, loitering, speeding.
    ZoneEvents: "events/zone", "sensr_bridge/msg/ZoneEvent", Event, None, [Reliable];
    /// `events/losing`: lost objects.
    LosingEvents: "events/losing", "sensr_bridge/msg/LosingEvent", Event, None, [Reliable];
    /// `events/recalibration`: corrected poses of sensors.
    RecalibrationEvents: "events/recalibration", "sensr_bridge/msg/RecalibrationEvent", Event, None, [Reliable];
    /// `health`: health of server, nodes, edges, and sensors.
    Health: "health", "sensr_bridge/msg/SystemHealth", Latched, None, [Reliable];
    /// `server_status`: tasks of the server.
    ServerStatus: "server_status", "sensr_bridge/msg/ServerStatus", Latched, None, [Reliable];
    /// `markers/objects`: markers of the objects.
    ObjectMarkers: "markers/objects", "visualization_msgs/msg/MarkerArray", Stream, Some(Switch::Markers), [Objects];
    /// `markers/zones`: markers of the zones.
    ZoneMarkers: "markers/zones", "visualization_msgs/msg/MarkerArray", Latched, Some(Switch::Markers), [Objects];
    /// `wire`: frames as received, of both links.
    Wire: "wire", "sensr_bridge/msg/WireFrame", Frames, Some(Switch::Wire), [Points, Objects];
}

impl Topic {
    /// Number of topics.
    pub const COUNT: usize = Self::ALL.len();

    /// Topics of SENSR's cloud types.
    pub const CLOUDS: [Self; 3] = [Self::Raw, Self::Ground, Self::Background];

    /// Position in tables with one entry per topic.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name relative to the node's namespace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// Type of the messages, as `package/msg/Type`.
    #[must_use]
    pub const fn message_type(self) -> &'static str {
        self.spec().message_type
    }

    /// Class of quality of service.
    #[must_use]
    pub const fn qos_class(self) -> QosClass {
        self.spec().qos_class
    }

    /// Parameter that switches the topic on and off. `None` if none does.
    #[must_use]
    pub const fn switch(self) -> Option<Switch> {
        self.spec().switch
    }

    /// Returns whether the thread publishes this topic.
    #[must_use]
    pub const fn is_published_by(self, thread: PublishingThread) -> bool {
        let threads = self.spec().threads;
        let mut i = 0;
        while i < threads.len() {
            if threads[i] as usize == thread as usize {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Returns whether the message is of a package that need not be installed. Without it the topic is not published.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Detections | Self::Tracked)
    }

    /// Number of threads that publish this topic, each with a publisher of its own.
    #[must_use]
    pub const fn publisher_count(self) -> usize {
        self.spec().threads.len()
    }

    /// Topic of a cloud type as it is on the wire. `None` for `NONE` and for types of newer servers.
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

/// Expression for a topic of a publishing thread. Naming a topic of another thread does not compile.
///
/// ```
/// use sensr_bridge::{published_topic, topic::Topic};
///
/// assert_eq!(published_topic!(Points, Raw), Topic::Raw);
/// ```
///
/// ```compile_fail
/// sensr_bridge::published_topic!(Objects, Raw);
/// ```
#[macro_export]
macro_rules! published_topic {
    ($thread:ident, $topic:ident) => {
        const {
            assert!(
                $crate::topic::Topic::$topic
                    .is_published_by($crate::topic::PublishingThread::$thread),
                "this thread has no publisher of this topic"
            );
            $crate::topic::Topic::$topic
        }
    };
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
    fn reliable_topics_cannot_be_switched_off() {
        for topic in Topic::ALL {
            let is_reliable = match topic.qos_class() {
                QosClass::Event => true,
                QosClass::Latched => topic != Topic::ZoneMarkers,
                _ => false,
            };
            assert_eq!(topic.switch().is_none(), is_reliable, "{topic:?}");
        }
    }

    #[test]
    fn every_topic_has_a_publishing_thread_and_reliable_ones_have_their_own() {
        for topic in Topic::ALL {
            let threads = PublishingThread::ALL.into_iter();
            let count = threads
                .filter(|thread| topic.is_published_by(*thread))
                .count();
            assert_eq!(count, topic.publisher_count(), "{topic:?}");
            assert!(count > 0, "{topic:?}");
            let is_reliable = topic.is_published_by(PublishingThread::Reliable);
            assert_eq!(topic.switch().is_none(), is_reliable, "{topic:?}");
        }
        let topics: Vec<Topic> = PublishingThread::Points.topics().collect();
        assert_eq!(topics.len(), 5);
        assert!(PublishingThread::Points.publishes_exactly(&topics));
        assert!(!PublishingThread::Points.publishes_exactly(&topics[1..]));
        assert!(!PublishingThread::Points.publishes_exactly(&Topic::ALL));
    }
}
