//! Command line of the stock recorder, composed from the options that the installed one offers.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::features::RecorderFeatures;
use super::naming::site;
use super::topics;
use crate::config::RecorderConfig;

/// Size of the chunks of a split. A split grows by whole chunks, so a small size shows within seconds that nothing is
/// written any more, and a power cut costs no more than one.
const CHUNK_BYTES: u64 = 128 * 1024;

/// Paths on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// Folder of the bag, which does not exist yet.
    pub bag: &'a Path,
    /// `QoS` overrides.
    pub qos: &'a Path,
    /// Storage settings, if the recorder accepts any.
    pub storage: Option<&'a Path>,
}

/// Returns the words after `ros2`.
#[must_use]
pub fn record_command(
    namespace: &str,
    config: &RecorderConfig,
    features: &RecorderFeatures,
    files: &Files<'_>,
) -> Vec<OsString> {
    let mut words = Words::default();
    words.add(["bag", "record"]);
    words.add(["--storage", "mcap"]);
    words.option("--output", files.bag);
    words.option("--max-cache-size", config.max_cache_bytes.to_string());
    if config.split_duration > Duration::ZERO {
        let seconds = whole_seconds(config.split_duration);
        words.option("--max-bag-duration", seconds.to_string());
    }
    if config.split_size > 0 {
        words.option("--max-bag-size", config.split_size.to_string());
    }
    if features.max_bag_files && leaves_deletion_to_recorder(config) {
        // The open one counts too.
        words.option("--max-bag-files", (config.keep_splits + 1).to_string());
    }
    let repeated = topics::repeated_by_recorder(namespace, config);
    if features.repeat_transient_local && !repeated.is_empty() {
        words.list("--repeat-transient-local", repeated);
    }
    if features.custom_data {
        let version = env!("CARGO_PKG_VERSION");
        words.list(
            "--custom-data",
            [
                format!("sensr_namespace={namespace}"),
                format!("sensr_bridge_version={version}"),
            ],
        );
    }
    if let Some(preset) = &config.storage_preset {
        words.option("--storage-preset-profile", preset);
    }
    if let (Some(path), true) = (files.storage, features.storage_config) {
        words.option("--storage-config-file", path);
    }
    if features.keyboard_switch {
        words.add(["--disable-keyboard-controls"]);
    }
    if features.node_name {
        words.option("--node-name", node_name(namespace));
    }
    words.option("--qos-profile-overrides-path", files.qos);
    words.option("--regex", topics::pattern(namespace, config));
    if let Some(pattern) = topics::exclude_pattern(namespace, config) {
        let option = if features.exclude_regex {
            "--exclude-regex"
        } else {
            "--exclude"
        };
        words.option(option, pattern);
    }
    words.0
}

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    /// Adds an option with any number of values. Another option has to follow, not a topic.
    fn list(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        self.add([name]);
        self.0.extend(values.into_iter().map(OsString::from));
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.extend([OsString::from(name), value.into()]);
    }
}

/// Returns whether the stock recorder may delete the oldest splits of its bag itself. With a limit in bytes they would be
/// deleted before, and it would report each as an error.
fn leaves_deletion_to_recorder(config: &RecorderConfig) -> bool {
    let is_split = config.split_duration > Duration::ZERO || config.split_size > 0;
    config.keep_splits > 0 && config.keep_bytes == 0 && is_split
}

/// Returns whole seconds, rounded up: the recorder does not accept fractions.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Returns the name of the stock recorder's node. Each site has its own, because the services of nodes with the same name
/// cannot be told apart.
fn node_name(namespace: &str) -> String {
    format!("{}_rosbag2_recorder", site(namespace))
}

/// Returns the absolute name of the stock recorder's node if it is known, for its service `split_bagfile`.
#[must_use]
pub fn split_service_node(namespace: &str, features: &RecorderFeatures) -> Option<String> {
    let is_known = features.node_name;
    is_known.then(|| format!("/{}", node_name(namespace)))
}

