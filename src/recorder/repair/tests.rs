use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use mcap::records::op;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::recorder::split_summary::counts_before;
use crate::recorder::test_files::{self, LAYOUTS, Layout, TestMessage};

fn messages(count: u64) -> Vec<TestMessage> {
    let topics = ["/site/points/raw", "/site/objects", "/site/zones"];
    (0..count)
        .map(|number| {
            let topic = topics[usize::try_from(number % 7).unwrap().min(2)];
            let data = (0..number * 37 % 200).map(|k| (number * k).to_le_bytes()[0]);
            TestMessage {
                data: data.collect(),
                ..TestMessage::at(topic, 1_000 + number * 10)
            }
        })
        .collect()
}

struct Split {
    _folder: TempDir,
    path: PathBuf,
    complete: Vec<u8>,
    messages: Vec<TestMessage>,
}

impl Split {
    fn new(layout: Layout, count: u64) -> Self {
        let folder = test_files::folder();
        let path = folder.path().join("bag_0.mcap");
        let messages = messages(count);
        test_files::write(&path, layout, &messages);
        let complete = fs::read(&path).unwrap();
        Self {
            _folder: folder,
            path,
            complete,
            messages,
        }
    }

    fn cut_to(&self, bytes: usize) {
        fs::write(&self.path, &self.complete[..bytes]).unwrap();
    }

    /// Records of the file: start, opcode, end.
    fn records(&self) -> Vec<(usize, u8, usize)> {
        let mut records = Vec::new();
        let mut at = 8;
        while at + 9 < self.complete.len() - 8 {
            let length = u64::from_le_bytes(self.complete[at + 1..at + 9].try_into().unwrap());
            let end = at + 9 + usize::try_from(length).unwrap();
            records.push((at, self.complete[at], end));
            at = end;
        }
        records
    }

    /// Messages in the complete chunks, or complete messages, of the first bytes.
    fn complete_messages(&self, bytes: usize) -> usize {
        let mut count = 0;
        for (start, opcode, end) in self.records() {
            if end > bytes || opcode == op::DATA_END {
                break;
            }
            let body = &self.complete[start + 9..end];
            match mcap::parse_record(opcode, body).unwrap() {
                mcap::records::Record::Message { .. } => count += 1,
                mcap::records::Record::Chunk { header, data } => {
                    let records = mcap::read::ChunkReader::new(header, &data).unwrap();
                    count += records
                        .filter(|record| record.as_ref().unwrap().opcode() == op::MESSAGE)
                        .count();
                }
                _ => {}
            }
        }
        count
    }

    /// Checks that a repaired file holds at least `least` of the messages, in order, and a summary of them.
    fn assert_repaired(&self, least: usize) -> usize {
        assert!(!is_cut(&self.path).unwrap());
        let read = test_files::read(&self.path);
        assert!(read.len() >= least, "{} of {least}", read.len());
        assert_eq!(read, self.messages[..read.len()]);
        let summary = split_summary::read(&self.path).unwrap();
        assert_eq!(summary.message_count, read.len() as u64);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for message in &read {
            *counts.entry(message.topic.clone()).or_default() += 1;
        }
        for (topic, of_split) in &summary.topics {
            assert_eq!(
                of_split.count,
                counts.get(topic).copied().unwrap_or(0),
                "{topic}"
            );
        }
        if let (Some(first), Some(last)) = (read.first(), read.last()) {
            assert_eq!(summary.start_ns, first.log_time);
            assert_eq!(summary.end_ns, last.log_time);
            let middle = read[read.len() / 2].log_time;
            let before = counts_before(&self.path, &summary, &[middle]).unwrap();
            let before: u64 = before.unwrap()[0].values().sum();
            assert_eq!(before, (read.len() / 2) as u64);
        }
        let others = fs::read_dir(self.path.parent().unwrap()).unwrap().count();
        assert_eq!(others, 1, "a temporary file was left behind");
        read.len()
    }
}

#[test]
fn a_file_cut_anywhere_keeps_every_message_of_its_complete_part() {
    for layout in LAYOUTS {
        let split = Split::new(layout, 24);
        let boundaries = split.records().into_iter().map(|(start, ..)| start);
        let near =
            boundaries.flat_map(|start| [start - 1, start, start + 1, start + 9, start + 31]);
        let cuts = (0..split.complete.len()).step_by(19).chain(near);
        for bytes in cuts.filter(|&bytes| bytes < split.complete.len()) {
            split.cut_to(bytes);
            let repaired = repair(&split.path).unwrap();
            let count = split.assert_repaired(split.complete_messages(bytes));
            assert_eq!(
                repaired.summary.message_count, count as u64,
                "{layout:?}, {bytes}"
            );
        }
    }
}

