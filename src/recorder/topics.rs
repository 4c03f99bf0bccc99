//! Topics to record: names, depths of the recorder's subscriptions, and `QoS` overrides.

use std::fmt::Write as _;

use crate::config::RecorderConfig;

/// Recorded topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedTopic {
    /// Name relative to the namespace of the bridge, or absolute.
    pub name: &'static str,
    /// Depth of the recorder's subscription, messages.
    pub depth: u32,
    /// Published with durability transient-local.
    pub is_latched: bool,
    /// Made from what other topics hold: recorded only if it is named.
    pub is_derived: bool,
}

const fn volatile(name: &'static str, depth: u32) -> RecordedTopic {
    RecordedTopic {
        name,
        depth,
        is_latched: false,
        is_derived: false,
    }
}

const fn derived(topic: RecordedTopic) -> RecordedTopic {
    RecordedTopic {
        is_derived: true,
        ..topic
    }
}

const fn latched(name: &'static str, depth: u32) -> RecordedTopic {
    RecordedTopic {
        name,
        depth,
        is_latched: true,
        is_derived: false,
    }
}

/// Topics that are recorded unless the parameter `topics` names others, and derived ones, which it has to name: they would
/// cost as much again as what they are made from, and are built only while subscribed. Topics of single sensors below
/// `points/raw` have to be named too; as their names are not known before, they have no row.
///
/// By default the stock recorder adopts the offered reliability and durability but has a depth of 10 for every topic, and
/// further messages silently replace the oldest. The depth must bridge the time in which the recorder takes no messages:
/// at each split it first writes the rest of its cache, 100 MiB, to the disk. Unused depth costs no memory.
pub const RECORDED: &[RecordedTopic] = &[
    // Two seconds at 10 Hz. At 131,072 points each topic then holds up to 42 MB.
    volatile("points/raw", 20),
    volatile("points/ground", 20),
    volatile("points/background", 20),
    derived(volatile("points/preview", 20)),
    volatile("points/objects", 20),
    // Frames of both links.
    volatile("wire", 40),
    volatile("objects", 100),
    derived(volatile("objects/detections", 100)),
    derived(volatile("objects/tracked", 100)),
    derived(latched("objects/label_info", 10)),
    volatile("markers/objects", 100),
    latched("markers/zones", 100),
    // No event may be lost, and a crowd causes a thousand within a second. Fast DDS keeps at most 5000 samples without a
    // profile.
    volatile("events/zone", 5000),
    volatile("events/losing", 5000),
    volatile("events/recalibration", 5000),
    latched("zones", 100),
    latched("health", 100),
    latched("server_status", 100),
    volatile("statistics", 100),
    latched("recording", 100),
    volatile("/diagnostics", 1000),
    latched("origin", 10),
    latched("/tf_static", 1000),
    // The reason for a gap belongs into the bag beside the gap. Nodes keep their latest lines for late subscribers, so
    // the reason is found although it was logged while nothing was recorded.
    latched("/rosout", 1000),
];

/// Latched topics whose latest messages the stock recorder repeats in each split, if it can, and their number.
///
/// The bridge repeats its own topics, and counts that in its ledger. Copies by the recorder would be more messages than
/// the bridge has published. Other nodes' transforms are not repeated by anybody else.
const REPEATED_BY_RECORDER: [(&str, u32); 2] = [("/tf_static", 1000), ("recording", 1)];

/// Returns the absolute name of a topic. `namespace` is absolute, `/` for none.
#[must_use]
pub fn absolute(name: &str, namespace: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("{}/{name}", namespace.trim_end_matches('/'))
    }
}

/// Returns the names to record, absolute, in which `*` stands for any text.
fn wanted(namespace: &str, config: &RecorderConfig) -> Vec<String> {
    if config.topics.is_empty() {
        let topics = RECORDED.iter().filter(|topic| !topic.is_derived);
        topics
            .map(|topic| absolute(topic.name, namespace))
            .collect()
    } else {
        absolute_names(&config.topics, namespace)
    }
}

fn absolute_names(names: &[String], namespace: &str) -> Vec<String> {
    let names = names.iter();
    names.map(|name| absolute(name, namespace)).collect()
}

