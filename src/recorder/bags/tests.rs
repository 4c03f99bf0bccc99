use super::*;
use tempfile::TempDir;

struct Output(TempDir);

impl Output {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Creates a bag with splits of these numbers, each with as many bytes.
    fn add(&self, name: &str, mark: Option<&RecordingMark>, splits: &[u64]) -> PathBuf {
        let folder = self.folder(name);
        fs::create_dir(&folder).expect("created");
        for number in splits {
            let bytes = vec![0; usize::try_from(*number).expect("small")];
            fs::write(folder.join(format!("{name}_{number}.mcap")), bytes).expect("written");
        }
        if let Some(mark) = mark {
            mark.write(&folder).expect("written");
        }
        folder
    }

    fn scan(&self, open: Option<&Path>) -> Vec<Bag> {
        scan(self.0.path(), "/a", open).expect("readable")
    }
}

fn mark(namespace: &str, started: &str) -> RecordingMark {
    RecordingMark {
        started: started.to_owned(),
        ..RecordingMark::open(namespace)
    }
}

#[test]
fn splits_are_in_the_order_of_their_numbers_and_the_last_of_the_open_bag_is_open() {
    let output = Output::new();
    let bag = output.add("a_1", Some(&RecordingMark::open("/a")), &[10, 9, 2, 100]);
    let bags = output.scan(Some(&bag));
    let numbers: Vec<u64> = bags[0].splits.iter().map(|split| split.number).collect();
    assert_eq!(numbers, [2, 9, 10, 100]);
    let open: Vec<bool> = bags[0].splits.iter().map(|split| split.is_open).collect();
    assert_eq!(open, [false, false, false, true]);
    assert_eq!(bags[0].splits[3].bytes, 100);
    assert!(!output.scan(None)[0].splits[3].is_open);
}

#[test]
fn bags_are_in_the_order_of_their_start_and_number() {
    let output = Output::new();
    let first = mark("/a", "2026-01-01T00:00:00Z");
    for name in ["b_10", "b_2", "b"] {
        output.add(name, Some(&first), &[1]);
    }
    output.add("a", Some(&mark("/a", "2026-01-02T00:00:00Z")), &[1]);
    let bags = output.scan(None);
    let names: Vec<_> = bags
        .iter()
        .filter_map(|bag| bag.folder.file_name()?.to_str())
        .collect();
    assert_eq!(names, ["b", "b_2", "b_10", "a"]);
}

#[test]
fn only_marked_folders_of_the_namespace_and_files_named_after_the_bag_count() {
    let output = Output::new();
    let ours = output.add("a_삼양_1", Some(&RecordingMark::open("/a")), &[0]);
    for name in [
        "notes.txt",
        "other_0.mcap",
        "a_삼양_1_x.mcap",
        "a_삼양_1_.mcap",
    ] {
        fs::write(ours.join(name), "x").expect("written");
    }
    fs::create_dir(ours.join("a_삼양_1_7.mcap")).expect("created");
    output.add("b_1", Some(&RecordingMark::open("/b")), &[0]);
    output.add("foreign", None, &[0]);
    let half = output.add("half", None, &[0]);
    fs::write(half.join(MARK_FILE), "{\"namespace\": \"/a\"").expect("written");
    fs::write(output.folder("file"), "x").expect("written");
    std::os::unix::fs::symlink(&ours, output.folder("link")).expect("linked");
    let bags = output.scan(None);
    assert_eq!(bags.len(), 1);
    assert_eq!(bags[0].folder, ours);
    assert_eq!(bags[0].splits.len(), 1);
}

#[test]
fn a_missing_folder_has_no_bags_and_a_file_is_an_error() {
    let output = Output::new();
    let file = output.folder("file");
    fs::write(&file, "").expect("written");
    assert_eq!(scan(&output.folder("none"), "/a", None).expect("empty"), []);
    scan(&file, "/a", None).expect_err("no folder");
}

#[test]
fn the_mark_reads_back_and_is_closed_once() {
    let output = Output::new();
    let folder = output.add("a_1", None, &[]);
    RecordingMark::close(&folder).expect("nothing to close");
    assert_eq!(RecordingMark::read(&folder).expect("readable"), None);
    let open = RecordingMark::open("/");
    assert_eq!(open.node, "/sensr_recorder");
    open.write(&folder).expect("written");
    RecordingMark::close(&folder).expect("closed");
    let closed = RecordingMark::read(&folder)
        .expect("readable")
        .expect("mark");
    assert_eq!(closed.state, MarkState::Closed);
    assert_eq!(closed.started, open.started);
    assert_eq!(fs::read_dir(&folder).expect("readable").count(), 1);
}

#[test]
fn empty_metadata_count_as_none() {
    let output = Output::new();
    let folder = output.add("a_1", Some(&RecordingMark::open("/a")), &[0]);
    assert!(!output.scan(None)[0].has_metadata);
    fs::write(folder.join("metadata.yaml"), "").expect("written");
    assert!(!output.scan(None)[0].has_metadata);
    fs::write(folder.join("metadata.yaml"), "x").expect("written");
    assert!(output.scan(None)[0].has_metadata);
}

#[test]
fn names_with_a_time_count_too() {
    let output = Output::new();
    let bag = output.add("a_1", Some(&RecordingMark::open("/a")), &[]);
    for name in [
        "10_a_1_2026_11_08-09_00_00.mcap",
        "9_a_1_2026_11_08-10_00_00.mcap",
    ] {
        fs::write(bag.join(name), "x").expect("written");
    }
    let bags = output.scan(Some(&bag));
    let found: Vec<_> = bags[0]
        .splits
        .iter()
        .map(|split| (split.number, split.is_open))
        .collect();
    assert_eq!(found, [(9, false), (10, true)]);
}

#[test]
fn accounts_without_their_split_are_found() {
    let output = Output::new();
    let bag = output.add("a_1", Some(&RecordingMark::open("/a")), &[1]);
    for name in [
        "a_1_0.account.json",
        "a_1_1.account.json",
        "2_a_1_2026_11_08-09_00_00.account.json",
        "b_1_0.account.json",
        "my.account.json",
    ] {
        fs::write(bag.join(name), "{}").expect("written");
    }
    let mut orphans = output.scan(None).remove(0).orphans;
    orphans.sort();
    let expected = [
        bag.join("2_a_1_2026_11_08-09_00_00.account.json"),
        bag.join("a_1_0.account.json"),
    ];
    assert_eq!(orphans, expected);
}

#[test]
fn renamed_and_copied_bags_are_left_alone() {
    let output = Output::new();
    let bag = output.add("a_1", Some(&RecordingMark::open("/a")), &[0, 1]);
    fs::rename(&bag, output.folder("important")).expect("renamed");
    let bags = output.scan(None);
    assert_eq!((bags.len(), bags[0].splits.len()), (1, 0));
}

#[test]
fn marks_of_newer_versions_are_understood_and_unreadable_folders_left_out() {
    let output = Output::new();
    let bag = output.add("a_1", None, &[0]);
    let mark = serde_json::json!({
        "namespace": "/a", "node": "/a/sensr_recorder", "started": "2027-01-01T00:00:00Z",
        "version": "9.0.0", "state": "closed", "color": "blue"
    });
    fs::write(bag.join(MARK_FILE), mark.to_string()).expect("written");
    // A mark that is a folder cannot be read.
    let broken = output.add("a_2", None, &[0]);
    fs::create_dir(broken.join(MARK_FILE)).expect("created");
    let bags = output.scan(None);
    assert_eq!((bags.len(), &bags[0].mark.version[..]), (1, "9.0.0"));
}
