//! The command `clouds`: each recorded cloud as a file of its own.

mod las;
mod pcd;

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use ros_bag::Value;
use sensr_bridge::topic::Topic as BridgeTopic;

use super::arguments::{CloudFormat, CloudsOptions};
use super::error::Error;
use super::messages::{Form, is_on, read_values};
use super::output::OutputFile;
use super::recording::Recording;

const CLOUD: &str = BridgeTopic::Raw.message_type();

/// Cloud of a message.
#[derive(Debug)]
struct Cloud<'a> {
    stamp_ns: i64,
    width: usize,
    height: usize,
    point_step: usize,
    fields: Vec<PointField<'a>>,
    /// Points one after the other, without padding between rows.
    data: Vec<u8>,
}

/// Field of each point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PointField<'a> {
    name: &'a str,
    offset: usize,
    kind: PointFieldKind,
    count: usize,
}

/// Type of a field, as `sensor_msgs/PointField` numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PointFieldKind {
    Signed(usize),
    Unsigned(usize),
    Float(usize),
}

impl PointFieldKind {
    fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Signed(1),
            2 => Self::Unsigned(1),
            3 => Self::Signed(2),
            4 => Self::Unsigned(2),
            5 => Self::Signed(4),
            6 => Self::Unsigned(4),
            7 => Self::Float(4),
            8 => Self::Float(8),
            _ => return None,
        })
    }

    /// Size in bytes.
    fn bytes(self) -> usize {
        match self {
            Self::Signed(bytes) | Self::Unsigned(bytes) | Self::Float(bytes) => bytes,
        }
    }
}

impl PointField<'_> {
    fn end(&self) -> Option<usize> {
        self.kind
            .bytes()
            .checked_mul(self.count)?
            .checked_add(self.offset)
    }
}

/// Writes the clouds of the chosen topics and times.
pub(crate) fn run(options: &CloudsOptions) -> Result<(), Error> {
    let source = &options.source;
    if !options.intensity_scale.is_finite() || options.intensity_scale < 0.0 {
        let text = "--intensity-scale must be a number that is not negative";
        return Err(Error::Argument(text.to_owned()));
    }
    let recording = Recording::open(&source.bag)?;
    let topics = recording.topics(&source.topic, "of clouds", |topic| topic.kind == CLOUD)?;
    let range = recording.range(source)?;
    fs::create_dir_all(&options.output).map_err(Error::write(&options.output))?;
    let mut names = Names::default();
    let (mut written, mut skipped) = (0_u64, 0_u64);
    read_values(&recording, range, is_on(&topics), |message, value| {
        let Some(cloud) = cloud_of(value) else {
            return Ok(Form::Damaged);
        };
        let ending = match options.format {
            CloudFormat::Pcd => "pcd",
            CloudFormat::Las => "las",
        };
        let path = names.next(&message.topic.name, cloud.stamp_ns, ending);
        let path = options.output.join(path);
        let mut file = OutputFile::create(&path, options.overwrite)?;
        match options.format {
            CloudFormat::Pcd => pcd::write(&mut file, &cloud).map_err(Error::write(&path))?,
            CloudFormat::Las => {
                let encoded = las::encode(&cloud, options.intensity_scale);
                let (bytes, left_out) = encoded.map_err(|error| Error::Type {
                    topic: message.topic.name.clone(),
                    reason: error.to_string(),
                })?;
                file.write_all(&bytes).map_err(Error::write(&path))?;
                skipped += left_out;
            }
        }
        file.commit()?;
        written += 1;
        Ok(Form::Valid)
    })?;
    if written == 0 {
        return Err(Error::Nothing {
            path: source.bag.path.clone(),
            hint: "see `sensr_bag info` for its times".to_owned(),
        });
    }
    if skipped > 0 {
        log::warn!(
            "{skipped} points without a finite place are left out: LAS has integers (--format pcd keeps them)"
        );
    }
    log::info!("{written} clouds written to {}", options.output.display());
    Ok(())
}

/// Names of files, each used once.
#[derive(Debug, Default)]
struct Names {
    /// Number of clouds by topic and stamp.
    used: HashMap<String, HashMap<i64, u32>>,
}

impl Names {
    /// Returns the topic with the time of the cloud in seconds, as in `points_raw_1700000000.123456789.pcd`. Further clouds
    /// of the same time have a number.
    fn next(&mut self, topic: &str, stamp_ns: i64, ending: &str) -> PathBuf {
        let topic = topic.trim_start_matches('/').replace('/', "_");
        let sec = stamp_ns.div_euclid(1_000_000_000);
        let nanosec = stamp_ns.rem_euclid(1_000_000_000);
        let stem = format!("{topic}_{sec}.{nanosec:09}");
        let count = self
            .used
            .entry(topic)
            .or_default()
            .entry(stamp_ns)
            .or_default();
        *count += 1;
        let number = if *count > 1 {
            format!("_{count}")
        } else {
            String::new()
        };
        format!("{stem}{number}.{ending}").into()
    }
}

