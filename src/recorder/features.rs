//! Options that the installed stock recorder offers, as its `--help` lists them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::time::Duration;

use super::child::Programs;
use crate::config::RecorderConfig;

/// Deepest indentation of a line that begins an option. Texts that explain an option are indented by more, and may begin
/// with the name of another one.
const MAX_INDENTATION: usize = 8;
/// Largest cache that recorders with `--max-cache-duration` accept, bytes.
const MAX_CACHE_BYTES: u64 = u32::MAX as u64;

/// Options of the installed stock recorder.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one independent option each, as the help text lists them"
)]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecorderFeatures {
    /// The storage plugin `mcap` is installed.
    pub mcap: bool,
    /// MCAP presets. Empty if the help text does not list them (Humble).
    pub presets: BTreeSet<String>,
    /// `--max-bag-files`: keeps a number of splits by itself (Lyrical).
    pub max_bag_files: bool,
    /// `--repeat-transient-local`: writes the latest messages of given topics into each split again (Lyrical).
    pub repeat_transient_local: bool,
    /// `--node-name` (Iron).
    pub node_name: bool,
    /// `--disable-keyboard-controls` (Jazzy).
    pub keyboard_switch: bool,
    /// `--storage-config-file`.
    pub storage_config: bool,
    /// `--custom-data` (Iron).
    pub custom_data: bool,
    /// `--exclude-regex` (Jazzy); before it the option was `--exclude`.
    pub exclude_regex: bool,
    /// Can request the best available `QoS`, as recorders since Iron do. The help text does not tell; `--custom-data`
    /// came with the same release.
    pub adaptive_qos: bool,
    /// Largest cache that it accepts, bytes. `None` without a limit.
    pub max_cache_bytes: Option<u64>,
}

impl RecorderFeatures {
    /// Asks the stock recorder in a search path for its options, and waits for the answer until a limit. The error says
    /// what is missing, and the cure after a semicolon.
    pub fn query(path: &OsStr, limit: Duration) -> Result<Self, String> {
        let help = Programs::find(path).and_then(|programs| programs.help(limit));
        help.map(|help| Self::parse(&help))
            .map_err(|error| error.to_string())
    }

    /// Parses the output of `ros2 bag record --help`.
    #[must_use]
    pub fn parse(help: &str) -> Self {
        let help = without_colors(help);
        let options: BTreeSet<&str> = help.lines().flat_map(options_of_line).collect();
        let has = |option: &str| options.contains(option);
        Self {
            mcap: choices(&help, "--storage").contains("mcap"),
            presets: choices(&help, "--storage-preset-profile"),
            max_bag_files: has("--max-bag-files"),
            repeat_transient_local: has("--repeat-transient-local"),
            node_name: has("--node-name"),
            keyboard_switch: has("--disable-keyboard-controls"),
            storage_config: has("--storage-config-file"),
            custom_data: has("--custom-data"),
            exclude_regex: has("--exclude-regex"),
            adaptive_qos: has("--custom-data"),
            max_cache_bytes: has("--max-cache-duration").then_some(MAX_CACHE_BYTES),
        }
    }

    /// Checks that the recorder can do what the configuration asks for. The error tells the cure.
    pub fn check(&self, config: &RecorderConfig) -> Result<(), String> {
        if !self.mcap {
            return Err(
                "the stock recorder has no storage plugin mcap; install the package rosbag2_storage_mcap \
                 (apt install ros-$ROS_DISTRO-rosbag2-storage-mcap)"
                    .to_owned(),
            );
        }
        if let Some(preset) = &config.storage_preset
            // Recorders that do not list the presets check the name themselves.
            && !self.presets.is_empty()
            && !self.presets.contains(preset)
        {
            let known: Vec<&str> = self.presets.iter().map(String::as_str).collect();
            return Err(format!(
                "storage_preset: the stock recorder has no preset {preset}; set one of {}",
                known.join(", ")
            ));
        }
        match self.max_cache_bytes {
            Some(limit) if config.max_cache_bytes > limit => Err(format!(
                "max_cache_bytes: the stock recorder accepts no more than {limit} bytes, got {}; set it lower",
                config.max_cache_bytes
            )),
            _ => Ok(()),
        }
    }
}

/// Removes the escape sequences by which newer versions of `argparse` color the text.
fn without_colors(help: &str) -> String {
    let mut parts = help.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.find('m').map_or("", |end| &part[end + 1..]);
        text + rest
    })
}

/// Returns the long names of the option that a line begins. Empty for any other line.
fn options_of_line(line: &str) -> impl Iterator<Item = &str> {
    let text = line.trim_start();
    let is_option = text.starts_with('-') && line.len() - text.len() <= MAX_INDENTATION;
    // Two blanks separate the option from its explanation.
    let option = text.split("  ").next().filter(|_| is_option);
    let words = option.unwrap_or_default().split([' ', ',']);
    words.filter(|word| word.starts_with("--"))
}

/// Returns the choices in braces that follow an option, such as `--storage {mcap,sqlite3}`. Empty without any.
fn choices(help: &str, option: &str) -> BTreeSet<String> {
    for (at, _) in help.match_indices(option) {
        let Some(list) = help[at + option.len()..].trim_start().strip_prefix('{') else {
            continue;
        };
        if let Some((list, _)) = list.split_once('}') {
            let words = list.split(',').map(str::trim);
            return words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
        }
    }
    BTreeSet::new()
}

/// Help texts with the options of three distributions, in the form in which `argparse` prints them.
#[cfg(test)]
pub(super) mod samples;

#[cfg(test)]
mod tests;
