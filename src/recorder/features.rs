//! Options that the installed stock recorder offers, as its `--help` lists them.

use std::collections::BTreeSet;

use crate::config::RecorderConfig;

/// Options of the installed stock recorder.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one independent option each, as the help text lists them"
)]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecorderFeatures {
    /// The storage plugin `mcap` is installed.
    pub mcap: bool,
    /// MCAP presets.
    pub presets: BTreeSet<String>,
    /// `--max-bag-files`: keeps a number of splits by itself (Lyrical).
    pub max_bag_files: bool,
    /// `--repeat-transient-local`: writes latched messages into each split (Lyrical).
    pub repeat_transient_local: bool,
    /// `--node-name`.
    pub node_name: bool,
    /// `--disable-keyboard-controls`.
    pub keyboard_switch: bool,
    /// `--storage-config-file`.
    pub storage_config: bool,
    /// `--exclude-regex` (Jazzy); before it the option was `--exclude`.
    pub exclude_regex: bool,
    /// Can request the best available `QoS`, as recorders since Iron do. The help text does not tell; `--custom-data`
    /// came with the same release.
    pub adaptive_qos: bool,
}

impl RecorderFeatures {
    /// Parses the output of `ros2 bag record --help`.
    #[must_use]
    pub fn parse(help: &str) -> Self {
        let has = |option: &str| {
            help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
                .any(|word| word == option)
        };
        Self {
            mcap: choices(help, "--storage").contains("mcap"),
            presets: choices(help, "--storage-preset-profile"),
            max_bag_files: has("--max-bag-files"),
            repeat_transient_local: has("--repeat-transient-local"),
            node_name: has("--node-name"),
            keyboard_switch: has("--disable-keyboard-controls"),
            storage_config: has("--storage-config-file"),
            exclude_regex: has("--exclude-regex"),
            adaptive_qos: has("--custom-data"),
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
        match &config.storage_preset {
            // Recorders that do not list the presets check the name themselves.
            Some(preset) if !self.presets.is_empty() && !self.presets.contains(preset) => {
                let known: Vec<&str> = self.presets.iter().map(String::as_str).collect();
                Err(format!(
                    "storage_preset: the stock recorder has no preset {preset}; set one of {}",
                    known.join(", ")
                ))
            }
            _ => Ok(()),
        }
    }
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
pub(super) mod samples {
    /// Humble, rosbag2 0.15.
    pub(in crate::recorder) const HUMBLE: &str = "\
usage: ros2 bag record [-h] [-a] [-e REGEX] [-x EXCLUDE]
                       [--include-unpublished-topics]
                       [--include-hidden-topics] [-o OUTPUT]
                       [-s {my_test_plugin,mcap,sqlite3}]
                       [-f {s_converter}] [--no-discovery]
                       [-p POLLING_INTERVAL] [-b MAX_BAG_SIZE]
                       [-d MAX_BAG_DURATION]
                       [--max-cache-size MAX_CACHE_SIZE]
                       [--qos-profile-overrides-path QOS_PROFILE_OVERRIDES_PATH]
                       [--storage-preset-profile STORAGE_PRESET_PROFILE]
                       [--storage-config-file STORAGE_CONFIG_FILE]
                       [--start-paused] [--use-sim-time]

options:
  -a, --all             all topics
  -e REGEX, --regex REGEX
                        topics that contain the expression
  -x EXCLUDE, --exclude EXCLUDE
                        leaves out topics
  -s {my_test_plugin,mcap,sqlite3}, --storage {my_test_plugin,mcap,sqlite3}
                        storage identifier
  --storage-preset-profile STORAGE_PRESET_PROFILE
                        preset
";
    /// Jazzy, rosbag2 0.26.
    pub(in crate::recorder) const JAZZY: &str = "\
usage: ros2 bag record [-h] [-o OUTPUT] [-s {mcap,sqlite3}] [-e REGEX]
                       [--exclude-regex EXCLUDE_REGEX]
                       [--exclude-topics Topic [Topic ...]]
                       [--disable-keyboard-controls] [--node-name NODE_NAME]
                       [--custom-data [KEY=VALUE ...]]
                       [--storage-config-file STORAGE_CONFIG_FILE]
                       [--storage-preset-profile {none,fastwrite,zstd_fast,zstd_small}]

options:
  -s {mcap,sqlite3}, --storage {mcap,sqlite3}
                        storage identifier
";
    /// Lyrical.
    pub(in crate::recorder) const LYRICAL: &str = "\
usage: ros2 bag record [-h] [-o OUTPUT] [-s {mcap,sqlite3}] [-e REGEX]
                       [--exclude-regex EXCLUDE_REGEX]
                       [--max-bag-files MAX_BAG_FILES]
                       [--repeat-transient-local] [--repeat-all-transient-local]
                       [--disable-keyboard-controls] [--node-name NODE_NAME]
                       [--custom-data [KEY=VALUE ...]]
                       [--storage-config-file STORAGE_CONFIG_FILE]
                       [--storage-preset-profile {none,fastwrite,zstd_fast,zstd_small}]

options:
  -s {mcap,sqlite3}, --storage {mcap,sqlite3}
                        storage identifier
";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::test_config;

    #[test]
    fn options_of_each_distribution_are_found() {
        let humble = RecorderFeatures::parse(samples::HUMBLE);
        assert!(humble.mcap && humble.storage_config && humble.presets.is_empty());
        assert!(!humble.node_name && !humble.exclude_regex && !humble.adaptive_qos);
        assert!(!humble.keyboard_switch && !humble.max_bag_files);
        let jazzy = RecorderFeatures::parse(samples::JAZZY);
        assert!(jazzy.mcap && jazzy.node_name && jazzy.exclude_regex && jazzy.adaptive_qos);
        assert!(jazzy.keyboard_switch && jazzy.presets.contains("zstd_fast"));
        assert!(!jazzy.max_bag_files && !jazzy.repeat_transient_local);
        let lyrical = RecorderFeatures::parse(samples::LYRICAL);
        assert!(lyrical.max_bag_files && lyrical.repeat_transient_local);
        assert_eq!(RecorderFeatures::parse(""), RecorderFeatures::default());
    }

    #[test]
    fn a_longer_option_is_not_mistaken_for_a_shorter_one() {
        let features = RecorderFeatures::parse("[--repeat-transient-local-depth N]");
        assert!(!features.repeat_transient_local);
    }

    #[test]
    fn what_is_not_installed_is_refused_with_the_cure() {
        let mut config = test_config();
        let jazzy = RecorderFeatures::parse(samples::JAZZY);
        assert_eq!(jazzy.check(&config), Ok(()));
        let without = samples::JAZZY.replace("mcap,sqlite3", "sqlite3");
        let reason = RecorderFeatures::parse(&without).check(&config);
        assert!(reason.is_err_and(|reason| reason.contains("apt install")));
        config.storage_preset = Some("fastest".to_owned());
        let reason = jazzy.check(&config).expect_err("refused");
        assert!(
            reason.contains("fastest") && reason.contains("zstd_small"),
            "{reason}"
        );
        // The names of the presets are not in the help text.
        assert_eq!(
            RecorderFeatures::parse(samples::HUMBLE).check(&config),
            Ok(())
        );
    }
}
