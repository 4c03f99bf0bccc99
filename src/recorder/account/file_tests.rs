//! The accountant with real files.

use std::fs;

use super::*;
use crate::recorder::test_files::{self, Layout, TestMessage};

const SECOND: u64 = 1_000_000_000;
const POINTS: &str = "/site/points/raw";
const ZONES: &str = "/site/zones";

/// Counts of a bridge that started at second 100.
fn counts(second: u64, points: u64, zones: u64) -> PublishedCounts {
    PublishedCounts {
        stamp_ns: second * SECOND,
        run_start_ns: 100 * SECOND,
        is_final: false,
        published: [(POINTS.to_owned(), points), (ZONES.to_owned(), zones)].into(),
        published_bytes: 0,
    }
}

/// Recording under construction.
struct Recording {
    folder: tempfile::TempDir,
    accountant: Accountant,
}

impl Recording {
    fn new() -> Self {
        Self {
            folder: test_files::folder(),
            accountant: Accountant::new("/site", |topic| topic.starts_with("/site/")),
        }
    }

    /// Writes a split with messages at these half seconds.
    fn split(&self, bag: &str, number: u32, messages: &[(&str, u64)]) -> PathBuf {
        let folder = self.folder.path().join(bag);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{bag}_{number}.mcap"));
        let messages = messages.iter();
        let messages = messages.map(|&(topic, half)| TestMessage::at(topic, half * SECOND / 2 + 1));
        test_files::write(&path, Layout::Plain, &messages.collect::<Vec<_>>());
        path
    }

    /// Sends statistics every second. `points` are the counts.
    fn statistics(&mut self, first: u64, points: &[u64]) {
        for (second, &points) in (first..).zip(points) {
            self.accountant.on_statistics(&counts(second, points, 1));
        }
    }
}

