//! Choice of the topic of a bag to replay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ros_bag::{Topic, list_topics};

use super::bag_error::BagError;
use super::is_wire;

/// Message encoding of ROS 2.
const ENCODING: &str = "cdr";

/// Returns the topic to replay: the requested one, or the only one with frames.
pub(super) fn choose_topic(
    path: &Path,
    splits: &[PathBuf],
    wanted: Option<&str>,
) -> Result<String, BagError> {
    let mut topics = BTreeSet::new();
    for split in splits {
        topics.extend(list_topics(split, is_wire)?);
    }
    let wires: Vec<&Topic> = topics.iter().filter(|topic| is_wire(topic)).collect();
    let mut names: Vec<&str> = wires.iter().map(|topic| topic.name.as_str()).collect();
    names.dedup();
    let path = || path.to_owned();
    let list = || names.join(", ");
    let chosen = match (wanted, names.as_slice()) {
        (_, []) => {
            let topics = describe_topics(&topics);
            return Err(BagError::NoWire {
                path: path(),
                topics,
            });
        }
        (None, [only]) => *only,
        (None, _) => {
            let topics = list();
            return Err(BagError::SeveralWires {
                path: path(),
                topics,
            });
        }
        (Some(wanted), all) => {
            let plain = wanted.trim_start_matches('/');
            let mut all = all.iter();
            let found = all.find(|name| name.trim_start_matches('/') == plain);
            *found.ok_or_else(|| BagError::UnknownTopic {
                path: path(),
                topic: wanted.to_owned(),
                topics: list(),
            })?
        }
    };
    let of_chosen = |topic: &&&Topic| topic.name == chosen;
    let mut channels = wires.iter().filter(of_chosen);
    match channels.find(|topic| topic.encoding != ENCODING) {
        Some(topic) => Err(BagError::Encoding {
            path: path(),
            topic: topic.name.clone(),
            encoding: topic.encoding.clone(),
        }),
        None => Ok(chosen.to_owned()),
    }
}

fn describe_topics(topics: &BTreeSet<Topic>) -> String {
    if topics.is_empty() {
        return "none".to_owned();
    }
    let topic = |topic: &Topic| format!("{} ({})", topic.name, topic.kind);
    topics.iter().map(topic).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Folder, Layout, Recording};
    use super::*;

    fn chosen(
        recording: &Recording,
        layout: Layout,
        wanted: Option<&str>,
    ) -> Result<String, String> {
        let folder = Folder::new();
        let file = folder.join("x.mcap");
        recording.write(&file, layout);
        choose_topic(folder.path(), &[file], wanted).map_err(|error| {
            let text = error.to_string();
            assert!(
                text.contains(&folder.path().display().to_string()),
                "{text}"
            );
            assert!(!text.contains('\n'), "{text}");
            text
        })
    }

    const LAYOUTS: [Layout; 2] = [Layout::Plain, Layout::NoSummary];

    #[test]
    fn only_topic_with_frames_is_chosen_whatever_its_name() {
        let recording = Recording::new(&["/tf"], &["/site/north/wire"]);
        for layout in LAYOUTS {
            for wanted in [None, Some("/site/north/wire"), Some("site/north/wire")] {
                let topic = chosen(&recording, layout, wanted);
                assert_eq!(topic.as_deref(), Ok("/site/north/wire"));
            }
        }
    }

    #[test]
    fn bag_without_frames_is_refused_with_its_topics() {
        for layout in LAYOUTS {
            for wanted in [None, Some("/tf")] {
                let recording = Recording::new(&["/points/raw", "/tf"], &[]);
                let text = chosen(&recording, layout, wanted).expect_err("no frames");
                let topics = "/points/raw (std_msgs/msg/String), /tf (std_msgs/msg/String)";
                assert!(text.contains(topics), "{text}");
                assert!(text.contains("publish.wire"), "{text}");
            }
        }
        let text = chosen(&Recording::new(&[], &[]), Layout::Plain, None).expect_err("empty");
        assert!(text.contains("topics: none"), "{text}");
    }

    #[test]
    fn one_of_several_topics_must_be_named() {
        let recording = Recording::new(&["/tf"], &["/b/wire", "/a/wire"]);
        for layout in LAYOUTS {
            let text = chosen(&recording, layout, None).expect_err("several");
            assert!(text.contains("--topic: /a/wire, /b/wire"), "{text}");
            assert_eq!(
                chosen(&recording, layout, Some("/b/wire")),
                Ok("/b/wire".into())
            );
            for wrong in ["/c/wire", "/tf"] {
                let text = chosen(&recording, layout, Some(wrong)).expect_err("wrong");
                assert!(
                    text.contains(wrong) && text.contains("/a/wire, /b/wire"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn other_encodings_than_cdr_are_refused() {
        let mut recording = Recording::new(&[], &["/wire"]);
        recording.encoding = "json";
        let text = chosen(&recording, Layout::Plain, None).expect_err("json");
        assert!(
            text.contains("\"json\"") && text.contains("\"cdr\""),
            "{text}"
        );
    }
}