/// Returns the cloud of a `sensor_msgs/PointCloud2`, or `None` if its numbers contradict each other.
fn cloud_of<'a>(message: &'a Value<'a>) -> Option<Cloud<'a>> {
    let number = |name| usize::try_from(message.get(name)?.as_u64()?).ok();
    let (width, height) = (number("width")?, number("height")?);
    let (point_step, row_step) = (number("point_step")?, number("row_step")?);
    if message.get("is_bigendian")?.as_bool()? {
        return None;
    }
    let fields = message.get("fields")?.as_list()?.iter().map(|field| {
        Some(PointField {
            name: field.get("name")?.as_str()?,
            offset: usize::try_from(field.get("offset")?.as_u64()?).ok()?,
            kind: PointFieldKind::from_number(field.get("datatype")?.as_i64()?)?,
            count: usize::try_from(field.get("count")?.as_u64()?).ok()?.max(1),
        })
    });
    let mut fields = fields.collect::<Option<Vec<_>>>()?;
    fields.sort_by_key(|field| field.offset);
    let ends = fields.iter().map(PointField::end);
    let starts = fields.iter().skip(1).map(|field| field.offset);
    let is_in_order = ends
        .zip(starts.chain([point_step]))
        .all(|(end, next)| end.is_some_and(|end| end <= next));
    let bytes = message.get("data")?.as_bytes()?;
    let row_bytes = width.checked_mul(point_step)?;
    if !is_in_order || row_step < row_bytes || bytes.len() < row_step.checked_mul(height)? {
        return None;
    }
    let rows = bytes.chunks(row_step.max(1)).take(height);
    Some(Cloud {
        stamp_ns: message.get("header.stamp")?.as_nanoseconds()?,
        width,
        height,
        point_step,
        fields,
        data: rows
            .flat_map(|row| row[..row_bytes].iter().copied())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ros_bag::read_message;

    /// Serialized cloud of two rows of a point of five bytes each, the rows three bytes apart.
    struct Message {
        fields: Vec<(&'static str, u32, u8)>,
        is_bigendian: bool,
        row_step: u32,
        data: usize,
    }

    impl Message {
        fn new() -> Self {
            Self {
                fields: vec![("flag", 4, 2), ("x", 0, 7)],
                is_bigendian: false,
                row_step: 8,
                data: 16,
            }
        }

        /// Returns fields and data as they are read, or `None` if the numbers contradict each other.
        fn read(&self) -> Option<(String, Vec<u8>)> {
            let text = "Header header\nuint32 height\nuint32 width\nField[] fields\nbool is_bigendian\nuint32 point_step\n\
                uint32 row_step\nuint8[] data\nbool is_dense\n\
                ====\nMSG: own/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
                ====\nMSG: own/Field\nstring name\nuint32 offset\nuint8 datatype\nuint32 count\n\
                ====\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n";
            let kind = ros_bag::parse_definition("own/msg/Cloud", text).expect("valid");
            let mut buffer = Vec::new();
            let mut out = ros_cdr::Writer::begin(&mut buffer);
            out.write_header(ros_cdr::Header {
                stamp: ros_cdr::Time { sec: 1, nanosec: 2 },
                frame_id: "map",
            });
            out.write_u32(2);
            out.write_u32(1);
            out.write_sequence(self.fields.iter(), |out, (name, offset, datatype)| {
                out.write_string(name);
                out.write_u32(*offset);
                out.write_u8(*datatype);
                out.write_u32(1);
            });
            out.write_bool(self.is_bigendian);
            out.write_u32(5);
            out.write_u32(self.row_step);
            let data: Vec<u8> = (0..u8::MAX).take(self.data).collect();
            out.write_byte_sequence(&data);
            out.write_bool(true);
            let value = read_message(&kind, &buffer).expect("valid");
            let cloud = cloud_of(&value)?;
            assert_eq!(
                (cloud.width, cloud.height, cloud.stamp_ns),
                (1, 2, 1_000_000_002)
            );
            let fields = cloud.fields.iter();
            let fields: Vec<String> = fields
                .map(|field| format!("{} at {}", field.name, field.offset))
                .collect();
            Some((fields.join(", "), cloud.data))
        }
    }

    #[test]
    fn fields_are_sorted_and_rows_have_no_padding() {
        let (fields, data) = Message::new().read().expect("consistent");
        assert_eq!(fields, "x at 0, flag at 4");
        assert_eq!(data, [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn clouds_whose_numbers_contradict_each_other_are_refused() {
        let refused: [fn(&mut Message); 6] = [
            |cloud| cloud.is_bigendian = true,
            |cloud| cloud.data = 15,
            |cloud| cloud.row_step = 4,
            |cloud| cloud.fields[0].1 = 3,
            |cloud| cloud.fields[0].1 = u32::MAX,
            |cloud| cloud.fields[0].2 = 9,
        ];
        for (number, change) in refused.into_iter().enumerate() {
            let mut cloud = Message::new();
            change(&mut cloud);
            assert_eq!(cloud.read(), None, "{number}");
        }
    }

    #[test]
    fn clouds_of_the_same_time_have_names_of_their_own() {
        let mut names = Names::default();
        let mut next = |topic, stamp_ns| names.next(topic, stamp_ns, "pcd").display().to_string();
        assert_eq!(
            next("/a/points/raw", 1_000_000_002),
            "a_points_raw_1.000000002.pcd"
        );
        assert_eq!(next("/a/points/raw", 5), "a_points_raw_0.000000005.pcd");
        assert_eq!(
            next("/a/points/raw", 1_000_000_002),
            "a_points_raw_1.000000002_2.pcd"
        );
        assert_eq!(next("/points/raw", 5), "points_raw_0.000000005.pcd");
    }

    /// Points with x, y, z and an intensity, 20 bytes each, the last four of them unused.
    pub(super) fn cloud(points: &[[f32; 4]]) -> Cloud<'static> {
        let field = |(index, name)| PointField {
            name,
            offset: 4 * index,
            kind: PointFieldKind::Float(4),
            count: 1,
        };
        let fields = ["x", "y", "z", "intensity"]
            .into_iter()
            .enumerate()
            .map(field);
        let point = |values: &[f32; 4]| {
            let mut bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            bytes.extend([0xaa; 4]);
            bytes
        };
        Cloud {
            stamp_ns: 1_700_000_000_000_000_005,
            width: points.len(),
            height: 1,
            point_step: 20,
            fields: fields.collect(),
            data: points.iter().flat_map(point).collect(),
        }
    }
}
