//! Messages of a split before given times, from the indexes of its chunks.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use mcap::records::{ChunkIndex, MessageIndex, Record, op};

use super::section::read_section;
use super::{SplitIndex, SplitSummary};
use crate::recorder::split_error::SplitError;

/// Bytes of a `MessageIndex` record before its entries: opcode, length, channel, length of the entries.
const MESSAGE_INDEX_HEAD_BYTES: u64 = 1 + 8 + 2 + 4;

/// Bytes of an entry: time and offset.
const MESSAGE_INDEX_ENTRY_BYTES: u64 = 8 + 8;

/// Longest `MessageIndex` record that is read; a longer one is garbage.
const MAX_MESSAGE_INDEX_BYTES: u64 = 256 << 20;

/// Bytes of a message record before its payload: opcode, length, channel, sequence, two times.
const MESSAGE_HEAD_BYTES: usize = 1 + 8 + 2 + 4 + 8 + 8;

/// Messages of a split without an index whose headers are read at most: some ten seconds.
const MAX_SCANNED_MESSAGES: u64 = 5_000_000;

/// Returns, for each of `times_ns`, the number of messages of each topic whose `log_time` is earlier.
///
/// `times_ns` must be sorted. The number of messages in a chunk follows from the index of the chunk in the summary;
/// only of chunks that span one of the times are the entries read. In a split without an index the header of every
/// message is read; `None` if there are more than five million.
pub fn counts_before(
    path: &Path,
    summary: &SplitSummary,
    times_ns: &[u64],
) -> Result<Option<Vec<BTreeMap<String, u64>>>, SplitError> {
    let file = File::open(path).map_err(SplitError::io("open", path))?;
    if summary.index == SplitIndex::Absent && summary.message_count > MAX_SCANNED_MESSAGES {
        return Ok(None);
    }
    let mut channels = BTreeMap::new();
    let mut counts = IntervalCounts::new(times_ns);
    let mut failure = None;
    read_section(path, &file, |record| match record {
        Record::Channel(channel) => {
            channels.insert(channel.id, channel.topic);
        }
        Record::ChunkIndex(chunk) if failure.is_none() => {
            failure = counts.add_chunk(path, &file, &chunk).err();
        }
        _ => {}
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    if summary.index == SplitIndex::Absent {
        counts.scan_messages(path, &file)?;
    }
    Ok(Some(counts.cumulate(&channels)))
}

/// Messages per channel in the intervals between consecutive times.
struct IntervalCounts<'a> {
    times_ns: &'a [u64],
    intervals: Vec<BTreeMap<u16, u64>>,
}

impl<'a> IntervalCounts<'a> {
    fn new(times_ns: &'a [u64]) -> Self {
        Self {
            times_ns,
            intervals: vec![BTreeMap::new(); times_ns.len()],
        }
    }

    /// Returns the number of times that are not later than `log_time`: a message counts from the next one on.
    fn interval_of(&self, log_time: u64) -> usize {
        self.times_ns.partition_point(|&time| time <= log_time)
    }

    fn add(&mut self, interval: usize, channel: u16, messages: u64) {
        if let Some(counts) = self.intervals.get_mut(interval) {
            *counts.entry(channel).or_default() += messages;
        }
    }

    fn add_chunk(
        &mut self,
        path: &Path,
        file: &File,
        chunk: &ChunkIndex,
    ) -> Result<(), SplitError> {
        let first = self.interval_of(chunk.message_start_time);
        let last = self.interval_of(chunk.message_end_time);
        if first >= self.intervals.len() {
            return Ok(());
        }
        for (channel, offset, bytes) in message_indexes(chunk) {
            let damaged = || SplitError::damaged(path, "the index of a chunk is wrong");
            if first == last {
                let entries = bytes
                    .checked_sub(MESSAGE_INDEX_HEAD_BYTES)
                    .filter(|entries| entries.is_multiple_of(MESSAGE_INDEX_ENTRY_BYTES))
                    .ok_or_else(damaged)?;
                self.add(first, channel, entries / MESSAGE_INDEX_ENTRY_BYTES);
            } else {
                let index = read_message_index(path, file, offset, bytes)?;
                for entry in index
                    .filter(|index| index.channel_id == channel)
                    .ok_or_else(damaged)?
                    .records
                {
                    self.add(self.interval_of(entry.log_time), channel, 1);
                }
            }
        }
        Ok(())
    }

    /// Adds the messages of a file without chunks. Their payload is skipped.
    fn scan_messages(&mut self, path: &Path, file: &File) -> Result<(), SplitError> {
        let mut position = mcap::MAGIC.len() as u64;
        let mut head = [0; MESSAGE_HEAD_BYTES];
        loop {
            file.read_exact_at(&mut head, position)
                .map_err(SplitError::io("read", path))?;
            let opcode = head[0];
            let length = head[1..9].try_into().map_or(u64::MAX, u64::from_le_bytes);
            match opcode {
                op::DATA_END => return Ok(()),
                op::MESSAGE => {
                    if let Ok(Record::Message { header, .. }) =
                        mcap::parse_record(opcode, &head[9..])
                    {
                        self.add(self.interval_of(header.log_time), header.channel_id, 1);
                    }
                }
                _ => {}
            }
            position = position.saturating_add(9).saturating_add(length);
        }
    }

    fn cumulate(self, channels: &BTreeMap<u16, String>) -> Vec<BTreeMap<String, u64>> {
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        self.intervals
            .into_iter()
            .map(|interval| {
                for (channel, messages) in interval {
                    if let Some(topic) = channels.get(&channel) {
                        *sum.entry(topic.clone()).or_default() += messages;
                    }
                }
                sum.clone()
            })
            .collect()
    }
}

/// Returns channel, offset and length of the `MessageIndex` records after a chunk. They lie one after the other.
fn message_indexes(chunk: &ChunkIndex) -> Vec<(u16, u64, u64)> {
    let mut indexes: Vec<(u64, u16)> = chunk
        .message_index_offsets
        .iter()
        .map(|(&channel, &offset)| (offset, channel))
        .collect();
    indexes.sort_unstable();
    let end = chunk
        .chunk_start_offset
        .saturating_add(chunk.chunk_length)
        .saturating_add(chunk.message_index_length);
    let ends = indexes.iter().skip(1).map(|&(offset, _)| offset);
    let ends: Vec<u64> = ends.chain([end]).collect();
    indexes
        .into_iter()
        .zip(ends)
        .map(|((offset, channel), end)| (channel, offset, end.saturating_sub(offset)))
        .collect()
}

fn read_message_index(
    path: &Path,
    file: &File,
    offset: u64,
    bytes: u64,
) -> Result<Option<MessageIndex>, SplitError> {
    let length = usize::try_from(bytes.min(MAX_MESSAGE_INDEX_BYTES)).unwrap_or(0);
    let mut record = vec![0; length];
    file.read_exact_at(&mut record, offset)
        .map_err(SplitError::io("read", path))?;
    if record.len() < 9 || record[0] != op::MESSAGE_INDEX {
        return Ok(None);
    }
    match mcap::parse_record(op::MESSAGE_INDEX, &record[9..]) {
        Ok(Record::MessageIndex(index)) => Ok(Some(index)),
        Ok(_) => Ok(None),
        Err(error) => Err(SplitError::mcap(path)(error)),
    }
}
