//! Rates, recording and logging.

use super::{Converter, Fate, quantity};
use crate::config::Value;
use crate::config::table::{BRIDGE, RECORDER};

const RECORDING_SECTIONS: [&str; 8] = [
    "",
    "recording",
    "record",
    "recorder",
    "bag",
    "rosbag",
    "output",
    "storage",
];

impl Converter<'_> {
    /// Converts settings of rates, recording and log. `None` for others.
    pub(super) fn convert_recording(
        &mut self,
        section: &str,
        key: &str,
        text: &str,
        from: &str,
    ) -> Option<Fate> {
        if let Some(fate) = self.convert_rate(key, text, from) {
            return Some(fate);
        }
        if section == "logging" && key == "level" || key == "log_level" {
            return Some(self.set_log_level(text, from));
        }
        if !RECORDING_SECTIONS.contains(&section) {
            return None;
        }
        match key {
            "duration" | "bag_duration" | "split_duration" | "max_duration" | "max_bag_duration" => {
                Some(self.set_split_duration(text, from))
            }
            "output_directory" | "output_dir" | "output_path" | "output_folder" | "bag_dir" | "bag_directory"
            | "save_path" | "save_dir" | "directory" => Some(self.set_output_dir(text, from)),
            "max_size" | "max_bag_size" | "max_file_size" | "split_size" => {
                Some(self.set_bytes("split_size", text, from, "the size of a split; the recording goes on in the next"))
            }
            "max_total_size" | "max_disk_usage" => {
                Some(self.set_bytes("keep_bytes", text, from, "the oldest splits are deleted above this size"))
            }
            "min_free_space" | "min_disk_space" | "min_free" => {
                Some(self.set_bytes("min_free_bytes", text, from, "below it the oldest splits are deleted"))
            }
            "max_files" | "max_bags" | "keep_last" | "keep_bags" => Some(match text.trim().parse() {
                Ok(count) => {
                    let reason = Some("the number of closed splits to keep; the oldest are deleted");
                    self.set(&RECORDER, "keep_splits", Value::Integer(count), from, reason)
                }
                Err(_) => Fate::Lost("it is not a number of bags".to_owned()),
            }),
            "storage_id" | "storage" | "format" => Some(if text.trim().eq_ignore_ascii_case("mcap") {
                Fate::Carried("recordings are always MCAP".to_owned())
            } else {
                Fate::Changed("recordings are always MCAP, which ros2 bag plays too".to_owned())
            }),
            "compression" | "compression_format" | "compression_mode" => Some(self.set_compression(text, from)),
            "topics" => Some(Fate::Lost(
                "the topics have other names, and all of them are recorded; see topics in sensr_recorder.yaml and \
                 docs/topics.md"
                    .to_owned(),
            )),
            "enabled" | "enable" | "record" => Some(match quantity::boolean(text) {
                Some(record) => {
                    self.target.record = record;
                    Fate::Carried(format!("record:={record} in launch.sh"))
                }
                None => Fate::Lost("it is neither true nor false".to_owned()),
            }),
            _ => None,
        }
    }

    fn convert_rate(&mut self, key: &str, text: &str, from: &str) -> Option<Fate> {
        let name = match key {
            "pointcloud_interval"
            | "point_cloud_interval"
            | "points_interval"
            | "pointcloud_period" => "pointcloud_interval",
            "output_data_interval"
            | "output_interval"
            | "objects_interval"
            | "output_data_period" => "output_data_interval",
            _ => return None,
        };
        Some(match quantity::seconds(text) {
            Some(value) => {
                let reason = (name == "output_data_interval").then_some(
                    "it limits objects and markers; events, zones and health are never limited",
                );
                self.set(&BRIDGE, name, Value::Double(value), from, reason)
            }
            None => Fate::Lost("it is not a time in seconds".to_owned()),
        })
    }

    fn set_log_level(&mut self, text: &str, from: &str) -> Fate {
        let (level, is_same) = match &*text.trim().to_ascii_lowercase() {
            "debug" | "trace" | "notset" => ("debug", true),
            "info" => ("info", true),
            "warn" | "warning" => ("warn", true),
            "error" => ("error", true),
            "critical" | "fatal" => ("error", false),
            _ => return Fate::Lost("the level is one of debug, info, warn and error".to_owned()),
        };
        self.target.log_level = Some((level.to_owned(), from.to_owned()));
        let place = format!("log_level:={level} in launch.sh");
        if is_same {
            Fate::Carried(place)
        } else {
            Fate::Changed(format!("{place}, the highest that the launch files have"))
        }
    }

    fn set_split_duration(&mut self, text: &str, from: &str) -> Fate {
        let Some(value) = quantity::seconds(text) else {
            return Fate::Lost("it is not a time in seconds".to_owned());
        };
        // The old file has 0 or less for no limit.
        let value = value.max(0.0);
        let reason = "the duration of a split; the recording goes on in the next without a gap until it is stopped";
        self.set(
            &RECORDER,
            "split_duration",
            Value::Double(value),
            from,
            Some(reason),
        )
    }

    fn set_output_dir(&mut self, text: &str, from: &str) -> Fate {
        let text = text.trim();
        let is_windows = text.contains('\\') || text.as_bytes().get(1) == Some(&b':');
        if is_windows {
            return Fate::Lost(
                "it is a path of Windows: give that in Linux, such as /mnt/c/bags, better a folder on a disk of Linux, \
                 which is faster"
                    .to_owned(),
            );
        }
        let is_relative = !text.starts_with(['/', '~']);
        let reason =
            is_relative.then_some("the path starts at the folder in which launch.sh is called");
        self.set(
            &RECORDER,
            "output_dir",
            Value::String(text.to_owned()),
            from,
            reason,
        )
    }

    fn set_bytes(&mut self, name: &str, text: &str, from: &str, reason: &str) -> Fate {
        match quantity::bytes(text) {
            Some(value) => self.set(&RECORDER, name, Value::Integer(value), from, Some(reason)),
            None => Fate::Lost("it is not a size in bytes, such as 2GB".to_owned()),
        }
    }

    fn set_compression(&mut self, text: &str, from: &str) -> Fate {
        let preset = match &*text.trim().to_ascii_lowercase() {
            "" | "none" | "false" | "off" | "no" => "none",
            "zstd" | "true" | "on" | "yes" | "file" | "message" => "zstd_fast",
            _ => {
                return Fate::Lost(
                    "see storage_preset in sensr_recorder.yaml for compression".to_owned(),
                );
            }
        };
        let reason = Some("compression by the preset of MCAP");
        self.set(
            &RECORDER,
            "storage_preset",
            Value::String(preset.to_owned()),
            from,
            reason,
        )
    }
}