fn read_account(split: &Path) -> SplitAccount {
    let text = fs::read(account_path(split)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Messages of `/rosout` every half second, and clouds at these.
fn with_rosout(range: std::ops::Range<u64>, clouds: &[u64]) -> Vec<(&'static str, u64)> {
    let others = range.map(|half| ("/rosout", half));
    let mut messages: Vec<_> = clouds
        .iter()
        .map(|&half| (POINTS, half))
        .chain(others)
        .collect();
    messages.sort_by_key(|&(_, half)| half);
    messages
}

#[test]
fn an_account_is_written_beside_the_split_and_corrected_by_the_next() {
    let mut recording = Recording::new();
    // Clouds 3 of 4 arrive; the fourth is published at the end and was lost.
    recording.statistics(101, &[0, 0, 0, 0, 1, 2, 3, 3, 3, 4]);
    let first = recording.split("bag", 0, &with_rosout(206..221, &[208, 210, 212]));
    let account = recording.accountant.close_split(&first).unwrap();
    assert_eq!(read_account(&first), account);
    assert!(!account.settled);
    assert_eq!(
        (account.bag.as_str(), account.split.as_str()),
        ("bag", "bag_0.mcap")
    );
    assert_eq!(account.topics[POINTS].recorded, 3);
    assert_eq!(account.topics["/rosout"].published, None);

    recording.statistics(111, &[4, 4, 4, 4, 4, 4, 4, 4, 4]);
    let second = recording.split("bag", 1, &with_rosout(221..240, &[]));
    let account = recording.accountant.close_split(&second).unwrap();
    assert_eq!(account.topics[POINTS].missing, Some(0));
    let corrected = read_account(&first);
    assert!(corrected.settled);
    assert_eq!(corrected.topics[POINTS].missing, Some(1));
    assert_eq!(corrected.topics[POINTS].published, Some(4));
    let totals = recording.accountant.totals()[POINTS];
    assert_eq!(
        (totals.recorded, totals.missing, totals.last_split_missing),
        (3, 1, 0)
    );
    assert_eq!(recording.accountant.totals()["/rosout"].missing, 0);

    let mut last = counts(121, 4, 1);
    last.is_final = true;
    recording.accountant.on_statistics(&last);
    assert!(
        recording
            .accountant
            .finish()
            .iter()
            .any(|account| account.split == "bag_1.mcap")
    );
    assert!(read_account(&second).settled);
}

#[test]
fn the_account_of_a_deleted_split_does_not_come_back() {
    let mut recording = Recording::new();
    recording.statistics(101, &[0, 0, 0, 0, 1, 2, 3, 3, 3, 4]);
    let first = recording.split("bag", 0, &with_rosout(206..221, &[208, 210, 212]));
    recording.accountant.close_split(&first).unwrap();
    fs::remove_file(&first).unwrap();
    fs::remove_file(account_path(&first)).unwrap();
    recording.statistics(111, &[4, 4, 4, 4, 4, 4, 4, 4, 4]);
    let second = recording.split("bag", 1, &with_rosout(221..240, &[]));
    recording.accountant.close_split(&second).unwrap();
    assert!(!account_path(&first).exists());
    assert_eq!(recording.accountant.totals()[POINTS].missing, 1);
}

#[test]
fn latched_messages_that_arrive_again_in_a_new_bag_hide_no_loss() {
    let mut recording = Recording::new();
    recording.statistics(101, &[0, 0, 0, 1, 2, 3, 3, 3, 3, 3]);
    let mut messages = with_rosout(206..221, &[207, 209]);
    messages.insert(1, (ZONES, 207));
    let first = recording.split("bag", 0, &messages);
    recording.accountant.close_split(&first).unwrap();
    recording.statistics(111, &[3, 3, 3, 3, 3, 3, 3, 3, 3]);
    // One zone message is lost here: two are published, one is recorded.
    for second in 120..130 {
        recording.accountant.on_statistics(&counts(second, 3, 2));
    }
    let second = recording.split("bag", 1, &with_rosout(221..258, &[]));
    recording.accountant.close_split(&second).unwrap();
    assert_eq!(recording.accountant.totals()[ZONES].missing, 1);

    // The new bag receives the latched message a second time.
    for second in 130..150 {
        recording.accountant.on_statistics(&counts(second, 3, 2));
    }
    let mut messages = with_rosout(265..290, &[]);
    messages.insert(1, (ZONES, 266));
    let third = recording.split("bag_2", 0, &messages);
    recording.accountant.close_split(&third).unwrap();
    let totals = recording.accountant.totals();
    assert_eq!((totals[ZONES].recorded, totals[ZONES].missing), (2, 1));
    assert_eq!(totals[POINTS].missing, 1);
}

#[test]
fn what_is_published_during_a_pause_is_not_missing() {
    for pauses in [true, false] {
        let mut recording = Recording::new();
        recording.statistics(101, &[0, 0, 0, 1, 2, 2, 2, 2, 2, 2]);
        let first = recording.split("bag", 0, &with_rosout(206..221, &[207, 209]));
        recording.accountant.close_split(&first).unwrap();
        if pauses {
            recording.accountant.on_pause();
        }
        // A viewer receives fifty clouds; then recording goes on.
        recording.statistics(
            111,
            &[12, 22, 32, 42, 52, 52, 52, 53, 54, 54, 54, 54, 54, 54],
        );
        let second = recording.split("bag_2", 0, &with_rosout(232..248, &[235, 237]));
        recording.accountant.close_split(&second).unwrap();
        let missing = recording.accountant.totals()[POINTS].missing;
        assert_eq!(missing, if pauses { 0 } else { 50 });
    }
}

#[test]
fn a_recorder_that_starts_late_owes_nothing_of_before() {
    let mut recording = Recording::new();
    // A viewer has received 40 clouds before the recorder subscribed.
    recording.statistics(101, &[10, 20, 30, 40, 41, 42, 42, 42, 42, 42, 42]);
    let split = recording.split("bag", 0, &with_rosout(206..223, &[209, 211]));
    let account = recording.accountant.close_split(&split).unwrap();
    assert_eq!(account.topics[POINTS].missing, Some(0));
    assert!(
        account
            .uncertain
            .unwrap()
            .contains("while the bridge was publishing")
    );
}

#[test]
fn a_topic_that_never_arrives_is_missing() {
    let mut recording = Recording::new();
    let published: Vec<u64> = (0..40).map(|second| second * 10).collect();
    recording.statistics(101, &published);
    let split = recording.split("bag", 0, &with_rosout(206..280, &[]));
    let account = recording.accountant.close_split(&split).unwrap();
    // Counted from the last statistics before the bag on, 20, to about the last ones before the end.
    let missing = account.topics[POINTS].missing.unwrap();
    assert!((300..=370).contains(&missing), "{missing}");
}

#[test]
fn a_cut_split_is_an_error_and_its_messages_are_missing() {
    let mut recording = Recording::new();
    recording.statistics(101, &[0, 0, 0, 1, 2, 2, 2, 2, 2, 2]);
    let cut = recording.split("bag", 0, &with_rosout(206..221, &[207, 209]));
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
    assert!(matches!(
        recording.accountant.close_split(&cut),
        Err(SplitError::Cut { .. })
    ));
    recording.statistics(111, &[2, 2, 2, 2, 2, 2, 2, 2]);
    super::super::repair::repair(&cut).unwrap();
    let account = recording.accountant.close_split(&cut).unwrap();
    assert_eq!(account.topics[POINTS].recorded, 2);
    assert_eq!(account.missing, 0);
}

#[test]
fn a_split_is_read_again_if_the_end_of_a_bridge_in_it_is_told_later() {
    let mut recording = Recording::new();
    // The bridge dies after its fourth cloud, which is in no statistics. The next one starts at 109.
    recording.statistics(101, &[0, 0, 0, 0, 1, 2, 3]);
    let clouds = [208, 210, 212, 215, 220];
    let first = recording.split("bag", 0, &with_rosout(206..222, &clouds));
    recording.accountant.close_split(&first).unwrap();

    // Its first statistics come after the split. The last of its three clouds is lost.
    for (second, points) in [(112, 2), (113, 3), (114, 3), (115, 3), (116, 3), (117, 3)] {
        recording.accountant.on_statistics(&PublishedCounts {
            run_start_ns: 109 * SECOND,
            is_final: second == 117,
            ..counts(second, points, 0)
        });
    }
    let second = recording.split("bag", 1, &with_rosout(222..240, &[223]));
    recording.accountant.close_split(&second).unwrap();
    recording.accountant.finish();
    let totals = recording.accountant.totals()[POINTS];
    assert_eq!((totals.recorded, totals.missing), (6, 1));
    let uncertain = read_account(&second).uncertain.unwrap();
    assert!(uncertain.contains("without a last report"), "{uncertain}");
}
