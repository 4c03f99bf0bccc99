use tempfile::TempDir;

use super::*;
use crate::recorder::test_files::{self, LATCHED, Layout, TestMessage, VOLATILE};

const POINTS: &str = "/site/points/raw";
const ZONES: &str = "/site/zones";

/// Bag with one split for each list of times.
fn bag(splits: &[&[u64]]) -> TempDir {
    let folder = test_files::folder();
    for (number, times) in splits.iter().enumerate() {
        let messages: Vec<TestMessage> = times
            .iter()
            .flat_map(|&time| {
                [
                    TestMessage::at(POINTS, time),
                    TestMessage::at(ZONES, time + 1),
                ]
            })
            .collect();
        let path = folder.path().join(format!("bag_{number}.mcap"));
        test_files::write(&path, Layout::Plain, &messages);
    }
    folder
}

fn read(folder: &TempDir) -> Value {
    let text = fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
    let root: Value = serde_yaml::from_str(&text).unwrap();
    root[ROOT].clone()
}

fn paths(bag: &Value) -> Vec<&str> {
    let paths = bag["relative_file_paths"].as_sequence().unwrap();
    paths.iter().map(|path| path.as_str().unwrap()).collect()
}

#[test]
fn a_missing_file_is_written_from_the_splits() {
    let folder = bag(&[&[1000, 2000], &[3000]]);
    assert!(mend(folder.path()).unwrap().is_changed);
    let bag = read(&folder);
    assert_eq!(bag["version"], 5);
    assert_eq!(bag["storage_identifier"], "mcap");
    assert_eq!(bag["starting_time"]["nanoseconds_since_epoch"], 1000);
    assert_eq!(bag["duration"]["nanoseconds"], 2001);
    assert_eq!(bag["message_count"], 6);
    assert_eq!(paths(&bag), ["bag_0.mcap", "bag_1.mcap"]);
    let second = &bag["files"][1];
    assert_eq!(second["path"], "bag_1.mcap");
    assert_eq!(second["starting_time"]["nanoseconds_since_epoch"], 3000);
    assert_eq!(second["duration"]["nanoseconds"], 1);
    assert_eq!(second["message_count"], 2);
    let topic = &bag["topics_with_message_count"][0];
    assert_eq!(topic["message_count"], 3);
    let metadata = &topic["topic_metadata"];
    assert_eq!(metadata["name"], POINTS);
    assert_eq!(metadata["type"], "std_msgs/msg/String");
    assert_eq!(metadata["serialization_format"], "cdr");
    assert!(metadata["offered_qos_profiles"].is_string());
}

#[test]
fn an_empty_file_is_written_from_the_splits() {
    for content in ["", "\0\0\0\0", "rosbag2_bagfile_information:\n  vers", "[]"] {
        let folder = bag(&[&[1000]]);
        fs::write(folder.path().join(FILE_NAME), content).unwrap();
        assert!(mend(folder.path()).unwrap().is_changed, "{content:?}");
        assert_eq!(read(&folder)["message_count"], 2);
    }
}

#[test]
fn a_file_that_matches_is_left_alone() {
    let folder = bag(&[&[1000, 2000], &[3000]]);
    mend(folder.path()).unwrap();
    let path = folder.path().join(FILE_NAME);
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    assert!(!mend(folder.path()).unwrap().is_changed);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn entries_of_deleted_splits_leave_and_the_rest_stays() {
    let folder = bag(&[&[1000, 2000], &[3000], &[4000, 6000]]);
    mend(folder.path()).unwrap();
    let path = folder.path().join(FILE_NAME);
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("version: 5", "version: 9");
    fs::write(
        &path,
        format!("{text}  custom_data:\n    site: north\n  ros_distro: jazzy\n"),
    )
    .unwrap();
    fs::remove_file(folder.path().join("bag_0.mcap")).unwrap();
    assert!(mend(folder.path()).unwrap().is_changed);
    let bag = read(&folder);
    assert_eq!(paths(&bag), ["bag_1.mcap", "bag_2.mcap"]);
    assert_eq!(bag["files"].as_sequence().unwrap().len(), 2);
    assert_eq!(bag["message_count"], 6);
    assert_eq!(bag["starting_time"]["nanoseconds_since_epoch"], 3000);
    assert_eq!(bag["duration"]["nanoseconds"], 3001);
    assert_eq!(bag["topics_with_message_count"][0]["message_count"], 3);
    assert_eq!(bag["version"], 9);
    assert_eq!(bag["custom_data"]["site"], "north");
    assert_eq!(bag["ros_distro"], "jazzy");
}

#[test]
fn splits_are_in_the_order_of_their_numbers() {
    let times: Vec<Vec<u64>> = (0..12).map(|number| vec![number * 1000]).collect();
    let times: Vec<&[u64]> = times.iter().map(Vec::as_slice).collect();
    let folder = bag(&times);
    mend(folder.path()).unwrap();
    let bag = read(&folder);
    assert_eq!(
        paths(&bag)[9..],
        ["bag_9.mcap", "bag_10.mcap", "bag_11.mcap"]
    );
}

#[test]
fn files_of_others_in_the_folder_stay_out() {
    let parent = test_files::folder();
    let folder = parent.path().join("bag");
    fs::create_dir(&folder).unwrap();
    let messages = [TestMessage::at(POINTS, 1000)];
    test_files::write(&folder.join("bag_0.mcap"), Layout::Plain, &messages);
    fs::write(folder.join("other_0.mcap"), "not ours").unwrap();
    let mended = mend(&folder).unwrap();
    assert!(mended.is_changed && mended.left_out.is_empty());
    let text = fs::read_to_string(folder.join(FILE_NAME)).unwrap();
    assert!(text.contains("bag_0.mcap") && !text.contains("other_0.mcap"));
}

#[test]
fn a_cut_split_is_left_out_and_named() {
    let folder = bag(&[&[1000, 2000], &[3000]]);
    let cut = folder.path().join("bag_1.mcap");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 50]).unwrap();
    let mended = mend(folder.path()).unwrap();
    assert_eq!(paths(&read(&folder)), ["bag_0.mcap"]);
    let error = mended.left_out[0].to_string();
    assert!(
        error.contains("bag_1.mcap ends without a summary"),
        "{error}"
    );
    assert!(error.contains("mcap recover"), "{error}");
}

#[test]
fn qos_is_written_as_the_version_demands() {
    for offered in [LATCHED, VOLATILE] {
        let named = qos::for_version(offered, 9);
        let numbered = qos::for_version(offered, 5);
        let parsed: Value = serde_yaml::from_str(numbered.as_str().unwrap()).unwrap();
        let is_latched = offered == LATCHED;
        let (name, number) = if is_latched {
            ("transient_local", 1)
        } else {
            ("volatile", 2)
        };
        assert_eq!(named[0]["durability"], name);
        assert_eq!(parsed[0]["durability"], number);
        assert_eq!(parsed[0]["reliability"], 1);
        assert_eq!(named[0]["liveliness"], "automatic");
        assert_eq!(parsed[0]["depth"], named[0]["depth"]);
        assert_eq!(parsed[0]["deadline"]["sec"], 9_223_372_036_u64);
        let text = serde_yaml::to_string(&named).unwrap();
        assert_eq!(qos::for_version(&text, 5), numbered);
    }
    assert_eq!(qos::for_version("", 5), "");
    assert_eq!(qos::for_version("a: [", 9), Value::Sequence(Vec::new()));
}
