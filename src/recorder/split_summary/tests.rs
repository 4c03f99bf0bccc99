use std::fs;

use super::*;
use crate::recorder::test_files::{self, LAYOUTS, Layout, TestMessage};

/// Messages of two topics, at irregular times, out of order within 3 ns.
fn messages() -> Vec<TestMessage> {
    (0..200_u64)
        .map(|number| {
            let topic = if number.is_multiple_of(3) { "/a" } else { "/b" };
            TestMessage::at(topic, 1000 + number * 5 - number % 4)
        })
        .collect()
}

#[test]
fn a_summary_has_counts_and_times_of_every_layout() {
    for layout in LAYOUTS {
        let folder = test_files::folder();
        let path = folder.path().join("bag_0.mcap");
        test_files::write(&path, layout, &messages());
        let summary = read(&path).unwrap();
        assert_eq!(summary.message_count, 200);
        assert_eq!(summary.topics["/a"].count, 67);
        assert_eq!(summary.topics["/b"].count, 133);
        assert_eq!(summary.topics["/a"].message_type, "std_msgs/msg/String");
        assert!(
            summary.topics["/a"]
                .metadata
                .contains_key("offered_qos_profiles")
        );
        assert_eq!((summary.start_ns, summary.end_ns), (1000, 1992));
        assert_eq!(summary.bytes, fs::metadata(&path).unwrap().len());
        let index = if layout == Layout::NoChunks {
            SplitIndex::Absent
        } else {
            SplitIndex::Chunks
        };
        assert_eq!(summary.index, index);
        assert_eq!(summary.chunks > 3, layout != Layout::NoChunks);
    }
}

#[test]
fn counts_before_any_time_are_those_of_the_messages() {
    let folder = test_files::folder();
    let path = folder.path().join("bag_0.mcap");
    for chunk_bytes in [0, 1, 300, 4000, 1_000_000] {
        let layout = if chunk_bytes == 0 {
            Layout::NoChunks
        } else {
            Layout::Zstd
        };
        test_files::write_chunks(&path, layout, chunk_bytes, &messages());
        let summary = read(&path).unwrap();
        let times: Vec<u64> = (990..2010).collect();
        let counts = counts_before(&path, &summary, &times).unwrap().unwrap();
        for (time, counts) in times.into_iter().zip(counts) {
            for topic in ["/a", "/b"] {
                let expected = messages()
                    .iter()
                    .filter(|message| message.topic == topic && message.log_time < time)
                    .count();
                let counted = counts.get(topic).copied().unwrap_or(0);
                assert_eq!(counted, expected as u64, "{topic} before {time}");
            }
        }
    }
}

#[test]
fn a_file_without_an_end_is_named_with_its_cure() {
    let folder = test_files::folder();
    let path = folder.path().join("bag_0.mcap");
    test_files::write(&path, Layout::Plain, &messages());
    let bytes = fs::read(&path).unwrap();
    for cut in [bytes.len() - 1, 40, 8, 0] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains("bag_0.mcap ends without a summary"),
            "{error}"
        );
    }
    let error = read(&folder.path().join("none.mcap"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("none.mcap") && error.contains("moved or deleted"),
        "{error}"
    );
}

#[test]
fn a_damaged_summary_is_an_error() {
    let folder = test_files::folder();
    let path = folder.path().join("bag_0.mcap");
    test_files::write(&path, Layout::Plain, &messages());
    let bytes = fs::read(&path).unwrap();
    let footer = read_footer(&File::open(&path).unwrap()).unwrap().unwrap();
    let summary = usize::try_from(footer.summary_start).unwrap();
    for at in summary..bytes.len() - 37 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        fs::write(&path, &damaged).unwrap();
        // Some bytes are of names and times only; no byte may lead to a panic.
        let _ = read(&path).and_then(|summary| counts_before(&path, &summary, &[1500]));
    }
    let mut damaged = bytes.clone();
    damaged[summary + 1..summary + 9].fill(0xff);
    fs::write(&path, &damaged).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("bag_0.mcap is damaged"), "{error}");
}
