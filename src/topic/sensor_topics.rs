//! Topics of single sensors below `points/raw`, named after the ids of SENSR in the order in which they come.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::{AnyTopic, Topic};

/// Longest id of a sensor that gets a topic, bytes. SENSR's have some forty.
const MAX_ID_BYTES: usize = 256;
/// Longest name that is made of an id, without a number that tells it from others, bytes. With the namespace and the
/// prefixes of DDS it has to fit into 255.
const MAX_NAME_BYTES: usize = 64;
/// Name for ids without a letter or digit, and beginning of names that would begin with a digit.
const PLAIN_NAME: &str = "sensor";

/// Number of a sensor among those that have a topic of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorSlot(u8);

impl SensorSlot {
    /// Most sensors that have a topic of their own.
    pub const COUNT: usize = 16;

    /// All slots, in the order of [`index`](Self::index).
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self(0); Self::COUNT];
        let mut number = 0;
        while (number as usize) < Self::COUNT {
            all[number as usize] = Self(number);
            number += 1;
        }
        all
    };

    /// Position in tables with one entry per sensor.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Sensor with a topic of its own.
#[derive(Debug)]
pub struct SensorTopic {
    id: Box<[u8]>,
    name: Box<str>,
}

impl SensorTopic {
    /// Name relative to the node's namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the sensor as SENSR sends it.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.id)
    }
}

/// Sensors that have a topic of their own, first come, first served. Each keeps its topic as long as the bridge runs, so
/// that the accounts of the ledger keep their names.
#[derive(Debug, Default)]
pub struct SensorTopics {
    sensors: [OnceLock<SensorTopic>; SensorSlot::COUNT],
}

impl SensorTopics {
    /// Returns the slot of a sensor, and gives it a free one the first time. `None` if all are taken.
    pub fn assign(&self, id: &[u8]) -> Option<SensorSlot> {
        SensorSlot::ALL.into_iter().find(|slot| {
            let (before, rest) = self.sensors.split_at(slot.index());
            let sensor = rest[0].get_or_init(|| SensorTopic {
                id: id.into(),
                name: unique_name(id, before),
            });
            *sensor.id == *id
        })
    }

    /// Returns the sensors that have a topic, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (SensorSlot, &SensorTopic)> {
        let sensors = SensorSlot::ALL.into_iter().zip(&self.sensors);
        // Slots are taken in order.
        sensors.map_while(|(slot, sensor)| Some((slot, sensor.get()?)))
    }

    /// Returns the name of a topic. `None` for a slot that is free.
    #[must_use]
    pub fn name_of(&self, topic: AnyTopic) -> Option<&str> {
        match topic {
            AnyTopic::Listed(topic) => Some(topic.name()),
            AnyTopic::Sensor(slot) => self.sensors[slot.index()].get().map(SensorTopic::name),
        }
    }

    /// Returns the topics that exist, with their names and their entries in a table with one entry per topic.
    pub fn with_names<'a, T>(
        &'a self,
        entries: &'a [T; AnyTopic::COUNT],
    ) -> impl Iterator<Item = (AnyTopic, &'a str, &'a T)> {
        let topics = AnyTopic::all().zip(entries);
        topics.filter_map(|(topic, entry)| Some((topic, self.name_of(topic)?, entry)))
    }
}

/// Returns whether the id of a RAW cloud names a sensor, as `algo#topic`. SENSR names sensors while it calibrates only.
#[must_use]
pub fn names_sensor(id: &[u8]) -> bool {
    let parts = || {
        let at = id.iter().position(|byte| *byte == b'#')?;
        Some((at, id.len() - at - 1))
    };
    id.len() <= MAX_ID_BYTES && parts().is_some_and(|(algo, topic)| algo > 0 && topic > 0)
}

/// Returns the name of the topic of a sensor, with a number if another sensor has that name.
fn unique_name(id: &[u8], others: &[OnceLock<SensorTopic>]) -> Box<str> {
    let name = format!("{}/{}", Topic::Raw.name(), sanitise(id));
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let is_free = |name: &String| {
        let mut others = others.iter().filter_map(OnceLock::get);
        others.all(|other| *other.name != **name)
    };
    let free = std::iter::once(name.clone()).chain(numbered).find(is_free);
    free.unwrap_or(name).into()
}

