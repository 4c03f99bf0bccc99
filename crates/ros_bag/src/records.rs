//! Records of one MCAP file, read as a stream.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::ops::ControlFlow;
use std::path::Path;

use mcap::McapError;
use mcap::records::{Record, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};

use super::error::BagError;

/// Longest record that is read, thirty times what SENSR sends; a longer one is garbage.
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 30;

/// Size of the buffer from which small records are read.
const BUFFER_BYTES: usize = 256 << 10;

/// Longest single read, so that a garbage length allocates no memory.
const MAX_READ_BYTES: usize = 4 << 20;

/// End of reading a file.
#[derive(Debug)]
pub enum ReadEnd {
    /// The last record was read.
    Whole,
    /// The file ends within a record or is damaged.
    Early(McapError),
    /// The visitor broke off.
    Stopped,
}

/// Passes every schema, channel and message in the order of the file to `visit`, with the number of bytes read so far.
/// Chunks are decompressed on the way.
pub(crate) fn read_records(
    path: &Path,
    mut visit: impl FnMut(Record<'_>, u64) -> ControlFlow<()>,
) -> Result<ReadEnd, BagError> {
    let unreadable = |source| BagError::cannot_read(path, source);
    let file = File::open(path).map_err(unreadable)?;
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let options = LinearReaderOptions::default().with_record_length_limit(MAX_RECORD_BYTES);
    let mut reader = LinearReader::new_with_options(options);
    let mut read_bytes = 0;
    while let Some(event) = reader.next_event() {
        match event {
            Ok(LinearReadEvent::ReadRequest(wanted)) => {
                let space = reader.insert(wanted.min(MAX_READ_BYTES));
                let read = file.read(space).map_err(unreadable)?;
                reader.notify_read(read);
                read_bytes += read as u64;
            }
            Ok(LinearReadEvent::Record { opcode, data }) if is_needed(opcode) => {
                match mcap::parse_record(opcode, data) {
                    Ok(record) => {
                        if visit(record, read_bytes).is_break() {
                            return Ok(ReadEnd::Stopped);
                        }
                    }
                    Err(error) => return Ok(ReadEnd::Early(error)),
                }
            }
            Ok(LinearReadEvent::Record { .. }) => {}
            Err(McapError::BadMagic) if read_bytes <= mcap::MAGIC.len() as u64 => {
                return Err(BagError::NotMcap(path.to_owned()));
            }
            Err(error) => return Ok(ReadEnd::Early(error)),
        }
    }
    Ok(ReadEnd::Whole)
}

fn is_needed(opcode: u8) -> bool {
    matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE)
}
