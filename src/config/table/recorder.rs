//! Parameters of `sensr_recorder`.

use super::{MIB, Parameter, ParameterKind, ParameterTable};
use crate::config::parameter::StringRule;

/// Parameters of `sensr_recorder`, in the order of the generated files.
pub static RECORDER: ParameterTable = ParameterTable {
    executable: "sensr_recorder",
    parameters: PARAMETERS,
};

/// Largest number of bytes that a parameter takes: 1 PiB.
const MAX_BYTES: i64 = 1 << 50;

const PARAMETERS: &[Parameter] = &[
    Parameter::new(
        "output_dir",
        ParameterKind::String {
            default: "bags",
            rule: StringRule::Path,
        },
        "Folder for the recordings, created if it is missing. ~ is the home folder; a relative path is below the working directory of the node. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "split_duration",
        ParameterKind::Double {
            default: 600.0,
            min: 0.0,
            max: 604_800.0,
        },
        "Longest duration of a split, in seconds: 0 (unlimited) or at least 1; the stock recorder takes whole seconds, parts are rounded up. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "split_size",
        ParameterKind::Integer {
            default: 0,
            min: 0,
            max: MAX_BYTES,
        },
        "Largest size of a split, in bytes: 0 (unlimited) or at least 1048576. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "keep_splits",
        ParameterKind::Integer {
            default: 0,
            min: 0,
            max: 1_000_000,
        },
        "Number of closed splits to keep: the oldest of this bridge's recordings in output_dir are deleted. 0: all are kept.",
    ),
    Parameter::new(
        "keep_bytes",
        ParameterKind::Integer {
            default: 0,
            min: 0,
            max: MAX_BYTES,
        },
        "Total size of the closed splits to keep, in bytes: the oldest of this bridge's recordings in output_dir are deleted. 0: unlimited.",
    ),
    Parameter::new(
        "min_free_bytes",
        ParameterKind::Integer {
            default: 1024 * MIB,
            min: 0,
            max: MAX_BYTES,
        },
        "Floor of free disk space, in bytes. Below it the oldest closed splits are deleted, and if that is not enough the recording pauses until there is room.",
    ),
    Parameter::new(
        "min_free_percent",
        ParameterKind::Double {
            default: 5.0,
            min: 0.0,
            max: 95.0,
        },
        "Floor of free disk space, in percent of the size of the disk. The higher one of min_free_bytes and this applies.",
    ),
    Parameter::new(
        "storage_preset",
        ParameterKind::String {
            default: "none",
            rule: StringRule::OneOf(&["none", "fastwrite", "zstd_fast", "zstd_small"]),
        },
        "MCAP preset of the stock recorder. fastwrite: no index and no checksums. zstd_fast and zstd_small: compressed. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "topics",
        ParameterKind::String {
            default: "",
            rule: StringRule::TopicPatterns,
        },
        "Topics to record, relative to the namespace of the node or absolute, separated by commas or blanks, * for any part of a name. Empty: all topics of the bridge except points/preview, points/raw/* and objects/*, which are made from others, and recording, /diagnostics, /tf_static and /rosout. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "exclude",
        ParameterKind::String {
            default: "",
            rule: StringRule::TopicPatterns,
        },
        "Topics to leave out, written like topics. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "max_cache_bytes",
        ParameterKind::Integer {
            default: 100 * MIB,
            min: MIB,
            max: 16 * 1024 * MIB,
        },
        "Size of the cache of the stock recorder, in bytes. It has two of them. Changing it continues in a new bag.",
    ),
    Parameter::new(
        "restart.initial_delay",
        ParameterKind::Double {
            default: 1.0,
            min: 0.05,
            max: 3600.0,
        },
        "Delay before a stock recorder that ended is started again, in seconds. It doubles with each further failure, with 20 % jitter. Not above restart.max_delay.",
    ),
    Parameter::new(
        "restart.max_delay",
        ParameterKind::Double {
            default: 30.0,
            min: 0.05,
            max: 3600.0,
        },
        "Longest delay between starts of the stock recorder, in seconds.",
    ),
    Parameter::new(
        "stall_timeout",
        ParameterKind::Double {
            default: 10.0,
            min: 1.0,
            max: 3600.0,
        },
        "Time without growth of the open split, while the bridge publishes, after which the stock recorder is ended and started again, in seconds.",
    ),
];
