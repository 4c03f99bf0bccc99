//! The records of one MCAP file, read as a stream.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::ops::ControlFlow;
use std::path::Path;

use mcap::McapError;
use mcap::records::{Record, op};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};

use super::error::BagError;

/// A record beyond is taken for garbage: thirty times what SENSR sends.
pub(super) const MAX_RECORD_BYTES: usize = 1 << 30;

/// Small records are taken out of a buffer of this size.
const BUFFER_BYTES: usize = 256 << 10;

/// At most so much is asked for in one go, so that a length which is garbage takes no memory.
const MAX_READ_BYTES: usize = 4 << 20;

/// How reading a file ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With its last record.
    Whole,
    /// In the middle: whoever wrote it was cut off, or it is damaged.
    Early(McapError),
    /// The visitor has had enough.
    Stopped,
}

/// Shows `visit` every schema, channel and message in the order of the file, with the number of bytes read so
/// far. Chunks are unpacked on the way.
pub(super) fn read(
    path: &Path,
    mut visit: impl FnMut(Record<'_>, u64) -> ControlFlow<()>,
) -> Result<Ended, BagError> {
    let unreadable = |source| BagError::read(path, source);
    let file = File::open(path).map_err(unreadable)?;
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let options = LinearReaderOptions::default().with_record_length_limit(MAX_RECORD_BYTES);
    let mut reader = LinearReader::new_with_options(options);
    let mut read_bytes = 0;
    while let Some(event) = reader.next_event() {
        match event {
            Ok(LinearReadEvent::ReadRequest(wanted)) => {
                let room = reader.insert(wanted.min(MAX_READ_BYTES));
                let read = file.read(room).map_err(unreadable)?;
                reader.notify_read(read);
                read_bytes += read as u64;
            }
            Ok(LinearReadEvent::Record { opcode, data }) if is_wanted(opcode) => {
                match mcap::parse_record(opcode, data) {
                    Ok(record) => {
                        if visit(record, read_bytes).is_break() {
                            return Ok(Ended::Stopped);
                        }
                    }
                    Err(error) => return Ok(Ended::Early(error)),
                }
            }
            Ok(LinearReadEvent::Record { .. }) => {}
            Err(McapError::BadMagic) if read_bytes <= mcap::MAGIC.len() as u64 => {
                return Err(BagError::NotMcap(path.to_owned()));
            }
            Err(error) => return Ok(Ended::Early(error)),
        }
    }
    Ok(Ended::Whole)
}

fn is_wanted(opcode: u8) -> bool {
    matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE)
}
