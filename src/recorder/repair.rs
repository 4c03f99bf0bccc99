//! Repair of splits that a power loss or a kill has cut off.
//!
//! The complete records of the cut file are copied as they are, by the kernel where the file system can, so that
//! compressed chunks stay compressed. The last chunk, which may be incomplete or lack indexes, is written again from the
//! messages that can be read in it. Then follow the summary and the footer that the recorder could not write. All this
//! goes into a new file beside the cut one, which takes its name only when it is complete and on the disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use binrw::BinWriterExt as _;
use mcap::records::{DataEnd, Footer, Header, op};

use super::atomic_file;
use super::split_error::SplitError;
use super::split_summary::{self, SplitSummary};

mod chunk;
mod scan;

#[cfg(test)]
mod tests;

use chunk::Rewritten;
use scan::{Definitions, Part, Scan, scan};

/// Room for the summary, in addition to the size of the cut file: a fraction of it, and this number of bytes.
const SUMMARY_FRACTION: u64 = 50;
const SUMMARY_BYTES: u64 = 4 << 20;

/// Result of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Summary of the split as it is now.
    pub summary: SplitSummary,
    /// Bytes at the end of the cut file that were not copied as they are: an incomplete message or chunk, of which the
    /// complete messages were saved. 0 if the split was complete.
    pub cut_bytes: u64,
}

/// Returns whether a split has no end: its recorder was killed, or the power failed.
pub fn is_cut(path: &Path) -> io::Result<bool> {
    Ok(split_summary::read_footer(&File::open(path)?)?.is_none())
}

/// Repairs a cut split. A complete one is left alone. Messages, times, schemas and channels with their metadata stay as
/// they are.
///
/// On an error the cut file is as it was.
pub fn repair(path: &Path) -> Result<Repaired, SplitError> {
    if !is_cut(path).map_err(SplitError::io("open", path))? {
        return Ok(Repaired {
            summary: split_summary::read(path)?,
            cut_bytes: 0,
        });
    }
    let temporary = atomic_file::temporary_path(path);
    let result = repair_into(path, &temporary);
    if result.is_err() {
        // The temporary file may not exist; the error that matters is the one returned.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn repair_into(path: &Path, temporary: &Path) -> Result<Repaired, SplitError> {
    let io = SplitError::io("read", path);
    let file = File::open(path).map_err(&io)?;
    let attributes = file.metadata().map_err(&io)?;
    let end = attributes.len();
    check_room(path, end)?;
    let (mut found, mut last_chunk) = read_cut(path, &file, end, false)?;
    if last_chunk.lacks_channel {
        (found, last_chunk) = read_cut(path, &file, end, true)?;
    }
    write_repaired(temporary, &file, &found, &last_chunk.records)?;
    let summary = split_summary::read(temporary)?;
    let write = SplitError::io("write the repaired copy of", path);
    let repaired = File::options()
        .write(true)
        .open(temporary)
        .map_err(&write)?;
    repaired
        .set_permissions(attributes.permissions())
        .map_err(&write)?;
    let modified = attributes.modified().map_err(&io)?;
    repaired.set_modified(modified).map_err(&write)?;
    repaired.sync_all().map_err(&write)?;
    atomic_file::replace(temporary, path).map_err(SplitError::io("replace", path))?;
    Ok(Repaired {
        summary,
        cut_bytes: end - found.complete_bytes,
    })
}

/// Scans a cut file, and reads its last chunk if it must be written again.
fn read_cut(
    path: &Path,
    file: &File,
    end: u64,
    decodes_all: bool,
) -> Result<(Scan, Rewritten), SplitError> {
    let part = Part {
        path,
        file,
        end,
        is_complete: false,
        decodes_all,
    };
    let mut found = scan(part, &Definitions::default(), |_| Ok(()))?;
    let last_chunk = match found.open_chunk {
        Some(start) => chunk::rewrite(path, file, start..end, &mut found.definitions)?,
        None => Rewritten::default(),
    };
    Ok((found, last_chunk))
}

fn check_room(path: &Path, bytes: u64) -> Result<(), SplitError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(folder)
        .map_err(|error| SplitError::io("find the free space of", folder)(error.into()))?;
    let needed_bytes = bytes + bytes / SUMMARY_FRACTION + SUMMARY_BYTES;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free_bytes < needed_bytes {
        return Err(SplitError::NoRoom {
            path: path.to_owned(),
            needed_bytes,
            free_bytes,
        });
    }
    Ok(())
}

