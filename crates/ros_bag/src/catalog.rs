//! Topics of one MCAP file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use mcap::records::{self, SchemaHeader};
use mcap::sans_io::{SummaryReadEvent, SummaryReader, SummaryReaderOptions};
use mcap::{McapError, Summary};

use super::entries::{Entry, read_entries};
use super::error::BagError;
use super::records::MAX_RECORD_BYTES;

/// Bytes of a file without a summary that are searched for further topics after a sought one.
const FURTHER_SEARCH_BYTES: u64 = 64 << 20;

/// Topic as described by a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topic {
    /// Name, with its namespace.
    pub name: String,
    /// Message type, such as `std_msgs/msg/String`.
    pub kind: String,
    /// Encoding of the messages, `cdr` for ROS 2.
    pub encoding: String,
    /// Definition of the message type and of those in it, as `ros2 bag record` writes it (`ros2msg`). Empty if the file has
    /// none.
    pub definition: Arc<str>,
}

/// Schemas and topics read so far from one file.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    schemas: HashMap<u16, (String, Arc<str>)>,
    topics: HashMap<u16, Topic>,
}

impl Catalog {
    /// Adds the schema of a message type.
    pub(crate) fn add_schema(&mut self, schema: &SchemaHeader, data: &[u8]) {
        let definition = definition_of(&schema.encoding, data);
        self.schemas
            .insert(schema.id, (schema.name.clone(), definition));
    }

    /// Adds a topic; returns it if it is new.
    pub(crate) fn add_channel(&mut self, channel: &records::Channel) -> Option<&Topic> {
        let schema = self.schemas.get(&channel.schema_id).cloned();
        let (kind, definition) = schema.unwrap_or_default();
        let topic = Topic {
            name: channel.topic.clone(),
            kind,
            encoding: channel.message_encoding.clone(),
            definition,
        };
        let known = self.topics.insert(channel.id, topic).is_some();
        self.topics.get(&channel.id).filter(|_| !known)
    }

    /// Returns the topic of a channel.
    pub(crate) fn topic(&self, channel_id: u16) -> Option<&Topic> {
        self.topics.get(&channel_id)
    }
}

/// Returns the text of a definition. Other notations than that of `.msg` files are no use to anyone here.
fn definition_of(encoding: &str, data: &[u8]) -> Arc<str> {
    match encoding {
        "ros2msg" => String::from_utf8_lossy(data).into(),
        _ => Arc::default(),
    }
}

/// Returns the topics of a file, from the summary at its end, or from its records if there is no summary. Of a file without
/// one, only the next 64 MiB after the first topic that is `sought` are searched for further topics.
pub fn list_topics(
    path: &Path,
    sought: impl Fn(&Topic) -> bool,
) -> Result<BTreeSet<Topic>, BagError> {
    match read_summary(path) {
        Ok(Some(summary)) if !summary.channels.is_empty() => Ok(topics_of_summary(&summary)),
        // Also applies to a file without messages, which is quick to read.
        Ok(_) | Err(_) => scan_topics(path, sought),
    }
}

fn topics_of_summary(summary: &Summary) -> BTreeSet<Topic> {
    let topic = |channel: &Arc<mcap::Channel<'_>>| {
        let schema = channel.schema.as_ref();
        Topic {
            name: channel.topic.clone(),
            kind: schema.map_or_else(String::new, |schema| schema.name.clone()),
            encoding: channel.message_encoding.clone(),
            definition: schema
                .map(|schema| definition_of(&schema.encoding, &schema.data))
                .unwrap_or_default(),
        }
    };
    summary.channels.values().map(topic).collect()
}

fn read_summary(path: &Path) -> Result<Option<Summary>, McapError> {
    let mut file = File::open(path)?;
    let options = SummaryReaderOptions::default()
        .with_file_size(file.seek(io::SeekFrom::End(0))?)
        .with_record_length_limit(MAX_RECORD_BYTES);
    let mut reader = SummaryReader::new_with_options(options);
    while let Some(event) = reader.next_event() {
        match event? {
            SummaryReadEvent::ReadRequest(wanted) => {
                let read = file.read(reader.insert(wanted))?;
                reader.notify_read(read);
            }
            SummaryReadEvent::SeekRequest(to) => {
                let at = file.seek(to)?;
                reader.notify_seeked(at);
            }
        }
    }
    Ok(reader.finish())
}

fn scan_topics(path: &Path, sought: impl Fn(&Topic) -> bool) -> Result<BTreeSet<Topic>, BagError> {
    let mut topics = BTreeSet::new();
    let mut stop_after_bytes = u64::MAX;
    read_entries(path, |entry, read_bytes| {
        if let Entry::Topic(topic) = entry {
            if sought(topic) {
                stop_after_bytes = stop_after_bytes.min(read_bytes + FURTHER_SEARCH_BYTES);
            }
            topics.insert(topic.clone());
        }
        if read_bytes > stop_after_bytes {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(topics)
}