/// Returns the regular expression of the topics to record. A pattern instead of names, because the topics may not exist
/// yet when the recorder starts.
#[must_use]
pub fn pattern(namespace: &str, config: &RecorderConfig) -> String {
    any_of(&wanted(namespace, config))
}

/// Returns the regular expression of the topics to leave out. `None` if none is.
#[must_use]
pub fn exclude_pattern(namespace: &str, config: &RecorderConfig) -> Option<String> {
    let names = absolute_names(&config.exclude, namespace);
    (!names.is_empty()).then(|| any_of(&names))
}

/// Returns a regular expression for exactly these names. Names of topics hold no characters with a meaning in it.
fn any_of(names: &[String]) -> String {
    format!("^({})$", names.join("|").replace('*', ".*"))
}

/// Returns the topics whose latest messages the stock recorder has to repeat in each split, each as `<topic>=<number>`.
#[must_use]
pub fn repeated_by_recorder(namespace: &str, config: &RecorderConfig) -> Vec<String> {
    REPEATED_BY_RECORDER
        .iter()
        .map(|(name, count)| (absolute(name, namespace), count))
        .filter(|(topic, _)| is_recorded(topic, namespace, config))
        .map(|(topic, count)| format!("{topic}={count}"))
        .collect()
}

/// Returns whether a topic, given by its absolute name, is recorded.
#[must_use]
pub fn is_recorded(topic: &str, namespace: &str, config: &RecorderConfig) -> bool {
    let is_any = |names: Vec<String>| names.iter().any(|name| matches(name, topic));
    is_any(wanted(namespace, config)) && !is_any(absolute_names(&config.exclude, namespace))
}

/// Returns whether a name matches a pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        let Some(at) = name.find(part) else {
            return false;
        };
        name = &name[at + part.len()..];
    }
    true
}