/// Returns the storage settings as YAML. `None` if the recorder accepts none.
#[must_use]
pub fn storage_config(features: &RecorderFeatures) -> Option<String> {
    features
        .storage_config
        .then(|| format!("chunkSize: {CHUNK_BYTES}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::features::samples;
    use crate::recorder::test_config;

    /// Returns the command line with a blank between the words.
    fn command(help: &str, config: &RecorderConfig) -> String {
        let features = RecorderFeatures::parse(help);
        let files = Files {
            bag: Path::new("/bags/a_1"),
            qos: Path::new("/log/qos.yaml"),
            storage: Some(Path::new("/log/storage.yaml")),
        };
        let words = record_command("/a", config, &features, &files);
        let words: Vec<String> = words
            .into_iter()
            .map(|word| word.into_string().expect("UTF-8"))
            .collect();
        words.join(" ")
    }

    const VERSION: &str = env!("CARGO_PKG_VERSION");

    fn pattern() -> String {
        topics::pattern("/a", &test_config())
    }

    #[test]
    fn humble_gets_the_options_that_it_has() {
        let mut config = test_config();
        config.split_duration = Duration::from_millis(600_100);
        config.exclude = vec!["wire".to_owned()];
        assert_eq!(
            command(samples::HUMBLE, &config),
            format!(
                "bag record --storage mcap --output /bags/a_1 --max-cache-size 104857600 --max-bag-duration 601 \
                 --storage-config-file /log/storage.yaml --qos-profile-overrides-path /log/qos.yaml \
                 --regex {} --exclude ^(/a/wire)$",
                pattern()
            )
        );
    }

    #[test]
    fn jazzy_names_its_node_and_has_no_keyboard() {
        let mut config = test_config();
        config.split_duration = Duration::ZERO;
        config.split_size = 1 << 30;
        config.keep_splits = 5;
        config.storage_preset = Some("zstd_fast".to_owned());
        config.exclude = vec!["wire".to_owned()];
        assert_eq!(
            command(samples::JAZZY, &config),
            format!(
                "bag record --storage mcap --output /bags/a_1 --max-cache-size 104857600 --max-bag-size 1073741824 \
                 --custom-data sensr_namespace=/a sensr_bridge_version={VERSION} \
                 --storage-preset-profile zstd_fast --storage-config-file /log/storage.yaml \
                 --disable-keyboard-controls --node-name a_rosbag2_recorder \
                 --qos-profile-overrides-path /log/qos.yaml --regex {} --exclude-regex ^(/a/wire)$",
                pattern()
            )
        );
    }

    #[test]
    fn lyrical_keeps_the_newest_splits_and_repeats_latched_messages_itself() {
        let mut config = test_config();
        config.keep_splits = 5;
        assert_eq!(
            command(samples::LYRICAL, &config),
            format!(
                "bag record --storage mcap --output /bags/a_1 --max-cache-size 104857600 --max-bag-duration 600 \
                 --max-bag-files 6 --repeat-transient-local /tf_static=1000 /a/recording=1 \
                 --custom-data sensr_namespace=/a sensr_bridge_version={VERSION} \
                 --storage-config-file /log/storage.yaml --disable-keyboard-controls --node-name a_rosbag2_recorder \
                 --qos-profile-overrides-path /log/qos.yaml --regex {}",
                pattern()
            )
        );
    }

    #[test]
    fn lyrical_does_not_delete_what_is_deleted_already() {
        let mut config = test_config();
        let deletes = |config: &RecorderConfig| {
            let line = command(samples::LYRICAL, config);
            line.contains("--max-bag-files")
        };
        assert!(!deletes(&config), "all splits are kept");
        config.keep_splits = 5;
        assert!(deletes(&config));
        config.keep_bytes = 1 << 40;
        assert!(!deletes(&config));
        config.keep_bytes = 0;
        config.split_duration = Duration::ZERO;
        assert!(!deletes(&config), "there is only one split");
    }

    #[test]
    fn lyrical_repeats_nothing_that_is_not_recorded() {
        let mut config = test_config();
        config.exclude = vec!["/tf_static".to_owned()];
        let line = command(samples::LYRICAL, &config);
        assert!(
            line.contains(" --repeat-transient-local /a/recording=1 --"),
            "{line}"
        );
        config.topics = vec!["points/*".to_owned()];
        let line = command(samples::LYRICAL, &config);
        assert!(!line.contains("--repeat-transient-local"), "{line}");
    }

    #[test]
    fn the_split_service_is_known_if_the_node_has_a_name_of_its_own() {
        let jazzy = RecorderFeatures::parse(samples::JAZZY);
        assert_eq!(
            split_service_node("/x/y", &jazzy).as_deref(),
            Some("/x_y_rosbag2_recorder")
        );
        let humble = RecorderFeatures::parse(samples::HUMBLE);
        assert_eq!(split_service_node("/x", &humble), None);
    }

    #[test]
    fn storage_settings_are_written_if_the_recorder_reads_any() {
        let jazzy = RecorderFeatures::parse(samples::JAZZY);
        assert_eq!(
            storage_config(&jazzy).as_deref(),
            Some("chunkSize: 131072\n")
        );
        assert_eq!(storage_config(&RecorderFeatures::default()), None);
    }
}
