//! Records inside a chunk, also of one that is cut off.

use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use binrw::BinReaderExt as _;
use mcap::records::{ChunkHeader, Record, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::{Compression, McapError, WriteOptions, Writer};

use super::scan::{Definitions, HEAD_BYTES};
use crate::recorder::split_error::SplitError;

/// Longest record and chunk that are read; longer ones are garbage.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// Bytes of a chunk without compression before its records: times, sizes, checksum, and an empty name.
const PLAIN_HEADER_BYTES: u64 = 8 + 8 + 8 + 4 + 4 + 8;

/// Longest single read.
const MAX_READ_BYTES: usize = 1 << 20;

/// Parses what stands before the records of a chunk.
pub(super) fn parse_header(bytes: &[u8]) -> Option<ChunkHeader> {
    Cursor::new(bytes).read_le().ok()
}

/// Passes the records of the chunk that begins at the start of `range` to `visit`, until it returns false, the records
/// make no sense, or `range` ends.
pub(super) fn read_records(
    path: &Path,
    file: &File,
    range: Range<u64>,
    visit: impl FnMut(Record<'_>) -> bool,
) -> Result<(), SplitError> {
    match read_header(path, file, range.start)? {
        Some(header) if header.compression.is_empty() => {
            let start = range.start + HEAD_BYTES + PLAIN_HEADER_BYTES;
            let end = start.saturating_add(header.compressed_size);
            read_plain(path, file, start..end.min(range.end), visit)
        }
        Some(_) => read_compressed(path, file, range, visit),
        None => Ok(()),
    }
}

fn read_header(path: &Path, file: &File, chunk: u64) -> Result<Option<ChunkHeader>, SplitError> {
    let mut head = vec![0; 128];
    let read = file
        .read_at(&mut head, chunk + HEAD_BYTES)
        .map_err(SplitError::io("read", path))?;
    Ok(parse_header(&head[..read]))
}

/// Reads the records of a chunk without compression. The library's reader expects that none reaches beyond the chunk.
fn read_plain(
    path: &Path,
    file: &File,
    range: Range<u64>,
    mut visit: impl FnMut(Record<'_>) -> bool,
) -> Result<(), SplitError> {
    let io = SplitError::io("read", path);
    let mut position = range.start;
    let mut head = [0; 9];
    while position.saturating_add(HEAD_BYTES) <= range.end {
        file.read_exact_at(&mut head, position).map_err(&io)?;
        let [opcode, length @ ..] = head;
        let length = u64::from_le_bytes(length);
        let start = position + HEAD_BYTES;
        position = start.saturating_add(length);
        if position > range.end || !is_content(opcode) {
            break;
        }
        let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut body, start).map_err(&io)?;
        let Ok(record) = mcap::parse_record(opcode, &body) else {
            break;
        };
        if !visit(record) {
            break;
        }
    }
    Ok(())
}

fn is_content(opcode: u8) -> bool {
    matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE)
}

fn read_compressed(
    path: &Path,
    file: &File,
    range: Range<u64>,
    mut visit: impl FnMut(Record<'_>) -> bool,
) -> Result<(), SplitError> {
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_record_length_limit(MAX_RECORD_BYTES);
    let mut reader = LinearReader::new_with_options(options);
    let mut position = range.start;
    while let Some(event) = reader.next_event() {
        match event {
            Ok(LinearReadEvent::ReadRequest(wanted)) => {
                let left = usize::try_from(range.end - position).unwrap_or(usize::MAX);
                let space = reader.insert(wanted.min(MAX_READ_BYTES).min(left));
                let read = file
                    .read_at(space, position)
                    .map_err(SplitError::io("read", path))?;
                reader.notify_read(read);
                position += read as u64;
            }
            Ok(LinearReadEvent::Record { opcode, data }) if is_content(opcode) => {
                let Ok(record) = mcap::parse_record(opcode, data) else {
                    break;
                };
                if !visit(record) {
                    break;
                }
            }
            Ok(_) | Err(_) => break,
        }
    }
    Ok(())
}

/// Copy of a last chunk.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// The chunk and its indexes.
    pub records: Vec<u8>,
    /// A message was left out because its channel is not known.
    pub lacks_channel: bool,
}

/// Writes what can be read of a last chunk as a complete chunk, with the same compression, followed by its indexes.
/// The copy is empty if there is no complete message in the chunk.
pub(super) fn rewrite(
    path: &Path,
    file: &File,
    range: Range<u64>,
    definitions: &mut Definitions,
) -> Result<Rewritten, SplitError> {
    let Some(header) = read_header(path, file, range.start)? else {
        return Ok(Rewritten::default());
    };
    let compression = match header.compression.as_str() {
        "" => None,
        "lz4" => Some(Compression::Lz4),
        "zstd" => Some(Compression::Zstd),
        other => {
            let problem = format!("its compression {other:?} is not supported");
            return Err(SplitError::damaged(path, &problem));
        }
    };
    let mut chunk = ChunkBuilder::new(compression).map_err(SplitError::mcap(path))?;
    let mut failure = None;
    let mut lacks_channel = false;
    read_records(path, file, range, |record| {
        let is_known = match &record {
            Record::Message { header, .. } => definitions.channels.contains_key(&header.channel_id),
            other => definitions.add(other),
        };
        lacks_channel = !is_known;
        failure = is_known
            .then(|| chunk.add(&record, definitions).err())
            .flatten();
        is_known && failure.is_none()
    })?;
    if let Some(error) = failure {
        return Err(SplitError::mcap(path)(error));
    }
    Ok(Rewritten {
        records: chunk.finish().map_err(SplitError::mcap(path))?,
        lacks_channel,
    })
}

/// Builds one chunk in memory.
struct ChunkBuilder {
    writer: Writer<Cursor<Vec<u8>>>,
    messages: u64,
}

impl ChunkBuilder {
    fn new(compression: Option<Compression>) -> Result<Self, McapError> {
        let options = WriteOptions::new()
            .compression(compression)
            .chunk_size(None)
            .profile("")
            .library("");
        Ok(Self {
            writer: options.create(Cursor::new(Vec::new()))?,
            messages: 0,
        })
    }

    fn add(&mut self, record: &Record<'_>, definitions: &Definitions) -> Result<(), McapError> {
        match record {
            Record::Schema { header, data } => {
                self.writer
                    .add_schema_with_id(header.id, &header.name, &header.encoding, data)?;
            }
            Record::Channel(channel) => self.add_channel(channel.id, definitions)?,
            Record::Message { header, data } => {
                self.add_channel(header.channel_id, definitions)?;
                self.writer.write_to_known_channel(header, data)?;
                self.messages += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_channel(&mut self, id: u16, definitions: &Definitions) -> Result<(), McapError> {
        let Some(channel) = definitions.channels.get(&id) else {
            return Ok(());
        };
        if let Some((schema, data)) = definitions.schemas.get(&channel.schema_id) {
            self.writer
                .add_schema_with_id(schema.id, &schema.name, &schema.encoding, data)?;
        }
        self.writer.add_channel_with_id(
            id,
            channel.schema_id,
            &channel.topic,
            &channel.message_encoding,
            &channel.metadata,
        )?;
        Ok(())
    }

    /// Returns the chunk and its indexes.
    fn finish(mut self) -> Result<Vec<u8>, McapError> {
        self.writer.flush()?;
        let file = self.writer.into_inner().into_inner();
        if self.messages == 0 {
            return Ok(Vec::new());
        }
        // The records follow the magic bytes and a header with two empty texts.
        let start = mcap::MAGIC.len() + 9 + 8;
        Ok(file.get(start..).unwrap_or_default().to_vec())
    }
}
