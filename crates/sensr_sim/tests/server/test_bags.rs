//! Bags for tests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mcap::records::MessageHeader;
use mcap::{Compression, WriteOptions};
use sensr_sim::BagOptions;

/// Recorded frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub stamp_ms: i32,
    pub link: u8,
    pub data: Vec<u8>,
}

pub(crate) const POINTS: u8 = 0;
pub(crate) const OUTPUT: u8 = 1;

/// Returns `count` frames 10 ms apart: two of points and then one of output in turn.
pub(crate) fn recording(count: i32, data_bytes: usize) -> Vec<Recorded> {
    let frame = |number: i32| Recorded {
        stamp_ms: number * 10,
        link: u8::from(number % 3 == 2),
        data: (0..data_bytes)
            .map(|k| (k + number.unsigned_abs() as usize * 31).to_le_bytes()[0])
            .collect(),
    };
    (0..count).map(frame).collect()
}

pub(crate) fn of(link: u8, recorded: &[Recorded]) -> Vec<Bytes> {
    let those = recorded.iter().filter(|frame| frame.link == link);
    those
        .map(|frame| Bytes::copy_from_slice(&frame.data))
        .collect()
}

/// Serializes the message as ROS 2 does on a little-endian machine.
fn serialized(frame: &Recorded) -> Vec<u8> {
    let (sec, millis) = (
        frame.stamp_ms.div_euclid(1000),
        frame.stamp_ms.rem_euclid(1000),
    );
    let mut message = vec![0, 1, 0, 0];
    message.extend((1_700_000_000 + sec).to_le_bytes());
    message.extend((millis * 1_000_000).to_le_bytes());
    message.extend(1u32.to_le_bytes());
    message.extend([0, frame.link, 0, 0]);
    message.extend(0u64.to_le_bytes());
    let length = u32::try_from(frame.data.len()).expect("small");
    message.extend(length.to_le_bytes());
    message.extend(&frame.data);
    message
}

pub(crate) fn write(path: &Path, compression: Option<Compression>, topics: &[(&str, &[Recorded])]) {
    let options = WriteOptions::new().compression(compression);
    let mut writer = options
        .create(File::create(path).expect("made"))
        .expect("written");
    for &(topic, frames) in topics {
        let kind = "sensr_bridge/msg/WireFrame";
        let schema = writer.add_schema(kind, "ros2msg", b"").expect("written");
        let channel = writer.add_channel(schema, topic, "cdr", &BTreeMap::new());
        let header = MessageHeader {
            channel_id: channel.expect("written"),
            sequence: 0,
            log_time: 0,
            publish_time: 0,
        };
        for frame in frames {
            let message = serialized(frame);
            writer
                .write_to_known_channel(&header, &message)
                .expect("written");
        }
    }
    writer.finish().expect("written");
}

/// Returns an empty folder of this test in the build folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bag")
        .join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("removed");
    }
    fs::create_dir_all(&folder).expect("made");
    folder
}

pub(crate) fn bag(name: &str, frames: &[Recorded]) -> BagOptions {
    let file = folder(name).join("bag.mcap");
    write(&file, Some(Compression::Zstd), &[("/site/wire", frames)]);
    BagOptions::new(file)
}
