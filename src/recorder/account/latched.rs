//! Latched topics of a split.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::recorder::split_summary::SplitSummary;

/// `QoS` of a publisher as rosbag2 writes it; only what is needed.
#[derive(Debug, Deserialize)]
struct OfferedQos {
    durability: serde_yaml::Value,
}

impl OfferedQos {
    /// Since Jazzy the policies have names; before they were numbers of `rmw_qos_durability_policy_e`.
    fn is_transient_local(&self) -> bool {
        self.durability == "transient_local" || self.durability == 1
    }
}

/// Returns the topics whose publishers all keep messages for late subscribers: a recorder that subscribes again receives
/// them again.
pub(super) fn topics(summary: &SplitSummary) -> BTreeSet<String> {
    summary
        .topics
        .iter()
        .filter(|(_, topic)| {
            let offered = topic.metadata.get("offered_qos_profiles");
            let offered: Option<Vec<OfferedQos>> =
                offered.and_then(|text| serde_yaml::from_str(text).ok());
            offered.is_some_and(|all| {
                !all.is_empty() && all.iter().all(OfferedQos::is_transient_local)
            })
        })
        .map(|(name, _)| name.clone())
        .collect()
}