/// Returns the `QoS` overrides of the recorder as YAML: those that it would choose, with the depths of [`RECORDED`].
///
/// `adaptive` means that the recorder can request the best available `QoS`, as recorders since Iron do. Otherwise clouds
/// have no override, because a request for RELIABLE does not match a bridge with `qos.reliability: best_effort`.
#[must_use]
pub fn qos_overrides(namespace: &str, adaptive: bool) -> String {
    let mut yaml = String::new();
    for topic in RECORDED {
        let (reliability, durability) = match (adaptive, topic.is_latched) {
            (true, _) => ("best_available", "best_available"),
            (false, _) if topic.name.starts_with("points/") => continue,
            (false, true) => ("reliable", "transient_local"),
            (false, false) => ("reliable", "volatile"),
        };
        let name = absolute(topic.name, namespace);
        let depth = topic.depth;
        let _ = write!(
            yaml,
            "{name}:\n  history: keep_last\n  depth: {depth}\n  reliability: {reliability}\n  durability: {durability}\n"
        );
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::test_config;
    use crate::topic::{QosClass, Topic};
    use proptest::prelude::*;
    use serde_yaml::Value;

    fn names(text: &[&str]) -> Vec<String> {
        text.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_topic_of_the_bridge_is_recorded_with_its_durability() {
        for topic in Topic::ALL {
            let found = RECORDED.iter().find(|row| row.name == topic.name());
            let row = found.unwrap_or_else(|| panic!("{topic:?} is not recorded"));
            assert_eq!(row.is_latched, topic.qos_class() == QosClass::Latched);
        }
    }

    #[test]
    fn derived_topics_are_recorded_only_if_they_are_named() {
        let mut config = test_config();
        let derived = [
            "points/preview",
            "objects/detections",
            "objects/tracked",
            "objects/label_info",
        ];
        for name in derived {
            assert!(!is_recorded(&absolute(name, "/a"), "/a", &config), "{name}");
        }
        assert_eq!(
            RECORDED.iter().filter(|row| row.is_derived).count(),
            derived.len()
        );
        config.topics = names(&["objects/*"]);
        assert!(is_recorded("/a/objects/tracked", "/a", &config));
    }

    #[test]
    fn topics_of_sensors_are_recorded_only_if_they_are_named() {
        let mut config = test_config();
        let is_recorded = |config: &_| is_recorded("/a/points/raw/algo_lidar", "/a", config);
        assert!(!is_recorded(&config));
        for (topics, expected) in [("points/raw", false), ("points/raw/*", true), ("*", true)] {
            config.topics = names(&[topics]);
            assert_eq!(is_recorded(&config), expected, "{topics}");
        }
    }

    #[test]
    fn a_history_of_a_topic_fits_into_the_subscription() {
        for topic in Topic::ALL {
            let found = RECORDED.iter().find(|row| row.name == topic.name());
            let depth = found.map_or(0, |row| row.depth);
            let least = match topic.qos_class() {
                QosClass::Cloud => 20,
                class => class.depth(0),
            };
            assert!(
                usize::try_from(depth).is_ok_and(|depth| depth >= least),
                "{topic:?}"
            );
        }
    }

    #[test]
    fn topics_are_recorded_once_and_those_to_repeat_are_latched_and_not_counted_by_the_bridge() {
        for (i, topic) in RECORDED.iter().enumerate() {
            let others = &RECORDED[i + 1..];
            assert!(others.iter().all(|other| other.name != topic.name));
        }
        for (name, count) in REPEATED_BY_RECORDER {
            let found = RECORDED.iter().find(|row| row.name == name);
            assert!(found.is_some_and(|row| row.is_latched && row.depth >= count));
            assert!(Topic::ALL.iter().all(|topic| topic.name() != name));
        }
    }

    #[test]
    fn patterns_hold_the_absolute_names_of_the_namespace() {
        let mut config = test_config();
        let text = pattern("/a/b", &config);
        assert!(text.starts_with("^(/a/b/points/raw|") && text.ends_with("|/rosout)$"));
        assert!(pattern("/", &config).starts_with("^(/points/raw|"));
        assert_eq!(exclude_pattern("/a", &config), None);
        config.topics = names(&["points/*", "/tf"]);
        config.exclude = names(&["points/raw"]);
        assert_eq!(pattern("/a", &config), "^(/a/points/.*|/tf)$");
        let excluded = exclude_pattern("/a", &config);
        assert_eq!(excluded.as_deref(), Some("^(/a/points/raw)$"));
    }

    #[test]
    fn a_topic_is_recorded_if_it_is_named_and_not_excluded() {
        let mut config = test_config();
        assert!(is_recorded("/a/health", "/a", &config));
        assert!(is_recorded("/rosout", "/a", &config));
        assert!(!is_recorded("/b/health", "/a", &config));
        assert!(!is_recorded("/a/other", "/a", &config));
        config.exclude = names(&["events/*", "*/background"]);
        assert!(!is_recorded("/a/events/zone", "/a", &config));
        assert!(!is_recorded("/a/points/background", "/a", &config));
        assert!(is_recorded("/a/points/raw", "/a", &config));
        config.topics = names(&["points/*"]);
        assert!(!is_recorded("/a/health", "/a", &config));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a*", "/a", true),
            ("*", "/a", true),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/d", false),
            ("/*b*d", "/abcbd", true),
            ("/*b*d", "/ad", false),
            ("/a*a", "/a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn overrides_are_valid_yaml_for_old_and_new_recorders() {
        let read = |adaptive| -> Value {
            serde_yaml::from_str(&qos_overrides("/a", adaptive)).expect("YAML")
        };
        let adaptive = read(true);
        assert_eq!(adaptive.as_mapping().expect("map").len(), RECORDED.len());
        assert_eq!(adaptive["/a/points/raw"]["reliability"], "best_available");
        assert_eq!(adaptive["/a/events/zone"]["depth"], 5000);
        let fixed = read(false);
        assert!(fixed.get("/a/points/raw").is_none());
        assert_eq!(fixed["/a/zones"]["durability"], "transient_local");
        assert_eq!(fixed["/diagnostics"]["durability"], "volatile");
        assert_eq!(fixed["/a/objects"]["history"], "keep_last");
    }

    /// The definition of a match, slow and simple.
    fn matches_by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                (0..=name.len()).any(|start| matches_by_definition(rest, &name[start..]))
            }
            (Some((expected, pattern)), Some((found, name))) => {
                expected == found && matches_by_definition(pattern, name)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_match_as_defined(pattern in "[ab*/]{0,7}", name in "[ab/]{0,8}") {
            let expected = matches_by_definition(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }
}
