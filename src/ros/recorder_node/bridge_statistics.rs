//! Counters of the bridge for the account of the recording.

use r2r::sensr_bridge::msg::{BridgeStatistics, LinkStatistics};

use crate::config::RecorderConfig;
use crate::recorder::account::PublishedCounts;
use crate::recorder::topics::{absolute, is_recorded};
use crate::ros::ros_types::{from_time, to_std};

/// Returns the counters in the statistics of the bridge in `namespace`.
pub(super) fn published_counts(
    statistics: &BridgeStatistics,
    namespace: &str,
    config: &RecorderConfig,
) -> PublishedCounts {
    let stamp_ns = u64::try_from(from_time(&statistics.header.stamp).as_ns()).unwrap_or(0);
    let uptime_ns = u64::try_from(to_std(&statistics.uptime).as_nanos()).unwrap_or(u64::MAX);
    let mut counts = PublishedCounts {
        stamp_ns,
        run_start_ns: stamp_ns.saturating_sub(uptime_ns),
        is_final: is_final(statistics),
        ..PublishedCounts::default()
    };
    for account in &statistics.topics {
        let topic = absolute(&account.topic, namespace);
        if is_recorded(&topic, namespace, config) {
            counts.published_bytes += account.published_bytes;
        }
        counts.published.insert(topic, account.published);
    }
    counts
}

/// Returns whether the bridge has stopped: it publishes nothing after these statistics.
fn is_final(statistics: &BridgeStatistics) -> bool {
    let stopped = LinkStatistics::STATE_STOPPED as u8;
    let mut links = statistics.links.iter();
    !statistics.links.is_empty() && links.all(|link| link.state == stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use r2r::builtin_interfaces::msg::{Duration, Time};
    use r2r::sensr_bridge::msg::TopicStatistics;

    #[test]
    fn counters_are_those_of_the_absolute_topics_and_bytes_those_of_recorded_ones() {
        let account = |topic: &str, published, published_bytes| TopicStatistics {
            topic: topic.to_owned(),
            published,
            published_bytes,
            ..TopicStatistics::default()
        };
        let mut statistics = BridgeStatistics {
            uptime: Duration { sec: 3, nanosec: 1 },
            topics: vec![account("points/raw", 7, 700), account("/tf_static", 1, 10)],
            ..BridgeStatistics::default()
        };
        statistics.header.stamp = Time { sec: 5, nanosec: 2 };
        let config = RecorderConfig {
            exclude: vec!["/tf_static".to_owned()],
            ..RecorderConfig::default()
        };
        let counts = published_counts(&statistics, "/site", &config);
        assert_eq!(counts.stamp_ns, 5_000_000_002);
        assert_eq!(counts.run_start_ns, 2_000_000_001);
        let published: Vec<_> = counts.published.into_iter().collect();
        assert_eq!(
            published,
            [
                ("/site/points/raw".to_owned(), 7),
                ("/tf_static".to_owned(), 1)
            ]
        );
        assert_eq!(counts.published_bytes, 700);
    }

    #[test]
    fn statistics_with_all_links_stopped_are_the_last_ones() {
        let link = |state| LinkStatistics {
            state,
            ..LinkStatistics::default()
        };
        let is_last = |states: &[u8]| {
            let statistics = BridgeStatistics {
                links: states.iter().copied().map(link).collect(),
                ..BridgeStatistics::default()
            };
            published_counts(&statistics, "/", &RecorderConfig::default()).is_final
        };
        let stopped = LinkStatistics::STATE_STOPPED as u8;
        let connected = LinkStatistics::STATE_CONNECTED as u8;
        assert!(is_last(&[stopped, stopped]));
        assert!(!is_last(&[stopped, connected]));
        assert!(!is_last(&[]));
    }
}
