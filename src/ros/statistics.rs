//! The `statistics` message, and the final report in the log.

use std::time::Instant;

use r2r::sensr_bridge::msg::{
    BridgeStatistics, ClockStatistics, LinkStatistics, StageStatistics, StartupPhase,
    TopicStatistics,
};
use r2r::std_msgs::msg::Header;

use super::ros_types::{to_c_text, to_duration, to_time};
use crate::config::ResolvedConfig;
use crate::connection::status::{LinkFigures, LinkState};
use crate::metrics::Fill;
use crate::metrics::ledger::Account;
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::stage_times::{Stage, StageTimes};
use crate::metrics::startup::CompletedPhase;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::memory_bound;
use crate::pipeline::queues::Queues;
use crate::time::clock_offset::ClockOffsetEstimator;
use crate::time::stamp::Stamp;

/// Returns the present statistics. The stage times are those since the previous call.
pub(super) fn collect_statistics(
    metrics: &Metrics,
    queues: &Queues,
    config: &ResolvedConfig,
    start: Instant,
) -> BridgeStatistics {
    // Before the counters are read: every message that was received before this time is in the counts then, because it
    // is counted before it is published. A recorder compares the times of its messages with them.
    let (stamp, uptime) = (Stamp::now(), start.elapsed());
    let memory = ProcessMemory::of_this_process().unwrap_or_default();
    let none = Fill::default();
    BridgeStatistics {
        header: Header {
            stamp: to_time(stamp),
            frame_id: String::new(),
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: to_duration(uptime),
        links: vec![
            link_statistics("points", &metrics.points, queues.clouds.fill(), none),
            link_statistics(
                "output",
                &metrics.output,
                queues.objects.fill(),
                queues.reliable.fill(),
            ),
        ],
        topics: metrics
            .sensor_topics
            .with_names(&metrics.ledger.snapshot())
            .map(|(_, name, account)| topic_statistics(name, *account))
            .collect(),
        stages: [("points", &metrics.points), ("output", &metrics.output)]
            .into_iter()
            .flat_map(|(link, stream)| all_stage_statistics(link, stream))
            .collect(),
        clock: clock_statistics(&metrics.clock()),
        rss_bytes: memory.rss_bytes,
        rss_peak_bytes: memory.rss_peak_bytes,
        memory_bound_bytes: memory_bound(metrics, queues, config.qos.depth, memory),
        startup: metrics.startup.completed().map(startup_phase).collect(),
    }
}

/// Logs the final report: links, and the ledger of every topic that received something.
pub(super) fn log_final_report(statistics: &BridgeStatistics, metrics: &Metrics) {
    log::info!(
        "ran for {} s, memory {} MiB, at most {} MiB",
        statistics.uptime.sec,
        statistics.rss_bytes >> 20,
        statistics.rss_peak_bytes >> 20
    );
    for link in &statistics.links {
        log::info!(
            "link {}: {} messages, {} MB, connected {} times, {} attempts failed, {} stalls; \
             undecodable {} and {} parts, {} over the size limit, {} truncated, {} text frames, {} texts not UTF-8",
            link.name,
            link.frames,
            link.bytes / 1_000_000,
            link.connects,
            link.failed_attempts,
            link.stalls,
            link.undecodable_frames,
            link.undecodable_parts,
            link.oversized_frames,
            link.truncated_frames,
            link.text_frames,
            link.invalid_texts
        );
        if link.server_overflows > 0 {
            log::warn!(
                "link {}: SENSR's buffer for this client overflowed {} times; its data are lost",
                link.name,
                link.server_overflows
            );
        }
    }
    // Topics without a message are left out.
    let accounts = metrics.ledger.snapshot();
    let topics = metrics.sensor_topics.with_names(&accounts);
    for (_, name, account) in topics.filter(|(_, _, account)| account.received > 0) {
        let lost = account.dropped + account.malformed;
        let level = if lost > 0 {
            log::Level::Warn
        } else {
            log::Level::Info
        };
        log::log!(level, "{name}: {account}");
    }
}

fn link_statistics(
    name: &str,
    stream: &StreamMetrics,
    queue: Fill,
    reliable: Fill,
) -> LinkStatistics {
    let figures: LinkFigures = stream.link.snapshot();
    LinkStatistics {
        name: name.to_owned(),
        url: to_c_text(figures.url),
        state: match figures.state {
            LinkState::Connecting => LinkStatistics::STATE_CONNECTING as u8,
            LinkState::Connected => LinkStatistics::STATE_CONNECTED as u8,
            LinkState::Backoff => LinkStatistics::STATE_BACKOFF as u8,
            LinkState::Stopped => LinkStatistics::STATE_STOPPED as u8,
            LinkState::Paused => LinkStatistics::STATE_PAUSED as u8,
        },
        state_since: to_time(figures.state_since),
        connects: figures.connects,
        disconnects: figures.disconnects,
        failed_attempts: figures.failed_attempts,
        last_error: to_c_text(figures.last_error),
        frames: figures.frames,
        bytes: figures.bytes,
        largest_frame_bytes: figures.largest_frame,
        text_frames: figures.text_frames,
        undecodable_frames: figures.undecodable_frames,
        oversized_frames: figures.oversized_frames,
        truncated_frames: figures.truncated_frames,
        unknown_cloud_types: figures.unknown_cloud_types,
        undecodable_parts: figures.undecodable_parts,
        invalid_texts: figures.invalid_texts,
        stalls: figures.stalls,
        silent: figures.is_silent,
        server_overflows: figures.server_overflows,
        queued_frames: queue.items as u64,
        queued_bytes: queue.bytes as u64,
        queue_max_bytes: queue.max_bytes as u64,
        queued_reliable: reliable.items as u64,
        queued_reliable_bytes: reliable.bytes as u64,
        reliable_queue_max_bytes: reliable.max_bytes as u64,
    }
}

fn topic_statistics(topic: &str, account: Account) -> TopicStatistics {
    TopicStatistics {
        topic: topic.to_owned(),
        received: account.received,
        published: account.published,
        thinned: account.thinned,
        unsubscribed: account.unsubscribed,
        dropped: account.dropped,
        malformed: account.malformed,
        queued: account.queued,
        published_bytes: account.published_bytes,
        largest_bytes: account.largest_bytes,
        empty: account.empty,
        intensity_mismatch: account.intensity_mismatch,
    }
}

fn all_stage_statistics(link: &str, stream: &StreamMetrics) -> Vec<StageStatistics> {
    let times = stream.stages.take_times();
    let stages = Stage::ALL.iter().zip(times);
    stages
        .map(|(stage, times)| stage_statistics(link, *stage, times))
        .collect()
}

fn clock_statistics(clock: &ClockOffsetEstimator) -> ClockStatistics {
    let estimate = clock.estimate();
    let anomalies = clock.anomalies();
    ClockStatistics {
        known: estimate.is_some(),
        offset_ns: estimate.map_or(0, |estimate| estimate.offset_ns),
        spread_ns: estimate.map_or(0, |estimate| estimate.spread_ns),
        drift_ppm: estimate.map_or(0.0, |estimate| estimate.drift_ppm),
        jumps: anomalies.jumps,
        last_jump_ns: anomalies.last_jump_ns,
        backward: anomalies.backward,
        invalid: anomalies.invalid,
        outliers: anomalies.outliers,
        frozen: anomalies.is_frozen,
    }
}

fn stage_statistics(link: &str, stage: Stage, times: StageTimes) -> StageStatistics {
    StageStatistics {
        link: link.to_owned(),
        stage: stage.name().to_owned(),
        count: times.count,
        min_ns: times.min_ns,
        mean_ns: times.mean_ns(),
        max_ns: times.max_ns,
    }
}

fn startup_phase(completed: &CompletedPhase) -> StartupPhase {
    StartupPhase {
        name: completed.phase.name().to_owned(),
        elapsed: to_duration(completed.elapsed),
        rss_bytes: completed.rss_bytes,
    }
}
