//! `metadata.yaml` of a bag, which `ros2 bag` and `rosbags` read before they open a split.
//!
//! rosbag2 writes it when a bag is closed, and at each split since Iron. It is missing after a kill, empty after a full
//! disk, and names splits that have been deleted. Format: `rosbag2_storage/yaml.hpp` of rosbag2.
//!
//! An existing file keeps its version and everything that does not depend on the splits. A new one has version 5, which
//! Humble, Jazzy and Lyrical read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::atomic_file;
use super::split_error::SplitError;
use super::split_name;
use super::split_summary::{self, SplitSummary, SplitTopic};

mod qos;

#[cfg(test)]
mod tests;

/// Name of the file in the folder of a bag.
pub const FILE_NAME: &str = "metadata.yaml";

/// Key of the only entry of the file.
const ROOT: &str = "rosbag2_bagfile_information";

/// Version of a file that is written anew, the one of Humble.
const VERSION: u64 = 5;

/// Result of [`mend`].
#[derive(Debug)]
pub struct Mended {
    /// The file was written.
    pub is_changed: bool,
    /// Reasons why splits in the folder were left out.
    pub left_out: Vec<SplitError>,
}

/// Makes `metadata.yaml` match the splits in the folder of a closed bag. Splits that cannot be read are left out.
pub fn mend(bag_folder: &Path) -> Result<Mended, SplitError> {
    let path = bag_folder.join(FILE_NAME);
    let mut left_out = Vec::new();
    let mut splits = Vec::new();
    for split in list_splits(bag_folder)? {
        match split_summary::read(&split) {
            Ok(summary) => splits.push(NamedSplit {
                name: file_name(&split),
                summary,
            }),
            Err(error) => left_out.push(error),
        }
    }
    let old = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        Err(error) => return Err(SplitError::io("read", &path)(error)),
    };
    let old_bag = old.as_deref().and_then(parse);
    let bag = match old_bag.clone() {
        Some(bag) => update(bag, &splits),
        None => update(new_bag(), &splits),
    };
    let is_changed = old_bag.as_ref() != Some(&bag);
    if is_changed {
        let root = Mapping::from_iter([(Value::from(ROOT), Value::from(bag))]);
        let write = SplitError::io("write", &path);
        let text = serde_yaml::to_string(&root).map_err(|error| write(io::Error::other(error)))?;
        atomic_file::write(&path, text.as_bytes()).map_err(&write)?;
    }
    Ok(Mended {
        is_changed,
        left_out,
    })
}

/// Split with its name in the folder.
struct NamedSplit {
    name: String,
    summary: SplitSummary,
}

/// Returns the splits of a folder, in the order of their numbers.
fn list_splits(folder: &Path) -> Result<Vec<PathBuf>, SplitError> {
    let io = SplitError::io("read", folder);
    let mut splits = Vec::new();
    for entry in fs::read_dir(folder).map_err(&io)? {
        let path = entry.map_err(&io)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "mcap")
        {
            splits.push((split_name::number_in_any_bag(&path), path));
        }
    }
    // Other people's files in the folder stay out. Without any split of that name the bag has been renamed.
    if splits.iter().any(|(_, path)| is_of_this_bag(path)) {
        splits.retain(|(_, path)| is_of_this_bag(path));
    }
    splits.sort();
    Ok(splits.into_iter().map(|(_, path)| path).collect())
}