/// Returns the id as a token of a ROS name: ASCII letters, digits, and single underscores between them, and no digit at
/// the beginning. A name that begins with an underscore is hidden from tools.
fn sanitise(id: &[u8]) -> String {
    let mut name = String::new();
    for byte in id {
        if !byte.is_ascii_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        if name.is_empty() && byte.is_ascii_digit() {
            name.push_str(PLAIN_NAME);
            name.push('_');
        }
        name.push(char::from(*byte));
    }
    name.truncate(MAX_NAME_BYTES);
    name.truncate(name.trim_end_matches('_').len());
    if name.is_empty() {
        PLAIN_NAME.clone_into(&mut name);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn names(topics: &SensorTopics) -> Vec<&str> {
        topics.iter().map(|(_, sensor)| sensor.name()).collect()
    }

    #[test]
    fn an_id_names_a_sensor_if_there_is_something_on_both_sides_of_a_number_sign() {
        for (id, expected) in [
            ("algo#lidar", true),
            ("a#b", true),
            ("a#b#c", true),
            ("라이다#1", true),
            ("", false),
            ("#", false),
            ("lidar", false),
            ("algo#", false),
            ("#lidar", false),
        ] {
            assert_eq!(names_sensor(id.as_bytes()), expected, "{id}");
        }
        let id = |length| [b"a#", vec![b'b'; length - 2].as_slice()].concat();
        assert!(names_sensor(&id(MAX_ID_BYTES)));
        assert!(!names_sensor(&id(MAX_ID_BYTES + 1)));
    }

    #[test]
    fn ids_become_tokens_of_ros_names() {
        for (id, expected) in [
            ("algo#lidar", "algo_lidar"),
            ("Algo-1#/os1_cloud/points", "Algo_1_os1_cloud_points"),
            ("__a__#__b__", "a_b"),
            ("192.0.2.7#points", "sensor_192_0_2_7_points"),
            ("#7", "sensor_7"),
            ("라이다#포인트", "sensor"),
            ("라이다#pandar", "pandar"),
            ("a\0b#\n{c}", "a_b_c"),
        ] {
            assert_eq!(sanitise(id.as_bytes()), expected, "{id:?}");
        }
        assert_eq!(sanitise(b"\xff\xfe#a"), "a");
        let long = [vec![b'a'; MAX_NAME_BYTES - 1].as_slice(), b"#bcd"].concat();
        assert_eq!(sanitise(&long), "a".repeat(MAX_NAME_BYTES - 1));
    }

    #[test]
    fn a_sensor_keeps_its_slot_and_its_name() {
        let topics = SensorTopics::default();
        assert_eq!(topics.iter().count(), 0);
        let first = topics.assign(b"a#b").expect("free");
        let second = topics.assign(b"c#d").expect("free");
        assert_eq!((first.index(), second.index()), (0, 1));
        assert_eq!(topics.assign(b"a#b"), Some(first));
        assert_eq!(names(&topics), ["points/raw/a_b", "points/raw/c_d"]);
        assert_eq!(topics.name_of(second.into()), Some("points/raw/c_d"));
        assert_eq!(topics.name_of(SensorSlot::ALL[2].into()), None);
        let ids = topics.iter().map(|(_, sensor)| sensor.id());
        assert!(ids.eq(["a#b", "c#d"]));
    }

    #[test]
    fn ids_with_the_same_name_are_told_apart_by_a_number() {
        let topics = SensorTopics::default();
        for id in ["a#b_2", "a#b", "a/#b", "#a#b", "a#b/"] {
            topics.assign(id.as_bytes()).expect("free");
        }
        let expected = ["a_b_2", "a_b", "a_b_3", "a_b_4", "a_b_5"];
        assert_eq!(
            names(&topics),
            expected.map(|name| format!("points/raw/{name}"))
        );
    }

    #[test]
    fn the_seventeenth_sensor_gets_no_slot_and_the_others_keep_theirs() {
        let topics = SensorTopics::default();
        let assign = |number: usize| topics.assign(format!("a#{number}").as_bytes());
        for _ in 0..2 {
            for (number, slot) in SensorSlot::ALL.into_iter().enumerate() {
                assert_eq!(assign(number), Some(slot));
            }
            assert_eq!(assign(16), None);
        }
        assert_eq!(topics.iter().count(), SensorSlot::COUNT);
    }

    #[test]
    fn a_sensor_that_two_threads_see_at_the_same_time_gets_one_slot() {
        let topics = SensorTopics::default();
        let ids: Vec<String> = (0..20).map(|number| format!("a#{number}")).collect();
        let assign_all = || ids.iter().map(|id| topics.assign(id.as_bytes())).collect();
        let [one, other]: [Vec<_>; 2] = std::thread::scope(|scope| {
            let threads = [0, 1].map(|_| scope.spawn(assign_all));
            threads.map(|thread| thread.join().expect("no panic"))
        });
        assert_eq!(names(&topics).len(), SensorSlot::COUNT);
        for (one, other) in one.into_iter().zip(other) {
            // One thread may have found all slots taken by the sensors that the other saw first.
            assert!(one == other || one.is_none() || other.is_none());
        }
        assert_eq!(
            names(&topics).into_iter().collect::<BTreeSet<_>>().len(),
            16
        );
    }

    /// The rules of ROS for a token of a name, without hidden ones.
    fn is_token(name: &str) -> bool {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(is_allowed)
            && !name.contains("__")
            && !name.ends_with('_')
    }

    proptest! {
        #[test]
        fn any_ids_get_distinct_valid_names(ids: Vec<Vec<u8>>, similar in "[a#_/1]{0,4}( [a#_/1]{0,4}){0,20}") {
            let topics = SensorTopics::default();
            let similar = similar.split(' ').map(|id| id.as_bytes().to_vec());
            let ids: Vec<Vec<u8>> = ids.into_iter().chain(similar).collect();
            let distinct: BTreeSet<&Vec<u8>> = ids.iter().collect();
            let slots: Vec<_> = ids.iter().map(|id| topics.assign(id)).collect();
            let again: Vec<_> = ids.iter().map(|id| topics.assign(id)).collect();
            prop_assert_eq!(slots, again);
            let names = names(&topics);
            prop_assert_eq!(names.len(), distinct.len().min(SensorSlot::COUNT));
            let unique: BTreeSet<&&str> = names.iter().collect();
            prop_assert_eq!(unique.len(), names.len());
            for name in names {
                let token = name.strip_prefix("points/raw/").expect("below points/raw");
                prop_assert!(is_token(token), "{}", token);
                prop_assert!(token.len() <= MAX_NAME_BYTES + "_17".len());
            }
        }
    }
}