/// Writes the complete part, the last chunk, and a summary of both.
fn write_repaired(
    path: &Path,
    mut cut: &File,
    found: &Scan,
    last_chunk: &[u8],
) -> Result<(), SplitError> {
    let io = SplitError::io("write", path);
    let file = File::create(path).map_err(&io)?;
    let mut write_data = || {
        cut.seek(SeekFrom::Start(0))?;
        io::copy(&mut cut.take(found.complete_bytes), &mut &file)?;
        if found.complete_bytes == 0 {
            (&file).write_all(mcap::MAGIC)?;
            let profile = "ros2".to_owned();
            let library = String::new();
            write_record(&mut &file, op::HEADER, &Header { profile, library })?;
        }
        (&file).write_all(last_chunk)?;
        (&file).stream_position()
    };
    let data_end = write_data().map_err(&io)?;
    let mut out = BufWriter::new(&file);
    let data_section_crc = 0;
    write_record(&mut out, op::DATA_END, &DataEnd { data_section_crc }).map_err(&io)?;
    let summary_start = out.stream_position().map_err(&io)?;
    write_definitions(&mut out, &found.definitions).map_err(&io)?;

    let written = File::open(path).map_err(&io)?;
    let part = Part {
        path,
        file: &written,
        end: data_end,
        is_complete: true,
        decodes_all: false,
    };
    let scanned = scan(part, &found.definitions, |index| {
        write_record(&mut out, op::CHUNK_INDEX, index)
    })?;
    let mut statistics = scanned.statistics;
    let count = |entries: usize| u32::try_from(entries).unwrap_or(u32::MAX);
    statistics.schema_count = u16::try_from(found.definitions.schemas.len()).unwrap_or(u16::MAX);
    statistics.channel_count = count(found.definitions.channels.len());
    let mut write_end = || {
        for index in &scanned.metadata {
            write_record(&mut out, op::METADATA_INDEX, index)?;
        }
        write_record(&mut out, op::STATISTICS, &statistics)?;
        let footer = Footer {
            summary_start,
            summary_offset_start: 0,
            summary_crc: 0,
        };
        write_record(&mut out, op::FOOTER, &footer)?;
        out.write_all(mcap::MAGIC)?;
        out.flush()
    };
    write_end().map_err(&io)
}

fn write_definitions(out: &mut impl io::Write, definitions: &Definitions) -> io::Result<()> {
    for (header, data) in definitions.schemas.values() {
        let mut body = body_of(header)?;
        let length = u32::try_from(data.len()).map_err(io::Error::other)?;
        body.extend(length.to_le_bytes());
        body.extend(data);
        write_body(out, op::SCHEMA, &body)?;
    }
    for channel in definitions.channels.values() {
        write_record(out, op::CHANNEL, channel)?;
    }
    Ok(())
}

fn write_record<R>(out: &mut impl io::Write, opcode: u8, record: &R) -> io::Result<()>
where
    R: binrw::BinWrite,
    for<'a> R::Args<'a>: Default,
{
    write_body(out, opcode, &body_of(record)?)
}

fn body_of<R>(record: &R) -> io::Result<Vec<u8>>
where
    R: binrw::BinWrite,
    for<'a> R::Args<'a>: Default,
{
    let mut body = Cursor::new(Vec::new());
    body.write_le(record).map_err(io::Error::other)?;
    Ok(body.into_inner())
}

fn write_body(out: &mut impl io::Write, opcode: u8, body: &[u8]) -> io::Result<()> {
    out.write_all(&[opcode])?;
    out.write_all(&(body.len() as u64).to_le_bytes())?;
    out.write_all(body)
}
