//! Complete records of an MCAP file, found from its start without its indexes and, as far as possible, without its
//! payload.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};
use std::path::Path;

use mcap::records::{
    Channel, ChunkHeader, ChunkIndex, MessageHeader, MetadataIndex, Record, SchemaHeader,
    Statistics, op,
};

use super::chunk;
use crate::recorder::split_error::SplitError;

/// Opcode and length before each record.
pub(super) const HEAD_BYTES: u64 = 1 + 8;

/// Longest record that is read as a whole; a longer one is garbage.
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// Bytes of a chunk before its records: times, sizes, checksum and the name of the compression. The names in use have
/// at most four letters.
const CHUNK_HEADER_BYTES: u64 = 8 + 8 + 8 + 4 + 4 + 32 + 8;

/// Bytes of the header of a message.
const MESSAGE_HEADER_BYTES: usize = 2 + 4 + 8 + 8;

/// Schemas and channels by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Definitions {
    pub schemas: BTreeMap<u16, (SchemaHeader, Vec<u8>)>,
    pub channels: BTreeMap<u16, Channel>,
}

impl Definitions {
    /// Adds a schema or a channel; returns whether the record is one.
    pub(super) fn add(&mut self, record: &Record<'_>) -> bool {
        match record {
            Record::Schema { header, data } => {
                let schema = (header.clone(), data.to_vec());
                self.schemas.insert(header.id, schema);
                true
            }
            Record::Channel(channel) => {
                self.channels.insert(channel.id, channel.clone());
                true
            }
            _ => false,
        }
    }
}

/// Figures of the complete part of a file.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// End of the last complete record that need not be written again. 0 if not even the header is complete.
    pub complete_bytes: u64,
    /// Start of a last chunk that is incomplete, or whose indexes are. It follows the complete part.
    pub open_chunk: Option<u64>,
    pub definitions: Definitions,
    pub statistics: Statistics,
    pub metadata: Vec<MetadataIndex>,
}

/// Chunk whose `MessageIndex` records are being read.
struct PendingChunk {
    index: ChunkIndex,
    counts: BTreeMap<u16, u64>,
}

/// Reads the records of a file.
pub(super) struct Scanner<'a> {
    path: &'a Path,
    file: BufReader<&'a File>,
    /// Place of the reader in the file.
    read_position: u64,
    /// Start of the present record.
    position: u64,
    end: u64,
    /// The last chunk has all its indexes.
    is_complete: bool,
    /// Every chunk is decompressed for its schemas and channels.
    decodes_all: bool,
    scan: Scan,
    pending: Option<PendingChunk>,
}

/// Reason to begin again.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The definition of a channel is in an earlier chunk that was skipped.
    ChannelUnknown,
}

/// Part of a file to scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub path: &'a Path,
    pub file: &'a File,
    pub end: u64,
    /// The last chunk has all its indexes.
    pub is_complete: bool,
    /// Every chunk is decompressed for its schemas and channels, not only those that seem to define one.
    pub decodes_all: bool,
}

/// Scans the records of a file. `visit` gets the index of each complete chunk.
pub(super) fn scan(
    part: Part<'_>,
    definitions: &Definitions,
    mut visit: impl FnMut(&ChunkIndex) -> io::Result<()>,
) -> Result<Scan, SplitError> {
    let mut scanner = Scanner::new(part, definitions, part.decodes_all);
    if scanner.run(&mut visit)? == Outcome::ChannelUnknown {
        scanner = Scanner::new(part, definitions, true);
        scanner.run(&mut visit)?;
    }
    Ok(scanner.scan)
}

impl<'a> Scanner<'a> {
    fn new(part: Part<'a>, definitions: &Definitions, decodes_all: bool) -> Self {
        Self {
            path: part.path,
            file: BufReader::with_capacity(32 << 10, part.file),
            read_position: 0,
            position: 0,
            end: part.end,
            is_complete: part.is_complete,
            decodes_all,
            scan: Scan {
                definitions: definitions.clone(),
                ..Scan::default()
            },
            pending: None,
        }
    }

