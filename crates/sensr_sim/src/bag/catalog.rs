//! Topics of one MCAP file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::ops::ControlFlow;
use std::path::Path;

use mcap::records::{self, Record, SchemaHeader};
use mcap::sans_io::{SummaryReadEvent, SummaryReader, SummaryReaderOptions};
use mcap::{McapError, Summary};

use super::WIRE_TYPE;
use super::bag_error::BagError;
use super::records::{MAX_RECORD_BYTES, read_records};

/// Bytes of a file without a summary that are searched for further topics after the first one with frames.
const FURTHER_SEARCH_BYTES: u64 = 64 << 20;

/// Topic as described by a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Topic {
    pub name: String,
    /// Message type.
    pub kind: String,
    pub encoding: String,
}

impl Topic {
    /// Returns whether the topic has frames to replay.
    pub(super) fn is_wire(&self) -> bool {
        self.kind == WIRE_TYPE
    }
}

/// Schemas and topics read so far from one file.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    schemas: HashMap<u16, String>,
    topics: HashMap<u16, Topic>,
}

impl Catalog {
    pub(super) fn add_schema(&mut self, schema: SchemaHeader) {
        self.schemas.insert(schema.id, schema.name);
    }

    /// Adds a topic; returns it if it is new.
    pub(super) fn add_channel(&mut self, channel: records::Channel) -> Option<&Topic> {
        let schema = self.schemas.get(&channel.schema_id);
        let topic = Topic {
            name: channel.topic,
            kind: schema.cloned().unwrap_or_default(),
            encoding: channel.message_encoding,
        };
        let known = self.topics.insert(channel.id, topic).is_some();
        self.topics.get(&channel.id).filter(|_| !known)
    }

    pub(super) fn topic(&self, channel_id: u16) -> Option<&Topic> {
        self.topics.get(&channel_id)
    }
}

/// Returns the topics of a file, from the summary at its end, or from its records if there is no summary.
pub(super) fn list_topics(path: &Path) -> Result<BTreeSet<Topic>, BagError> {
    match read_summary(path) {
        Ok(Some(summary)) if !summary.channels.is_empty() => Ok(topics_of_summary(&summary)),
        // Also applies to a file without messages, which is quick to read.
        Ok(_) | Err(_) => scan_topics(path),
    }
}

fn topics_of_summary(summary: &Summary) -> BTreeSet<Topic> {
    let topic = |channel: &mcap::Channel| Topic {
        name: channel.topic.clone(),
        kind: channel
            .schema
            .as_ref()
            .map_or_else(String::new, |schema| schema.name.clone()),
        encoding: channel.message_encoding.clone(),
    };
    summary
        .channels
        .values()
        .map(|channel| topic(channel))
        .collect()
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

fn scan_topics(path: &Path) -> Result<BTreeSet<Topic>, BagError> {
    let mut catalog = Catalog::default();
    let mut stop_after_bytes = u64::MAX;
    read_records(path, |record, read_bytes| {
        match record {
            Record::Schema { header, .. } => catalog.add_schema(header),
            Record::Channel(channel) => {
                let topic = catalog.add_channel(channel);
                if topic.is_some_and(Topic::is_wire) {
                    stop_after_bytes = stop_after_bytes.min(read_bytes + FURTHER_SEARCH_BYTES);
                }
            }
            _ => {}
        }
        if read_bytes > stop_after_bytes {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(catalog.topics.into_values().collect())
}
