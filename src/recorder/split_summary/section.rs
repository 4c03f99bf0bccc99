//! Records of the summary section, read one after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use mcap::records::{Channel, Footer, Record, Statistics, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};

use super::{SplitIndex, SplitSummary, SplitTopic};
use crate::recorder::split_error::SplitError;

/// Length of the footer record and the magic bytes after it.
pub(in crate::recorder) const FOOTER_AND_MAGIC_BYTES: u64 = 1 + 8 + 20 + 8;

/// Longest record of a summary that is read; a longer one is garbage.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// Returns the footer of a complete file, or `None` if the file has no end.
pub(in crate::recorder) fn read_footer(mut file: &File) -> std::io::Result<Option<Footer>> {
    let bytes = file.seek(SeekFrom::End(0))?;
    let Some(start) = bytes.checked_sub(FOOTER_AND_MAGIC_BYTES) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(start))?;
    let mut end = [0; 37];
    file.read_exact(&mut end)?;
    let (record, magic) = end.split_at(29);
    if magic != mcap::MAGIC || record[0] != op::FOOTER {
        return Ok(None);
    }
    match mcap::parse_record(op::FOOTER, &record[9..]) {
        Ok(Record::Footer(footer)) if footer.summary_start > 0 && footer.summary_start < bytes => {
            Ok(Some(footer))
        }
        _ => Ok(None),
    }
}

/// Passes every record of the summary section to `visit`. Returns the size of the file.
pub(super) fn read_section(
    path: &Path,
    mut file: &File,
    mut visit: impl FnMut(Record<'_>),
) -> Result<u64, SplitError> {
    let io = SplitError::io("read", path);
    let footer = read_footer(file).map_err(&io)?;
    let footer = footer.ok_or_else(|| SplitError::Cut {
        path: path.to_owned(),
    })?;
    let bytes = file.seek(SeekFrom::End(0)).map_err(&io)?;
    file.seek(SeekFrom::Start(footer.summary_start))
        .map_err(&io)?;
    let section = bytes - footer.summary_start;
    let limit = usize::try_from(section).unwrap_or(usize::MAX);
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_record_length_limit(limit.min(MAX_RECORD_BYTES));
    let mut reader = LinearReader::new_with_options(options);
    let mut file = BufReader::with_capacity(64 << 10, file.take(section));
    while let Some(event) = reader.next_event() {
        match event.map_err(SplitError::mcap(path))? {
            LinearReadEvent::ReadRequest(wanted) => {
                let read = file.read(reader.insert(wanted)).map_err(&io)?;
                reader.notify_read(read);
            }
            LinearReadEvent::Record { opcode, data } if is_needed(opcode) => {
                visit(mcap::parse_record(opcode, data).map_err(SplitError::mcap(path))?);
            }
            LinearReadEvent::Record { .. } => {}
        }
    }
    Ok(bytes)
}

fn is_needed(opcode: u8) -> bool {
    matches!(
        opcode,
        op::SCHEMA | op::CHANNEL | op::STATISTICS | op::CHUNK_INDEX
    )
}

/// Summary under construction.
#[derive(Debug, Default)]
pub(super) struct Collector {
    schemas: BTreeMap<u16, String>,
    channels: BTreeMap<u16, Channel>,
    statistics: Option<Statistics>,
    indexed_chunks: u32,
    chunks: u32,
}

impl Collector {
    pub(super) fn add(&mut self, record: Record<'_>) {
        match record {
            Record::Schema { header, .. } => {
                self.schemas.insert(header.id, header.name);
            }
            Record::Channel(channel) => {
                self.channels.insert(channel.id, channel);
            }
            Record::Statistics(statistics) => self.statistics = Some(statistics),
            Record::ChunkIndex(chunk) => {
                self.chunks += 1;
                self.indexed_chunks += u32::from(!chunk.message_index_offsets.is_empty());
            }
            _ => {}
        }
    }

    pub(super) fn finish(self, path: &Path, bytes: u64) -> Result<SplitSummary, SplitError> {
        let Some(statistics) = self.statistics else {
            return Err(SplitError::damaged(path, "its summary has no statistics"));
        };
        let mut topics: BTreeMap<String, SplitTopic> = BTreeMap::new();
        for channel in self.channels.into_values() {
            let count = statistics.channel_message_counts.get(&channel.id);
            let topic = topics.entry(channel.topic).or_default();
            topic.count += count.copied().unwrap_or(0);
            topic.message_type = self
                .schemas
                .get(&channel.schema_id)
                .cloned()
                .unwrap_or_default();
            topic.encoding = channel.message_encoding;
            topic.metadata = channel.metadata;
        }
        let named: u64 = topics.values().map(|topic| topic.count).sum();
        if named != statistics.message_count {
            let total = statistics.message_count;
            let problem = format!("its channels have {named} messages, its statistics {total}");
            return Err(SplitError::damaged(path, &problem));
        }
        let is_indexed = statistics.message_count == 0 || self.indexed_chunks > 0;
        Ok(SplitSummary {
            topics,
            message_count: statistics.message_count,
            start_ns: statistics.message_start_time,
            end_ns: statistics.message_end_time,
            bytes,
            chunks: self.chunks,
            index: if is_indexed {
                SplitIndex::Chunks
            } else {
                SplitIndex::Absent
            },
        })
    }
}