    fn run(
        &mut self,
        visit: &mut impl FnMut(&ChunkIndex) -> io::Result<()>,
    ) -> Result<Outcome, SplitError> {
        let magic_bytes = mcap::MAGIC.len() as u64;
        self.file
            .rewind()
            .map_err(SplitError::io("read", self.path))?;
        let magic = self.read(magic_bytes.min(self.end))?;
        if !mcap::MAGIC.starts_with(&magic) {
            let problem = "it does not begin as an MCAP file";
            return Err(SplitError::damaged(self.path, problem));
        }
        self.position = magic_bytes;
        loop {
            let (opcode, length) = self.next_head()?;
            let is_first = self.position == magic_bytes;
            let is_end = opcode == op::DATA_END || (self.is_complete && self.position == self.end);
            let makes_sense = is_data(opcode) && is_first == (opcode == op::HEADER);
            if (is_end || makes_sense)
                && opcode != op::MESSAGE_INDEX
                && self.close_chunk(visit)? == Outcome::ChannelUnknown
            {
                return Ok(Outcome::ChannelUnknown);
            }
            if is_end || !makes_sense {
                break;
            }
            let record_end = self
                .position
                .saturating_add(HEAD_BYTES)
                .saturating_add(length);
            if record_end > self.end {
                if opcode == op::CHUNK {
                    self.scan.open_chunk = Some(self.position);
                }
                break;
            }
            if !self.add(opcode, length)? {
                break;
            }
            self.position = record_end;
            if self.pending.is_none() {
                self.scan.complete_bytes = record_end;
            }
        }
        // Its indexes may be incomplete, so the chunk is written again.
        if let Some(pending) = &self.pending {
            self.scan.open_chunk = Some(pending.index.chunk_start_offset);
        }
        Ok(Outcome::Done)
    }

    /// Returns opcode and length of the next record, or 0, which no record has, at the end.
    fn next_head(&mut self) -> Result<(u8, u64), SplitError> {
        if self.position.saturating_add(HEAD_BYTES) > self.end {
            return Ok((0, 0));
        }
        self.seek(self.position)?;
        let head = self.read(HEAD_BYTES)?;
        let length = head.get(1..).and_then(|length| length.try_into().ok());
        Ok((
            head.first().copied().unwrap_or(0),
            length.map_or(u64::MAX, u64::from_le_bytes),
        ))
    }

    /// Enters a complete record. Returns whether it makes sense.
    fn add(&mut self, opcode: u8, length: u64) -> Result<bool, SplitError> {
        match opcode {
            op::MESSAGE => {
                let head = self.read(length.min(MESSAGE_HEADER_BYTES as u64))?;
                let Some(Record::Message { header, .. }) = parse(opcode, &head) else {
                    return Ok(false);
                };
                Ok(self.count_message(&header))
            }
            op::CHUNK => self.open_chunk(length),
            op::MESSAGE_INDEX => {
                let head = self.read(length.min(6))?;
                let (Some(pending), &[low, high, _, _, _, _]) =
                    (&mut self.pending, head.as_slice())
                else {
                    return Ok(false);
                };
                let channel = u16::from_le_bytes([low, high]);
                pending
                    .index
                    .message_index_offsets
                    .insert(channel, self.position);
                pending.index.message_index_length += HEAD_BYTES + length;
                *pending.counts.entry(channel).or_default() += (length - 6) / 16;
                Ok(true)
            }
            op::ATTACHMENT => {
                // rosbag2 writes none. They are kept, but not in the index.
                self.scan.statistics.attachment_count += 1;
                Ok(true)
            }
            _ if length > MAX_RECORD_BYTES => Ok(false),
            _ => {
                let body = self.read(length)?;
                let Some(record) = parse(opcode, &body) else {
                    return Ok(opcode >= 0x80);
                };
                if let Record::Metadata(metadata) = &record {
                    self.scan.statistics.metadata_count += 1;
                    self.scan.metadata.push(MetadataIndex {
                        offset: self.position,
                        length: HEAD_BYTES + length,
                        name: metadata.name.clone(),
                    });
                }
                self.scan.definitions.add(&record);
                Ok(true)
            }
        }
    }

    fn count_message(&mut self, header: &MessageHeader) -> bool {
        let is_known = self
            .scan
            .definitions
            .channels
            .contains_key(&header.channel_id);
        if is_known {
            self.extend_times(header.log_time, header.log_time);
            self.count(header.channel_id, 1);
        }
        is_known
    }

    fn count(&mut self, channel: u16, messages: u64) {
        let statistics = &mut self.scan.statistics;
        statistics.message_count += messages;
        *statistics
            .channel_message_counts
            .entry(channel)
            .or_default() += messages;
    }

