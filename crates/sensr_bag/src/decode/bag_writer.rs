//! A new bag, as `ros2 bag record` would have written it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use mcap::records::MessageHeader;
use mcap::{Compression, WriteOptions, Writer};
use sensr_bridge::config::ResolvedConfig;
use sensr_bridge::recorder::metadata;
use sensr_bridge::topic::Topic;

use super::definitions::full_definition;
use crate::arguments::BagCompression;
use crate::error::Error;
use crate::output::{create_empty_folder, create_file};

/// Size of the chunks of the file: as much as `ros2 bag record` caches for a cloud or two.
const CHUNK_BYTES: u64 = 4 << 20;

/// Bag that is being written.
pub(super) struct BagWriter {
    folder: PathBuf,
    writer: Writer<BufWriter<File>>,
    channels: HashMap<String, Channel>,
}

struct Channel {
    id: u16,
    messages: u32,
}

impl BagWriter {
    /// Begins a bag in a new folder.
    pub(super) fn create(folder: &Path, compression: BagCompression) -> Result<Self, Error> {
        create_empty_folder(folder)?;
        // The name of the folder, even if it is given as `.` or with a slash.
        let absolute = folder.canonicalize().map_err(Error::write(folder))?;
        let name = absolute.file_name().unwrap_or_default().to_string_lossy();
        let path = folder.join(format!("{name}_0.mcap"));
        let options = WriteOptions::new()
            .profile("ros2")
            .library(concat!("sensr_bag ", env!("CARGO_PKG_VERSION")))
            .chunk_size(Some(CHUNK_BYTES))
            .compression(match compression {
                BagCompression::None => None,
                BagCompression::Lz4 => Some(Compression::Lz4),
                BagCompression::Zstd => Some(Compression::Zstd),
            });
        let writer = options.create(create_file(&path)?);
        Ok(Self {
            folder: folder.to_owned(),
            writer: writer.map_err(|error| write_error(&path, error))?,
            channels: HashMap::new(),
        })
    }

    /// Appends a message of the topic `name`, which is like `topic`, as recorded at `time_ns`.
    pub(super) fn write(
        &mut self,
        name: &str,
        topic: Topic,
        config: &ResolvedConfig,
        time_ns: u64,
        message: &[u8],
    ) -> Result<(), String> {
        if !self.channels.contains_key(name) {
            let id = self.add_channel(topic, name, config)?;
            let channel = Channel { id, messages: 0 };
            self.channels.insert(name.to_owned(), channel);
        }
        let Some(channel) = self.channels.get_mut(name) else {
            return Ok(());
        };
        let header = MessageHeader {
            channel_id: channel.id,
            sequence: channel.messages,
            log_time: time_ns,
            publish_time: time_ns,
        };
        channel.messages = channel.messages.wrapping_add(1);
        let written = self.writer.write_to_known_channel(&header, message);
        written.map_err(|error| error.to_string())
    }

    fn add_channel(
        &mut self,
        topic: Topic,
        name: &str,
        config: &ResolvedConfig,
    ) -> Result<u16, String> {
        let kind = topic.message_type();
        let definition =
            full_definition(kind).ok_or_else(|| format!("{kind} has no definition"))?;
        let text = |error: mcap::McapError| error.to_string();
        let schema = self
            .writer
            .add_schema(kind, "ros2msg", definition.as_bytes())
            .map_err(text)?;
        let metadata = BTreeMap::from([
            (
                "offered_qos_profiles".to_owned(),
                offered_qos(topic, config),
            ),
            // A player compares it with nothing; only a recorder knows it.
            ("topic_type_hash".to_owned(), String::new()),
        ]);
        self.writer
            .add_channel(schema, name, "cdr", &metadata)
            .map_err(text)
    }

    /// Completes file and metadata. Returns the number of messages by topic.
    pub(super) fn finish(mut self) -> Result<BTreeMap<String, u32>, Error> {
        let finished = self.writer.finish();
        finished.map_err(|error| write_error(&self.folder, error))?;
        drop(self.writer);
        let mended = metadata::mend(&self.folder);
        mended.map_err(|error| Error::Decode(error.to_string()))?;
        let counts = self.channels.into_iter();
        Ok(counts
            .map(|(name, channel)| (name, channel.messages))
            .collect())
    }
}

fn write_error(path: &Path, error: mcap::McapError) -> Error {
    Error::write(path)(std::io::Error::other(error))
}

/// Returns the quality of service that the bridge offers, as rosbag2 describes it.
fn offered_qos(topic: Topic, config: &ResolvedConfig) -> String {
    let class = topic.qos_class();
    let infinite = "\n    sec: 9223372036\n    nsec: 854775807";
    format!(
        "- history: keep_last\n  depth: {depth}\n  reliability: {reliability}\n  durability: {durability}\n  \
         deadline:{infinite}\n  lifespan:{infinite}\n  liveliness: automatic\n  liveliness_lease_duration:{infinite}\n  \
         avoid_ros_namespace_conventions: false\n",
        depth = class.depth(config.qos.depth),
        reliability = if class.is_reliable(config.qos.reliable) {
            "reliable"
        } else {
            "best_effort"
        },
        durability = if class.is_latched() {
            "transient_local"
        } else {
            "volatile"
        },
    )
}
