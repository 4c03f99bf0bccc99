//! Replay of bags: every frame of the bridge's `wire` topic is sent again, byte for byte.
//!
//! ```text
//! splits ─► records (MCAP) ─► wire frames (CDR) ─► read-ahead (a thread, bounded) ─► player (recorded times) ─► broadcast
//! ```
//!
//! Files are read as a stream, so that a bag of any size takes no more memory than the read-ahead.

mod bag_error;
#[cfg(test)]
mod fixture;
mod playback_times;
mod player;
mod read_ahead;
mod reader;
mod topics;
mod wire_frame;

pub use bag_error::BagError;
pub(super) use player::Player;

use std::path::Path;

use ros_bag::Topic;

/// Message type of the topic with the frames.
const WIRE_TYPE: &str = "sensr_bridge/msg/WireFrame";

/// Returns whether the path is a bag or a folder of bags, which replaying refuses with their names. A folder with scans is a
/// folder of scans, even if it also contains bags.
#[must_use]
pub fn is_bag(path: &Path) -> bool {
    ros_bag::is_bag(path) || (ros_bag::is_folder_of_bags(path) && !has_scans(path))
}

fn has_scans(folder: &Path) -> bool {
    let is_scan = |path: &Path| {
        path.extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("pcd"))
    };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is_scan(&entry.path()))
}

/// Returns whether the topic has frames to replay.
fn is_wire(topic: &Topic) -> bool {
    topic.kind == WIRE_TYPE
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_with_scans_is_no_bag() {
        let folder = fixture::Folder::new();
        fs::create_dir(folder.join("run")).expect("made");
        fs::write(folder.join("run").join("x_0.mcap"), "x").expect("written");
        assert!(is_bag(folder.path()) && is_bag(&folder.join("run")));
        fs::write(folder.join("a.PCD"), "").expect("written");
        assert!(!is_bag(folder.path()) && !is_bag(&folder.join("a.PCD")));
    }
}
