//! Help texts with the options of three distributions, as `argparse` lays them out. The explanations are not theirs.

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
                       [--compression-mode {none,file,message}]
                       [--compression-format {fake_comp,zstd}]
                       [--snapshot-mode] [--ignore-leaf-topics]
                       [--qos-profile-overrides-path QOS_PROFILE_OVERRIDES_PATH]
                       [--storage-preset-profile STORAGE_PRESET_PROFILE]
                       [--storage-config-file STORAGE_CONFIG_FILE]
                       [--start-paused] [--use-sim-time]
                       [--log-level {debug,info,warn,error,fatal}]
                       [topics ...]

positional arguments:
  topics                names of topics

options:
  -h, --help            prints this text
  -a, --all             every topic; without it give names or
                        --regex
  -e REGEX, --regex REGEX
                        topics that contain the expression
  -x EXCLUDE, --exclude EXCLUDE
                        leaves out topics that contain the expression, with
                        --all or --regex
  -o OUTPUT, --output OUTPUT
                        folder to create
  -s {my_test_plugin,mcap,sqlite3}, --storage {my_test_plugin,mcap,sqlite3}
                        kind of file
  -b MAX_BAG_SIZE, --max-bag-size MAX_BAG_SIZE
                        bytes of a file
  -d MAX_BAG_DURATION, --max-bag-duration MAX_BAG_DURATION
                        seconds of a file
  --max-cache-size MAX_CACHE_SIZE
                        bytes of each of two caches
  --qos-profile-overrides-path QOS_PROFILE_OVERRIDES_PATH
                        file with QoS by topic
  --storage-preset-profile STORAGE_PRESET_PROFILE
                        preset, overridden by
                        --storage-config-file
  --storage-config-file STORAGE_CONFIG_FILE
                        file with settings of the plugin
";

/// Jazzy, rosbag2 0.26.
pub(in crate::recorder) const JAZZY: &str = "\
usage: ros2 bag record [-h] [-o OUTPUT] [-s {mcap,sqlite3}]
                       [--topics Topic [Topic ...]] [-a] [-e REGEX]
                       [--exclude-regex EXCLUDE_REGEX]
                       [--exclude-topics Topic [Topic ...]]
                       [--qos-profile-overrides-path QOS_PROFILE_OVERRIDES_PATH]
                       [-b MAX_BAG_SIZE] [-d MAX_BAG_DURATION]
                       [--max-cache-size MAX_CACHE_SIZE]
                       [--disable-keyboard-controls] [--node-name NODE_NAME]
                       [--custom-data [KEY=VALUE ...]]
                       [--storage-config-file STORAGE_CONFIG_FILE]
                       [--storage-preset-profile {none,fastwrite,zstd_fast,zstd_small}]
                       [[Topic ...] ...]

options:
  -o OUTPUT, --output OUTPUT
                        folder to create
  -s {mcap,sqlite3}, --storage {mcap,sqlite3}
                        kind of file
  -e REGEX, --regex REGEX
                        topics and services that contain the expression
  --exclude-regex EXCLUDE_REGEX
                        leaves out topics and services, on top of --all or
                        --regex
  --exclude-topics Topic [Topic ...]
                        leaves out topics of these names
  --qos-profile-overrides-path QOS_PROFILE_OVERRIDES_PATH
                        file with QoS by topic
  -b MAX_BAG_SIZE, --max-bag-size MAX_BAG_SIZE
                        bytes of a file
  -d MAX_BAG_DURATION, --max-bag-duration MAX_BAG_DURATION
                        seconds of a file
  --max-cache-size MAX_CACHE_SIZE
                        bytes of each of two caches
  --disable-keyboard-controls
                        ignores keys
  --node-name NODE_NAME
                        name of the node
  --custom-data [KEY=VALUE ...]
                        pairs for the metadata
  --storage-config-file STORAGE_CONFIG_FILE
                        file with settings of the plugin
  --storage-preset-profile {none,fastwrite,zstd_fast,zstd_small}
                        preset of the plugin \"mcap\", overridden by
                        --storage-config-file
";

/// Lyrical.
pub(in crate::recorder) const LYRICAL: &str = "\
usage: ros2 bag record [-h] [-o OUTPUT] [-s {mcap,sqlite3}]
                       [--topics Topic [Topic ...]] [-a] [-e REGEX]
                       [--exclude-regex EXCLUDE_REGEX]
                       [--qos-profile-overrides-path QOS_PROFILE_OVERRIDES_PATH]
                       [-b MAX_BAG_SIZE] [-d MAX_BAG_DURATION]
                       [--max-bag-files MAX_BAG_FILES]
                       [--max-cache-size MAX_CACHE_SIZE]
                       [--max-cache-duration MAX_CACHE_DURATION]
                       [--disable-keyboard-controls] [--node-name NODE_NAME]
                       [--custom-data [KEY=VALUE ...]]
                       [--repeat-transient-local Topic[=Depth] [Topic[=Depth] ...]]
                       [--stats_max_publishing_rate STATS_MAX_PUBLISHING_RATE]
                       [--storage-config-file STORAGE_CONFIG_FILE]
                       [--storage-preset-profile {none,fastwrite,zstd_fast,zstd_small}]

options:
  -o, --output OUTPUT   folder to create
  -s, --storage {mcap,sqlite3}
                        kind of file
  -e, --regex REGEX     topics and services that contain the expression
  --exclude-regex EXCLUDE_REGEX
                        leaves out topics and services
  -b, --max-bag-size MAX_BAG_SIZE
                        bytes of a file
  -d, --max-bag-duration MAX_BAG_DURATION
                        seconds of a file
  --max-bag-files MAX_BAG_FILES
                        number of files to keep; requires
                        --max-bag-size or --max-bag-duration
  --max-cache-size MAX_CACHE_SIZE
                        bytes of each of two caches
  --max-cache-duration MAX_CACHE_DURATION
                        seconds of each of two caches
  --disable-keyboard-controls
                        ignores keys
  --node-name NODE_NAME
                        name of the node
  --custom-data [KEY=VALUE ...]
                        pairs for the metadata
  --repeat-transient-local Topic[=Depth] [Topic[=Depth] ...]
                        topics whose latest messages begin each file
  --storage-config-file STORAGE_CONFIG_FILE
                        file with settings of the plugin
  --storage-preset-profile {none,fastwrite,zstd_fast,zstd_small}
                        preset of the plugin
";
