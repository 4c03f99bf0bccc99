//! Bags of every layout.

use std::fs;

use super::super::fixture::{self, Folder, Layout, Order, Recording};
use super::*;

/// Returns the frames of the bag.
fn all(path: &Path, topic: Option<&str>) -> Vec<RecordedFrame> {
    let mut frames = Vec::new();
    let bag = Bag::open(path, topic).expect("a bag");
    let played = bag.play_frames(false, |frame| {
        frames.push(frame);
        ControlFlow::Continue(())
    });
    played.expect("readable");
    frames
}

/// Returns the frames of a `Recording`.
fn expected(numbers: std::ops::Range<u64>) -> Vec<RecordedFrame> {
    let frame = |number| RecordedFrame {
        stamp_ns: fixture::stamp_ns(number),
        link: [Link::Points, Link::Output][usize::from(number % 2 == 1)],
        data: fixture::frame_data(number),
    };
    numbers.map(frame).collect()
}

fn recording(numbers: std::ops::Range<u64>) -> Recording {
    let mut recording = Recording::new(&["/tf"], &["/wire"]);
    recording.numbers = numbers;
    recording
}

#[test]
fn every_layout_gives_the_same_frames() {
    let folder = Folder::new();
    for layout in [
        Layout::Plain,
        Layout::Zstd,
        Layout::Lz4,
        Layout::NoSummary,
        Layout::NoChunks,
    ] {
        let file = folder.join("x.mcap");
        recording(0..50).write(&file, layout);
        assert!(all(&file, None) == expected(0..50), "{layout:?}");
    }
}

#[test]
fn splits_are_read_in_order() {
    let folder = Folder::new();
    for (split, layout) in [(0, Layout::Plain), (2, Layout::Zstd), (10, Layout::Lz4)] {
        let file = folder.join(&format!("x_{split}.mcap"));
        recording(split * 10..split * 10 + 10).write(&file, layout);
    }
    let numbers = (0..10).chain(20..30).chain(100..110);
    let expected: Vec<RecordedFrame> = numbers
        .flat_map(|number| expected(number..number + 1))
        .collect();
    assert_eq!(all(folder.path(), None), expected);
}

#[test]
fn truncated_file_gives_every_whole_frame() {
    let folder = Folder::new();
    let (whole, cut) = (folder.join("whole.mcap"), folder.join("x_0.mcap"));
    for layout in [Layout::Plain, Layout::Zstd, Layout::Lz4, Layout::NoChunks] {
        recording(0..50).write(&whole, layout);
        let bytes = fs::read(&whole).expect("readable");
        fs::remove_file(&whole).expect("removed");
        let mut most = 0;
        for part in 4..10 {
            fs::write(&cut, &bytes[..bytes.len() * part / 10]).expect("written");
            let frames = all(folder.path(), None);
            assert!(
                frames == expected(0..frames.len() as u64),
                "{layout:?} {part}"
            );
            assert!(frames.len() >= most, "{layout:?} {part}");
            most = frames.len();
        }
        assert!(most > 20, "{layout:?}: {most}");
    }
}

#[test]
fn garbage_at_the_end_costs_no_frame() {
    let folder = Folder::new();
    let file = folder.join("x.mcap");
    recording(0..50).write(&file, Layout::NoFooter);
    let bytes = fs::read(&file).expect("readable");
    for garbage in [&[0; 5000][..], &[0x05; 100], &[0xff; 100]] {
        fs::write(&file, [&bytes, garbage].concat()).expect("written");
        assert!(all(&file, None) == expected(0..50), "{}", garbage[0]);
    }
}