    fn extend_times(&mut self, start: u64, end: u64) {
        let statistics = &mut self.scan.statistics;
        if statistics.message_count == 0 {
            statistics.message_start_time = start;
            statistics.message_end_time = end;
        } else {
            statistics.message_start_time = statistics.message_start_time.min(start);
            statistics.message_end_time = statistics.message_end_time.max(end);
        }
    }

    fn open_chunk(&mut self, length: u64) -> Result<bool, SplitError> {
        let head = self.read(length.min(CHUNK_HEADER_BYTES))?;
        let Some(header) = chunk::parse_header(&head) else {
            return Ok(false);
        };
        let ChunkHeader {
            message_start_time,
            message_end_time,
            uncompressed_size,
            compression,
            compressed_size,
            ..
        } = header;
        self.pending = Some(PendingChunk {
            index: ChunkIndex {
                message_start_time,
                message_end_time,
                chunk_start_offset: self.position,
                chunk_length: HEAD_BYTES + length,
                message_index_offsets: BTreeMap::new(),
                message_index_length: 0,
                compression,
                compressed_size,
                uncompressed_size,
            },
            counts: BTreeMap::new(),
        });
        Ok(true)
    }

    /// Enters the pending chunk, after which another record has begun.
    fn close_chunk(
        &mut self,
        visit: &mut impl FnMut(&ChunkIndex) -> io::Result<()>,
    ) -> Result<Outcome, SplitError> {
        let Some(mut pending) = self.pending.take() else {
            return Ok(Outcome::Done);
        };
        let channels = &self.scan.definitions.channels;
        let is_known = |channel: &u16| channels.contains_key(channel);
        let has_index = !pending.counts.is_empty();
        if self.decodes_all || !has_index || !pending.counts.keys().all(is_known) {
            let chunk = pending.index.chunk_start_offset;
            let mut counts = BTreeMap::new();
            let end = chunk + pending.index.chunk_length;
            let definitions = &mut self.scan.definitions;
            chunk::read_records(self.path, self.file.get_ref(), chunk..end, |record| {
                if let Record::Message { header, .. } = record {
                    *counts.entry(header.channel_id).or_default() += 1;
                } else {
                    definitions.add(&record);
                }
                true
            })?;
            if !has_index {
                pending.counts = counts;
            }
        }
        let channels = &self.scan.definitions.channels;
        let may_be_earlier = !self.decodes_all && !self.is_complete;
        if may_be_earlier && !pending.counts.keys().all(|id| channels.contains_key(id)) {
            return Ok(Outcome::ChannelUnknown);
        }
        pending.counts.retain(|id, _| channels.contains_key(id));
        let index = &pending.index;
        if !pending.counts.is_empty() {
            self.extend_times(index.message_start_time, index.message_end_time);
        }
        for (&channel, &messages) in &pending.counts {
            self.count(channel, messages);
        }
        self.scan.statistics.chunk_count += 1;
        self.scan.complete_bytes = self.position;
        visit(index).map_err(SplitError::io("write the repaired copy of", self.path))?;
        Ok(Outcome::Done)
    }

    fn seek(&mut self, position: u64) -> Result<(), SplitError> {
        let step = i128::from(position) - i128::from(self.read_position);
        self.read_position = position;
        i64::try_from(step)
            .map_err(io::Error::other)
            .and_then(|step| self.file.seek_relative(step))
            .map_err(SplitError::io("read", self.path))
    }

    fn read(&mut self, bytes: u64) -> Result<Vec<u8>, SplitError> {
        let mut data = Vec::new();
        let read = (&mut self.file).take(bytes).read_to_end(&mut data);
        self.read_position += read.map_err(SplitError::io("read", self.path))? as u64;
        Ok(data)
    }
}

/// Returns whether a record belongs to the data section.
fn is_data(opcode: u8) -> bool {
    matches!(
        opcode,
        op::HEADER
            | op::SCHEMA
            | op::CHANNEL
            | op::MESSAGE
            | op::CHUNK
            | op::MESSAGE_INDEX
            | op::ATTACHMENT
            | op::METADATA
            | 0x80..
    )
}

fn parse(opcode: u8, body: &[u8]) -> Option<Record<'_>> {
    mcap::parse_record(opcode, body).ok()
}
