//! Samples for the tests of the monitor.

use std::time::{Duration, Instant};

use super::sample::{BridgeSample, LinkSample, QueueSample, RecordingSample, StageSample};
use super::site::Site;
use crate::connection::status::LinkState;
use crate::metrics::ledger::Account;
use crate::recorder::report::RecordingState;

/// Statistics `second` seconds after the start of a run that began at `start_ns`: per second 20 messages are received, 10
/// published, 8 thinned and 2 dropped, and 1000 bytes come through the point link.
pub(crate) fn bridge_sample(start_ns: i64, second: u64) -> BridgeSample {
    let link = |name: &str, bytes| LinkSample {
        name: name.to_owned(),
        state: LinkState::Connected,
        connects: 1,
        bytes,
        frames: second,
        queue: QueueSample {
            messages: 1,
            bytes: 250,
            max_bytes: 1000,
        },
        ..LinkSample::default()
    };
    let account = Account {
        received: 20 * second,
        published: 10 * second,
        thinned: 8 * second,
        dropped: 2 * second,
        published_bytes: 500 * second,
        ..Account::default()
    };
    BridgeSample {
        stamp_ns: start_ns + i64::try_from(second).expect("small") * 1_000_000_000,
        uptime: Duration::from_secs(second),
        links: vec![link("points", 1000 * second), link("output", 10 * second)],
        topics: vec![("points/raw".to_owned(), account)],
        stages: vec![StageSample {
            link: "points".to_owned(),
            stage: "total".to_owned(),
            count: 5,
            min_ns: 1_000_000,
            mean_ns: 2_000_000,
            max_ns: 9_000_000,
        }],
        rss_bytes: 43_000_000,
        rss_peak_bytes: 44_000_000,
        memory_bound_bytes: 300_000_000,
        ..BridgeSample::default()
    }
}

/// A site without namespace that has received this sample just now.
pub(crate) fn site_with(sample: BridgeSample) -> Site {
    let mut site = Site::new("/");
    site.on_statistics(sample, Instant::now());
    site
}

/// A recording in its third split.
pub(crate) fn recording_sample() -> RecordingSample {
    RecordingSample {
        state: RecordingState::Recording.number(),
        split: "sensr_2.mcap".to_owned(),
        splits_opened: 3,
        split_bytes: 1_200_000_000,
        bytes_per_second: 21_300_000.0,
        disk_free_bytes: 210_000_000_000,
        disk_size_bytes: 500_000_000_000,
        time_left: Some(Duration::from_secs(9000)),
        recorder_rss_bytes: 61_000_000,
        ..RecordingSample::default()
    }
}