#[test]
fn messages_of_an_incomplete_last_chunk_are_saved() {
    let split = Split::new(Layout::Plain, 60);
    let chunks = split.records();
    let (start, _, end) = *chunks
        .iter()
        .filter(|(_, opcode, _)| *opcode == op::CHUNK)
        .nth(3)
        .unwrap();
    split.cut_to(end - 1);
    repair(&split.path).unwrap();
    let complete = split.complete_messages(start);
    assert!(split.assert_repaired(complete + 1) > complete);
}

#[test]
fn a_complete_file_is_left_alone() {
    for layout in LAYOUTS {
        let split = Split::new(layout, 24);
        let repaired = repair(&split.path).unwrap();
        assert_eq!(repaired.cut_bytes, 0);
        assert_eq!(repaired.summary.message_count, 24);
        assert_eq!(fs::read(&split.path).unwrap(), split.complete);
    }
}

#[test]
fn a_repaired_file_is_complete() {
    let split = Split::new(Layout::Zstd, 24);
    split.cut_to(split.complete.len() - 100);
    repair(&split.path).unwrap();
    let once = fs::read(&split.path).unwrap();
    assert_eq!(repair(&split.path).unwrap().cut_bytes, 0);
    assert_eq!(fs::read(&split.path).unwrap(), once);
}

#[test]
fn zeros_after_the_last_record_are_cut_off() {
    for layout in LAYOUTS {
        let split = Split::new(layout, 24);
        let (_, _, end) = *split
            .records()
            .iter()
            .rfind(|(_, opcode, _)| matches!(*opcode, op::MESSAGE | op::MESSAGE_INDEX))
            .unwrap();
        let mut bytes = split.complete[..end].to_vec();
        bytes.extend([0; 5000]);
        fs::write(&split.path, &bytes).unwrap();
        let repaired = repair(&split.path).unwrap();
        assert_eq!(split.assert_repaired(24), 24);
        assert!(repaired.cut_bytes >= 5000);
    }
}

#[test]
fn a_file_that_is_no_mcap_file_stays_as_it_is() {
    let folder = test_files::folder();
    let path = folder.path().join("bag_0.mcap");
    let bytes = [7; 3000];
    fs::write(&path, bytes).unwrap();
    let error = repair(&path).unwrap_err().to_string();
    assert!(
        error.contains("bag_0.mcap is damaged: it does not begin as an MCAP file"),
        "{error}"
    );
    assert!(error.contains("move it out of the folder"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_gone_is_named() {
    let error = repair(Path::new("/nonexistent/bag_0.mcap"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot open /nonexistent/bag_0.mcap"),
        "{error}"
    );
}

#[test]
fn permissions_and_modification_time_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let split = Split::new(Layout::Plain, 24);
    split.cut_to(split.complete.len() - 40);
    let file = File::options().write(true).open(&split.path).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o640))
        .unwrap();
    let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    file.set_modified(modified).unwrap();
    repair(&split.path).unwrap();
    let attributes = fs::metadata(&split.path).unwrap();
    assert_eq!(attributes.permissions().mode() & 0o777, 0o640);
    assert_eq!(attributes.modified().unwrap(), modified);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage by cuts and changed bytes leads to no panic and loses no file.
    #[test]
    fn damage_never_panics(layout in 0..4_usize, cut in 0.0..1.0_f64, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let split = Split::new(LAYOUTS[layout], 24);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let bytes = (cut * split.complete.len() as f64) as usize;
        let mut damaged = split.complete[..bytes].to_vec();
        for (index, byte) in flips {
            if !damaged.is_empty() {
                let at = index.index(damaged.len());
                damaged[at] = byte;
            }
        }
        fs::write(&split.path, &damaged).unwrap();
        if repair(&split.path).is_ok() {
            prop_assert!(!is_cut(&split.path).unwrap());
        } else {
            prop_assert_eq!(fs::read(&split.path).unwrap(), damaged);
        }
    }
}
