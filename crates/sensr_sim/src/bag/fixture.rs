//! Small bags for tests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use mcap::records::MessageHeader;
use mcap::{Compression, WriteOptions, Writer};

use super::WIRE_TYPE;

/// Default number of frames of a [`Recording`].
pub(super) const FRAMES: u64 = 50;

/// Temporary folder, removed when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sensr_sim-bag-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("made");
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Layout of an MCAP file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Default of `ros2 bag record`.
    Plain,
    Zstd,
    Lz4,
    /// Without summary section.
    NoSummary,
    /// Without chunks and summary: the `fastwrite` profile.
    NoChunks,
    /// Without footer: the recorder was killed between two chunks.
    NoFooter,
}

/// Recording in which each topic has a message for each of `numbers`.
pub(super) struct Recording {
    topics: Vec<(String, &'static str)>,
    pub numbers: Range<u64>,
    pub encoding: &'static str,
}

impl Recording {
    /// Returns a recording whose topics `wires` have frames.
    pub(super) fn new(others: &[&str], wires: &[&str]) -> Self {
        let of_type = |names: &[&str], kind| -> Vec<_> {
            names.iter().map(|&name| (name.to_owned(), kind)).collect()
        };
        let mut topics = of_type(others, "std_msgs/msg/String");
        topics.extend(of_type(wires, WIRE_TYPE));
        Self {
            topics,
            numbers: 0..FRAMES,
            encoding: "cdr",
        }
    }

    pub(super) fn write(&self, path: &Path, layout: Layout) {
        let mut writer = create_writer(path, layout);
        let channels: Vec<u16> = self
            .topics
            .iter()
            .map(|(topic, kind)| add_channel(&mut writer, topic, kind, self.encoding))
            .collect();
        for number in self.numbers.clone() {
            let link = u8::from(number % 2 == 1);
            let frame = message(
                Order::Little,
                stamp_ns(number),
                link,
                number / 2,
                &frame_data(number),
            );
            for &channel in &channels {
                write_message(&mut writer, channel, &frame);
            }
        }
        finish_file(writer, path, layout);
    }
}

/// Writes a file with these messages on a topic for frames.
pub(super) fn write_messages(path: &Path, messages: &[Vec<u8>]) {
    let mut writer = create_writer(path, Layout::Plain);
    let channel = add_channel(&mut writer, "/wire", WIRE_TYPE, "cdr");
    for message in messages {
        write_message(&mut writer, channel, message);
    }
    finish_file(writer, path, Layout::Plain);
}

type FileWriter = Writer<BufWriter<File>>;

fn create_writer(path: &Path, layout: Layout) -> FileWriter {
    let has_summary = !matches!(layout, Layout::NoSummary | Layout::NoChunks);
    let options = WriteOptions::new()
        .compression(match layout {
            Layout::Zstd => Some(Compression::Zstd),
            Layout::Lz4 => Some(Compression::Lz4),
            _ => None,
        })
        .use_chunks(layout != Layout::NoChunks)
        .chunk_size(Some(2000))
        .emit_summary_records(has_summary)
        .emit_summary_offsets(has_summary);
    let file = BufWriter::new(File::create(path).expect("made"));
    options.create(file).expect("written")
}

fn add_channel(writer: &mut FileWriter, topic: &str, kind: &str, encoding: &str) -> u16 {
    let schema = writer.add_schema(kind, "ros2msg", b"").expect("written");
    let channel = writer.add_channel(schema, topic, encoding, &BTreeMap::new());
    channel.expect("written")
}

fn write_message(writer: &mut FileWriter, channel_id: u16, message: &[u8]) {
    let header = MessageHeader {
        channel_id,
        sequence: 0,
        log_time: 0,
        publish_time: 0,
    };
    writer
        .write_to_known_channel(&header, message)
        .expect("written");
}

fn finish_file(mut writer: FileWriter, path: &Path, layout: Layout) {
    if layout == Layout::NoFooter {
        writer.flush().expect("written");
        let bytes = fs::metadata(path).expect("there").len();
        drop(writer);
        let file = File::options().write(true).open(path).expect("there");
        return file.set_len(bytes).expect("cut");
    }
    writer.finish().expect("written");
}

/// Returns the arrival time of frame `number`; frames are 10 ms apart.
pub(super) fn stamp_ns(number: u64) -> i64 {
    let number = i64::try_from(number).expect("small");
    1_700_000_000_000_000_000 + number * 10_000_000
}

/// Returns the payload of frame `number`: of varying length, the first one empty, and hardly compressible.
pub(super) fn frame_data(number: u64) -> Bytes {
    let bytes = (0..number * 37 % 400).map(|k| {
        let mixed = (number * 400 + k).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()[0]
    });
    bytes.collect()
}

/// Byte order of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn header(self) -> [u8; 4] {
        [0, u8::from(self == Self::Little), 0, 0]
    }

    fn push_number(self, message: &mut Vec<u8>, little_endian: &[u8]) {
        while !(message.len() - 4).is_multiple_of(little_endian.len()) {
            message.push(0);
        }
        match self {
            Self::Little => message.extend(little_endian),
            Self::Big => message.extend(little_endian.iter().rev()),
        }
    }
}

/// Returns a serialized `WireFrame`.
pub(super) fn message(
    order: Order,
    stamp_ns: i64,
    link: u8,
    sequence: u64,
    data: &[u8],
) -> Vec<u8> {
    let sec = i32::try_from(stamp_ns.div_euclid(1_000_000_000)).expect("before 2038");
    let nanosec = u32::try_from(stamp_ns.rem_euclid(1_000_000_000)).expect("below 10^9");
    let data_bytes = u32::try_from(data.len()).expect("small");
    let mut message = order.header().to_vec();
    order.push_number(&mut message, &sec.to_le_bytes());
    order.push_number(&mut message, &nanosec.to_le_bytes());
    order.push_number(&mut message, &1u32.to_le_bytes());
    message.extend([0, link]);
    order.push_number(&mut message, &sequence.to_le_bytes());
    order.push_number(&mut message, &data_bytes.to_le_bytes());
    message.extend(data);
    message
}