fn is_of_this_bag(split: &Path) -> bool {
    split_name::number_of_path(split).is_some()
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns the entries of a file, or `None` if it is empty or makes no sense.
fn parse(text: &str) -> Option<Mapping> {
    let root: Value = serde_yaml::from_str(text).ok()?;
    let bag = root.get(ROOT)?.as_mapping()?.clone();
    let is_complete = bag.get("version")?.is_u64()
        && bag.get("storage_identifier")? == "mcap"
        && bag.get("topics_with_message_count")?.is_sequence()
        && bag.get("relative_file_paths")?.is_sequence();
    is_complete.then_some(bag)
}

/// Entries that do not depend on the splits, in the order of rosbag2.
fn new_bag() -> Mapping {
    let mut bag = Mapping::new();
    let mut set = |key: &str, value: Value| bag.insert(key.into(), value);
    set("version", VERSION.into());
    set("storage_identifier", "mcap".into());
    set("duration", Value::Null);
    set("starting_time", Value::Null);
    set("message_count", Value::Null);
    set("topics_with_message_count", Value::Sequence(Vec::new()));
    set("compression_format", "".into());
    set("compression_mode", "".into());
    set("relative_file_paths", Value::Null);
    set("files", Value::Null);
    bag
}

/// Sets the entries that depend on the splits.
fn update(mut bag: Mapping, splits: &[NamedSplit]) -> Mapping {
    let version = bag
        .get("version")
        .and_then(Value::as_u64)
        .unwrap_or(VERSION);
    let with_messages = || {
        let summaries = splits.iter().map(|split| &split.summary);
        summaries.filter(|summary| summary.message_count > 0)
    };
    let start_ns = with_messages().map(|summary| summary.start_ns).min();
    let end_ns = with_messages().map(|summary| summary.end_ns).max();
    let start_ns = start_ns.unwrap_or(0);
    let duration_ns = end_ns.unwrap_or(0).saturating_sub(start_ns);
    let messages: u64 = with_messages().map(|summary| summary.message_count).sum();

    let mut topics: BTreeMap<&str, (u64, &SplitTopic)> = BTreeMap::new();
    for split in splits {
        for (name, topic) in &split.summary.topics {
            let (count, latest) = topics.entry(name).or_insert((0, topic));
            *count += topic.count;
            *latest = topic;
        }
    }
    let described = bag
        .get("topics_with_message_count")
        .and_then(Value::as_sequence);
    let described = update_topics(described.map_or(&[], Vec::as_slice), topics, version);

    let mut set = |key: &str, value: Value| bag.insert(key.into(), value);
    set("duration", nanoseconds("nanoseconds", duration_ns));
    set(
        "starting_time",
        nanoseconds("nanoseconds_since_epoch", start_ns),
    );
    set("message_count", messages.into());
    set("topics_with_message_count", described);
    let names = splits.iter().map(|split| Value::from(split.name.as_str()));
    set("relative_file_paths", Value::Sequence(names.collect()));
    if version >= 5 {
        set("files", splits.iter().map(describe_file).collect());
    }
    bag
}

fn nanoseconds(key: &str, value: u64) -> Value {
    Mapping::from_iter([(key.into(), value.into())]).into()
}

fn describe_file(split: &NamedSplit) -> Value {
    let summary = &split.summary;
    Mapping::from_iter([
        ("path".into(), split.name.as_str().into()),
        (
            "starting_time".into(),
            nanoseconds("nanoseconds_since_epoch", summary.start_ns),
        ),
        (
            "duration".into(),
            nanoseconds("nanoseconds", summary.end_ns - summary.start_ns),
        ),
        ("message_count".into(), summary.message_count.into()),
    ])
    .into()
}

/// Sets the counts of the topics that are described, and describes the others.
fn update_topics(
    described: &[Value],
    mut topics: BTreeMap<&str, (u64, &SplitTopic)>,
    version: u64,
) -> Value {
    let mut entries = Vec::new();
    for entry in described {
        let name = entry
            .get("topic_metadata")
            .and_then(|topic| topic.get("name"));
        let found = name
            .and_then(Value::as_str)
            .and_then(|name| topics.remove(name));
        // A topic that is in no split any more has no place in the list.
        let Some((count, _)) = found else { continue };
        let mut entry = entry.clone();
        if let Some(entry) = entry.as_mapping_mut() {
            entry.insert("message_count".into(), count.into());
        }
        entries.push(entry);
    }
    let added = topics
        .into_iter()
        .map(|(name, (count, topic))| describe_topic(name, count, topic, version));
    entries.extend(added);
    Value::Sequence(entries)
}

fn describe_topic(name: &str, count: u64, topic: &SplitTopic, version: u64) -> Value {
    let offered = topic.metadata.get("offered_qos_profiles");
    let mut metadata = Mapping::from_iter([
        ("name".into(), name.into()),
        ("type".into(), topic.message_type.as_str().into()),
        (
            "serialization_format".into(),
            topic.encoding.as_str().into(),
        ),
        (
            "offered_qos_profiles".into(),
            qos::for_version(offered.map_or("", String::as_str), version),
        ),
    ]);
    if version >= 7 {
        let hash = topic.metadata.get("topic_type_hash");
        metadata.insert(
            "type_description_hash".into(),
            hash.map_or("", String::as_str).into(),
        );
    }
    Mapping::from_iter([
        ("topic_metadata".into(), metadata.into()),
        ("message_count".into(), count.into()),
    ])
    .into()
}
