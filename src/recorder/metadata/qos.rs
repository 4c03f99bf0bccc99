//! Offered `QoS` profiles, as the versions of `metadata.yaml` write them.

use serde_yaml::Value;

/// First version with the profiles as YAML, and with policies by name. Before, they were a text of YAML with the numbers
/// of `rmw/types.h`.
const NAMED_SINCE: u64 = 9;

/// Names of the values of a policy, in the order of their numbers in `rmw/types.h`.
const POLICIES: [(&str, &[&str]); 4] = [
    (
        "history",
        &["system_default", "keep_last", "keep_all", "unknown"],
    ),
    (
        "reliability",
        &[
            "system_default",
            "reliable",
            "best_effort",
            "unknown",
            "best_available",
        ],
    ),
    (
        "durability",
        &[
            "system_default",
            "transient_local",
            "volatile",
            "unknown",
            "best_available",
        ],
    ),
    (
        "liveliness",
        &[
            "system_default",
            "automatic",
            "manual_by_node",
            "manual_by_topic",
            "unknown",
            "best_available",
        ],
    ),
];

/// Returns the profiles of the channel of a split, in either notation, in that of a version. What makes no sense is left
/// out, which rosbag2 takes as the default.
pub(super) fn for_version(offered: &str, version: u64) -> Value {
    let mut profiles: Value =
        serde_yaml::from_str(offered).unwrap_or_else(|_| Value::Sequence(Vec::new()));
    let Some(list) = profiles.as_sequence_mut() else {
        return for_version("[]", version);
    };
    for profile in list {
        for (policy, names) in POLICIES {
            let Some(value) = profile.get_mut(policy) else {
                continue;
            };
            let number = match value.as_str() {
                Some(text) => names.iter().position(|name| *name == text),
                None => value
                    .as_u64()
                    .and_then(|number| usize::try_from(number).ok()),
            };
            let Some((number, name)) = number.and_then(|number| Some((number, names.get(number)?)))
            else {
                continue;
            };
            *value = if version >= NAMED_SINCE {
                Value::from(*name)
            } else {
                Value::from(number)
            };
        }
    }
    if version >= NAMED_SINCE {
        profiles
    } else {
        let is_empty = profiles.as_sequence().is_some_and(Vec::is_empty);
        let text = serde_yaml::to_string(&profiles).unwrap_or_default();
        Value::from(if is_empty { "" } else { text.trim_end() })
    }
}
