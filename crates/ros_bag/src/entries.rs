//! Topics and messages of one MCAP file, in the order of recording.

use std::ops::ControlFlow;
use std::path::Path;

use mcap::records::Record;

use super::catalog::{Catalog, Topic};
use super::error::BagError;
use super::records::{ReadEnd, read_records};

/// Topic or message of a file.
#[derive(Debug)]
pub enum Entry<'a> {
    /// Topic, before its first message.
    Topic(&'a Topic),
    /// Message of a topic that the file has described before. Messages of other topics are left out.
    Message(Message<'a>),
}

/// Message of a file.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Topic of the message.
    pub topic: &'a Topic,
    /// Time of recording, nanoseconds since 1970.
    pub recorded_ns: u64,
    /// Serialized message.
    pub data: &'a [u8],
}

/// Passes every topic and message in the order of the file to `visit`, with the number of bytes read so far.
pub fn read_entries(
    path: &Path,
    mut visit: impl FnMut(Entry<'_>, u64) -> ControlFlow<()>,
) -> Result<ReadEnd, BagError> {
    let mut catalog = Catalog::default();
    read_records(path, |record, read_bytes| {
        let entry = match &record {
            Record::Schema { header, data } => {
                catalog.add_schema(header, data);
                None
            }
            Record::Channel(channel) => catalog.add_channel(channel).map(Entry::Topic),
            Record::Message { header, data } => catalog.topic(header.channel_id).map(|topic| {
                Entry::Message(Message {
                    topic,
                    recorded_ns: header.log_time,
                    data,
                })
            }),
            _ => None,
        };
        entry.map_or(ControlFlow::Continue(()), |entry| visit(entry, read_bytes))
    })
}
