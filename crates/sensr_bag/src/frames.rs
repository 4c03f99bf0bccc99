//! The command `frames`: coordinate frames of the bridges in a recording, told by its beginning.

use std::collections::{BTreeMap, BTreeSet};

use ros_bag::{Topic as BagTopic, TypeCache, Value, read_message};
use sensr_bridge::topic::Topic;
use serde_json::{Value as Json, json};

use super::arguments::FramesOptions;
use super::error::Error;
use super::output::print;
use super::place::{Links, TRANSFORMS};
use super::recording::Recording;

/// Part of a recording in which the transform of a frame is sought, nanoseconds: a recorder gets latched messages within
/// moments.
const SEARCH_NS: u64 = 10_000_000_000;

/// Coordinate frames of a bridge.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Frame of the messages. `None` if no message has one.
    pub frame_id: Option<String>,
    /// Parent of that frame on `/tf_static`.
    pub parent_frame: Option<String>,
    /// The two are the same but for their names.
    pub coincide: bool,
}

/// Prints the frames of each bridge in a recording.
pub(crate) fn run(options: &FramesOptions) -> Result<(), Error> {
    let recording = Recording::open(&options.source)?;
    let is_sought = |topic: &BagTopic| namespace_of(topic).is_some();
    recording.topics(&[], "of a bridge", is_sought)?;
    let bridges = read_frames(&recording)?;
    if options.json {
        let json = bridges.iter().map(|(namespace, frames)| {
            let frames = json!({
                "frame_id": frames.frame_id,
                "parent_frame": frames.parent_frame,
                "frames_coincide": frames.coincide,
            });
            (display_name(namespace).to_owned(), frames)
        });
        return print(&format!("{:#}\n", json.collect::<Json>()));
    }
    let lines = bridges.iter().map(|(namespace, frames)| {
        let frame = frames.frame_id.as_deref().unwrap_or("unknown");
        let parent = frames.parent_frame.as_ref();
        let parent = parent.map_or_else(String::new, |parent| format!(", in {parent}"));
        format!("{}: {frame}{parent}\n", display_name(namespace))
    });
    print(&lines.collect::<String>())
}

/// Returns the frames of each bridge by its namespace, which is empty for none.
pub(crate) fn read_frames(recording: &Recording) -> Result<BTreeMap<String, Frames>, Error> {
    let topics = recording.all_topics()?;
    let namespaces = topics.iter().filter_map(namespace_of);
    let mut bridges: BTreeMap<String, Frames> = namespaces
        .map(|namespace| (namespace.to_owned(), Frames::default()))
        .collect();
    // Frames of `wire` have no coordinate frame: SENSR does not name any.
    let framed = topics
        .iter()
        .filter(|topic| topic.kind != Topic::Wire.message_type());
    let framed: BTreeSet<&str> = framed.filter_map(namespace_of).collect();
    let mut types = TypeCache::default();
    let mut links = Links::default();
    let mut start_ns = None;
    recording.read_until(|message| {
        let time_ns = message.recorded_ns;
        let elapsed_ns = time_ns.saturating_sub(*start_ns.get_or_insert(time_ns));
        let topic = message.topic;
        let bridge = namespace_of(topic).and_then(|namespace| bridges.get_mut(namespace));
        let is_sought = bridge
            .as_ref()
            .is_some_and(|frames| frames.frame_id.is_none());
        if (is_sought || topic.kind == TRANSFORMS)
            && let Ok(kind) = types.type_of(topic)
            && let Ok(value) = read_message(&kind, message.data)
        {
            if let Some(bridge) = bridge {
                let found = value.get("header.frame_id").and_then(Value::as_str);
                bridge.frame_id = found.filter(|frame| !frame.is_empty()).map(str::to_owned);
            } else {
                links.take(&value);
            }
        }
        let is_known = |frames: &Frames| {
            let frame_id = frames.frame_id.as_deref();
            frame_id.is_some_and(|frame| elapsed_ns > SEARCH_NS || links.to_child(frame).is_some())
        };
        let mut sought = bridges
            .iter()
            .filter(|(name, _)| framed.contains(name.as_str()));
        sought.all(|(_, frames)| is_known(frames))
    })?;
    for frames in bridges.values_mut() {
        let frame_id = frames.frame_id.as_deref();
        let link = frame_id.and_then(|frame| links.to_child(frame));
        if let Some(link) = link {
            frames.parent_frame = Some(link.parent.clone());
            frames.coincide = link.is_identity();
        }
    }
    Ok(bridges)
}

/// Returns the namespace of the bridge that has published a topic, or `None` if no bridge publishes such a topic.
pub(crate) fn namespace_of(topic: &BagTopic) -> Option<&str> {
    let mut known = Topic::ALL.into_iter();
    known.find_map(|known| {
        let rest = topic.name.strip_suffix(known.name())?;
        let namespace = rest.strip_suffix('/')?;
        (topic.kind == known.message_type()).then_some(namespace)
    })
}

fn display_name(namespace: &str) -> &str {
    if namespace.is_empty() { "/" } else { namespace }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_of_a_bridge_has_its_name_and_its_type() {
        let topic = |name: &str, kind: &str| BagTopic {
            name: name.to_owned(),
            kind: kind.to_owned(),
            encoding: "cdr".to_owned(),
            definition: "".into(),
        };
        let cloud = "sensor_msgs/msg/PointCloud2";
        assert_eq!(namespace_of(&topic("/points/raw", cloud)), Some(""));
        assert_eq!(
            namespace_of(&topic("/site/a/points/raw", cloud)),
            Some("/site/a")
        );
        assert_eq!(
            namespace_of(&topic("/site/points/raw", "std_msgs/msg/String")),
            None
        );
        assert_eq!(namespace_of(&topic("/site/points/row", cloud)), None);
        assert_eq!(namespace_of(&topic("/lidarpoints/raw", cloud)), None);
        assert_eq!(namespace_of(&topic("/objects/tracked", cloud)), None);
    }
}
