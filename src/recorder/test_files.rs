//! Splits for tests, written as rosbag2 writes them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use mcap::records::MessageHeader;
use tempfile::TempDir;

use mcap::{Compression, MessageStream, WriteOptions, Writer};

/// `QoS` of a latched topic as Jazzy writes it.
pub(super) const LATCHED: &str = "- history: keep_last\n  depth: 4\n  reliability: reliable\n  \
    durability: transient_local\n  deadline:\n    sec: 9223372036\n    nsec: 854775807\n  lifespan:\n    \
    sec: 9223372036\n    nsec: 854775807\n  liveliness: automatic\n  liveliness_lease_duration:\n    \
    sec: 9223372036\n    nsec: 854775807\n  avoid_ros_namespace_conventions: false";

/// `QoS` of a topic that is not latched, as Humble writes it.
pub(super) const VOLATILE: &str = "- history: 1\n  depth: 10\n  reliability: 1\n  durability: 2\n  deadline:\n    \
    sec: 9223372036\n    nsec: 854775807\n  lifespan:\n    sec: 9223372036\n    nsec: 854775807\n  liveliness: 1\n  \
    liveliness_lease_duration:\n    sec: 9223372036\n    nsec: 854775807\n  avoid_ros_namespace_conventions: false";

/// Returns a temporary folder, in memory if possible: thousands of files are synchronized.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    folder.expect("made")
}

/// Layout of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Plain,
    Zstd,
    Lz4,
    /// The preset `fastwrite`.
    NoChunks,
}

pub(super) const LAYOUTS: [Layout; 4] =
    [Layout::Plain, Layout::Zstd, Layout::Lz4, Layout::NoChunks];

/// Message of a test: topic, times, content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestMessage {
    pub topic: String,
    pub log_time: u64,
    pub publish_time: u64,
    pub data: Vec<u8>,
}

impl TestMessage {
    pub(super) fn at(topic: &str, log_time: u64) -> Self {
        Self {
            topic: topic.to_owned(),
            log_time,
            publish_time: log_time.saturating_sub(7),
            data: log_time.to_le_bytes().to_vec(),
        }
    }
}

/// Writes a complete file.
pub(super) fn write(path: &Path, layout: Layout, messages: &[TestMessage]) {
    write_chunks(path, layout, 300, messages);
}

pub(super) fn write_chunks(
    path: &Path,
    layout: Layout,
    chunk_bytes: u64,
    messages: &[TestMessage],
) {
    let options = WriteOptions::new()
        .compression(match layout {
            Layout::Zstd => Some(Compression::Zstd),
            Layout::Lz4 => Some(Compression::Lz4),
            Layout::Plain | Layout::NoChunks => None,
        })
        .compression_threads(0)
        .use_chunks(layout != Layout::NoChunks)
        .profile("ros2")
        .chunk_size(Some(chunk_bytes));
    let file = BufWriter::new(File::create(path).expect("made"));
    let mut writer = options.create(file).expect("written");
    let mut channels = BTreeMap::new();
    for message in messages {
        let id = *channels
            .entry(message.topic.clone())
            .or_insert_with(|| add_channel(&mut writer, &message.topic));
        let header = MessageHeader {
            channel_id: id,
            sequence: 0,
            log_time: message.log_time,
            publish_time: message.publish_time,
        };
        writer
            .write_to_known_channel(&header, &message.data)
            .expect("written");
    }
    writer.finish().expect("written");
}

fn add_channel(writer: &mut Writer<BufWriter<File>>, topic: &str) -> u16 {
    let qos = if topic.contains("zones") {
        LATCHED
    } else {
        VOLATILE
    };
    let metadata = [
        ("offered_qos_profiles", qos),
        ("topic_type_hash", "RIHS01_00"),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let schema = writer
        .add_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
        .expect("written");
    writer
        .add_channel(schema, topic, "cdr", &metadata.into())
        .expect("written")
}

/// Returns all messages of a complete file, in the order of the file.
pub(super) fn read(path: &Path) -> Vec<TestMessage> {
    let bytes = fs::read(path).expect("there");
    let messages = MessageStream::new(&bytes).expect("an MCAP file");
    messages
        .map(|message| {
            let message = message.expect("whole");
            let schema = message.channel.schema.as_ref().expect("known");
            assert_eq!(schema.name, "std_msgs/msg/String");
            assert_eq!(message.channel.metadata.len(), 2);
            TestMessage {
                topic: message.channel.topic.clone(),
                log_time: message.log_time,
                publish_time: message.publish_time,
                data: message.data.to_vec(),
            }
        })
        .collect()
}