#[test]
fn damaged_file_does_not_panic() {
    let folder = Folder::new();
    let file = folder.join("x.mcap");
    for layout in [Layout::Plain, Layout::Zstd, Layout::Lz4, Layout::NoChunks] {
        recording(0..20).write(&file, layout);
        let whole = fs::read(&file).expect("readable");
        for at in (0..whole.len()).step_by(101) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x5a;
            fs::write(&file, bytes).expect("written");
            if let Ok(bag) = Bag::open(&file, None) {
                // Reads as much as possible.
                let _ = bag.play_frames(false, |_| ControlFlow::Continue(()));
            }
        }
    }
}

#[test]
fn empty_split_is_skipped() {
    let folder = Folder::new();
    recording(0..10).write(&folder.join("x_0.mcap"), Layout::Plain);
    fs::write(folder.join("x_1.mcap"), "").expect("written");
    recording(10..20).write(&folder.join("x_2.mcap"), Layout::Plain);
    assert_eq!(all(folder.path(), None), expected(0..20));
}

#[test]
fn only_the_requested_topic_of_two_is_played() {
    let folder = Folder::new();
    let file = folder.join("x.mcap");
    Recording::new(&[], &["/a/wire", "/b/wire"]).write(&file, Layout::Plain);
    let frames = all(&file, Some("/b/wire"));
    assert_eq!(frames, expected(0..frames.len() as u64));
    let refused = Bag::open(&file, None).expect_err("two").to_string();
    assert!(refused.contains("--topic"), "{refused}");
}

#[test]
fn damaged_messages_are_skipped_and_a_bag_of_nothing_else_is_refused() {
    let folder = Folder::new();
    let file = folder.join("x.mcap");
    let frame = fixture::message(Order::Big, 7, 1, 0, b"frame");
    fixture::write_messages(&file, &[b"".to_vec(), frame, vec![0xff; 300]]);
    let only = RecordedFrame {
        stamp_ns: 7,
        link: Link::Output,
        data: Bytes::from_static(b"frame"),
    };
    assert_eq!(all(&file, None), [only]);

    for messages in [vec![], vec![vec![1, 2, 3]; 2]] {
        fixture::write_messages(&file, &messages);
        let refused = Bag::open(&file, None).expect_err("nothing to play");
        let text = refused.to_string();
        let damaged = format!("{} damaged messages", messages.len());
        assert!(text.contains(&damaged), "{text}");
        assert!(text.contains("publish.wire"), "{text}");
    }
}

#[test]
fn other_and_missing_files_are_refused_by_name() {
    let folder = Folder::new();
    let file = folder.join("x.mcap");
    fs::write(&file, "this is a text and no bag").expect("written");
    let refused = |path: &Path| Bag::open(path, None).expect_err("no bag").to_string();
    assert!(
        refused(&file).contains("x.mcap is not an MCAP file"),
        "{}",
        refused(&file)
    );
    let gone = folder.join("gone.mcap");
    assert!(refused(&gone).contains("gone.mcap"), "{}", refused(&gone));
}

#[test]
fn repeating_restarts_until_the_sink_breaks() {
    let folder = Folder::new();
    let file = folder.join("x.mcap");
    recording(0..4).write(&file, Layout::Plain);
    let mut frames = Vec::new();
    let bag = Bag::open(&file, None).expect("a bag");
    let played = bag.play_frames(true, |frame| {
        frames.push(frame);
        if frames.len() == 10 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    played.expect("readable");
    assert_eq!(
        frames,
        [expected(0..4), expected(0..4), expected(0..2)].concat()
    );
}

#[test]
fn gaps_count_per_link_and_a_restart_is_no_gap() {
    let mut gaps = SequenceGaps::default();
    for (link, number) in [
        (Link::Points, 7),
        (Link::Output, 3),
        (Link::Points, 8),
        (Link::Points, 11),
        (Link::Output, 4),
        (Link::Points, 0),
        (Link::Points, 1),
        (Link::Output, u64::MAX),
        (Link::Output, u64::MAX),
    ] {
        gaps.record(link, number);
    }
    assert_eq!(gaps.missing, 2 + (u64::MAX - 5));
}
