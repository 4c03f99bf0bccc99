//! Report as text for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::growth::Verdict;
use super::memory::{MemoryReport, TimeToLimit};
use super::recording::RecordingReport;
use super::traffic::{LinkReport, StageReport, TopicReport};
use super::{ClockReport, PhaseReport, Report, SiteReport};
use crate::diagnostics::format_duration;
use crate::environment::terminal::printable;
use crate::monitor::units::{format_bytes, format_size};

/// Time beyond which a limit counts as never reached: it is longer than any process runs.
const FOREVER_S: f64 = 100.0 * 365.0 * 86_400.0;

/// Formats the report, as lines that end with a newline.
pub(super) fn format(report: &Report) -> String {
    let mut text = format!(
        "sensr_monitor: {} to {}, {}\n",
        report.start,
        report.end,
        duration(report.duration_s)
    );
    if report.sites.is_empty() {
        text.push_str("no bridge was seen\n");
    }
    for site in &report.sites {
        push_site(&mut text, site, report.limit_bytes);
    }
    text
}

fn push_site(text: &mut String, site: &SiteReport, limit_bytes: u64) {
    let version = match site.version.as_str() {
        "" => String::new(),
        version => format!(" (sensr_bridge {version})"),
    };
    let title = printable(&format!("{}{version}", site.namespace));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\n{title}: watched for {}, {}, {}",
        duration(site.observed_s),
        counted(site.restarts, "restart of the bridge"),
        silences(site)
    );
    if let Some(moment) = site.worst_moment() {
        let worst = format!("{} at {}", printable(&moment.text), moment.time);
        line(text, "worst moment", &worst);
    }
    push_memory(
        text,
        "memory of the bridge",
        site.bridge_memory.as_ref(),
        limit_bytes,
    );
    if site.bridge_memory.is_some() {
        let peak = format_size(site.bridge_peak_bytes);
        let bound = format_size(site.bridge_bound_bytes);
        line(
            text,
            "",
            &format!("peak {peak} since its start, bound {bound}"),
        );
    }
    push_memory(
        text,
        "memory of the recorder",
        site.recorder_memory.as_ref(),
        limit_bytes,
    );
    push_phases(text, &site.startup);
    for link in &site.links {
        push_link(text, link);
    }
    push_topics(text, site);
    push_stages(text, &site.stages);
    if let Some(clock) = &site.clock {
        line(text, "clock of the server", &clock_text(clock));
    }
    if let Some(recording) = &site.recording {
        push_recording(text, recording);
    }
    // The first one is the worst, which stands above.
    for moment in site.worst_moments.iter().skip(1) {
        line(
            text,
            "also",
            &format!("{} at {}", printable(&moment.text), moment.time),
        );
    }
}

fn push_memory(text: &mut String, label: &str, memory: Option<&MemoryReport>, limit_bytes: u64) {
    let Some(memory) = memory else {
        return;
    };
    let figures = format!(
        "minimum {}, mean {}, maximum {}, at the end {}",
        format_size(memory.min_bytes),
        format_bytes(memory.mean_bytes),
        format_size(memory.max_bytes),
        format_size(memory.last_bytes)
    );
    line(text, label, &figures);
    let growth = &memory.growth;
    let rate = match (
        growth.mb_per_min,
        growth.low_mb_per_min,
        growth.high_mb_per_min,
    ) {
        (Some(rate), Some(low), Some(high)) => {
            format!(": {rate:+.3} MB/min, 95 % between {low:+.3} and {high:+.3}")
        }
        _ => String::new(),
    };
    let part = match growth.steady_s {
        seconds if seconds > 0.0 => format!(
            ", over {} after a warm-up of {}",
            duration(seconds),
            duration(growth.warm_up_s)
        ),
        _ => String::new(),
    };
    let reason = match growth.reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    let name = match growth.verdict {
        Verdict::NotDetermined => "growth not determined",
        verdict => verdict.name(),
    };
    line(text, "", &format!("{name}{rate}{part}{reason}"));
    if let Some(time) = &memory.time_to_limit {
        let limit = format_size(limit_bytes);
        line(
            text,
            "",
            &format!("{limit} would be reached {}", limit_text(time)),
        );
    }
}

fn limit_text(time: &TimeToLimit) -> String {
    let bounded = |seconds: f64| (seconds < FOREVER_S).then(|| duration(seconds));
    let Some(earliest) = bounded(time.earliest_s) else {
        return "in more than 100 years".to_owned();
    };
    let latest = time.latest_s.and_then(bounded);
    match time.expected_s.and_then(bounded) {
        Some(expected) => {
            let latest = latest.unwrap_or_else(|| "never".to_owned());
            format!("in {expected} (between {earliest} and {latest})")
        }
        None => format!("in {earliest} at the earliest"),
    }
}

fn push_phases(text: &mut String, phases: &[PhaseReport]) {
    for (index, phase) in phases.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "only for display")]
        let added = phase.added_bytes as f64 / 1e6;
        let label = if index == 0 {
            "start of the bridge"
        } else {
            ""
        };
        let row = format!(
            "{:<17} {:>9.3} s {:>9} {added:>+8.1} MB",
            printable(&phase.phase),
            phase.elapsed_s,
            format_size(phase.rss_bytes)
        );
        line(text, label, &row);
    }
}

fn push_link(text: &mut String, link: &LinkReport) {
    let share = if link.observed_s > 0.0 {
        format!(
            " of {} ({:.1} %)",
            duration(link.observed_s),
            100.0 * link.connected_s / link.observed_s
        )
    } else {
        String::new()
    };
    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    let bytes = link.bytes as f64;
    let mut figures = format!(
        "connected {}{share}, {}, {}, {}, {} in {}",
        duration(link.connected_s),
        counted(link.connects, "connect"),
        counted(link.disconnects, "disconnect"),
        counted(link.failed_attempts, "failed attempt"),
        format_bytes(bytes),
        counted(link.frames, "frame"),
    );
    for (count, name) in [
        (link.stalls, "stall"),
        (link.server_overflows, "overflow of the server's buffer"),
        (link.discarded_frames, "discarded frame"),
        (link.undecodable_parts, "undecodable part"),
    ] {
        if count > 0 {
            let _ = write!(figures, ", {}", counted(count, name));
        }
    }
    line(text, &format!("{} link", link.link), &figures);
    let mut queue = format!("queue at most {:.0} % full", 100.0 * link.max_queue_fill);
    if link.max_reliable_queue_fill > 0.0 {
        let fill = 100.0 * link.max_reliable_queue_fill;
        let _ = write!(queue, ", of the reliable messages {fill:.0} %");
    }
    if !link.last_error.is_empty() {
        let _ = write!(queue, "; last error: {}", printable(&link.last_error));
    }
    line(text, "", &queue);
}

fn push_topics(text: &mut String, site: &SiteReport) {
    if site.topics.is_empty() {
        return;
    }
    let heading = format!(
        "{:<22} {:>11} {:>11} {:>11} {:>12} {:>9} {:>9} {:>9}",
        "messages",
        "received",
        "published",
        "thinned",
        "unsubscribed",
        "dropped",
        "malformed",
        "per s"
    );
    line(text, "", &heading);
    for topic in site.topics.iter().chain([&site.total]) {
        line(text, "", &topic_row(topic));
    }
}

fn topic_row(topic: &TopicReport) -> String {
    format!(
        "{:<22} {:>11} {:>11} {:>11} {:>12} {:>9} {:>9} {:>9.2}",
        topic.topic,
        topic.received,
        topic.published,
        topic.thinned,
        topic.unsubscribed,
        topic.dropped,
        topic.malformed,
        topic.received_per_s
    )
}

fn push_stages(text: &mut String, stages: &[StageReport]) {
    for link in ["points", "output"] {
        let own = stages.iter().filter(|stage| stage.link == link);
        let parts: Vec<String> = own
            .map(|stage| {
                format!(
                    "{} {:.2} (at most {:.1})",
                    stage.stage, stage.mean_ms, stage.max_ms
                )
            })
            .collect();
        if !parts.is_empty() {
            line(text, &format!("{link} times, ms"), &parts.join(", "));
        }
    }
}

fn clock_text(clock: &ClockReport) -> String {
    let mut text = match (clock.offset_ms, clock.spread_ms, clock.drift_ppm) {
        (Some(offset), Some(spread), Some(drift)) => {
            format!("offset {offset:+.1} ms, spread {spread:.1} ms, drift {drift:+.1} ppm")
        }
        _ => "unknown".to_owned(),
    };
    let _ = write!(text, ", {}", counted(clock.jumps, "jump"));
    if clock.is_frozen {
        text.push_str(", frozen");
    }
    text
}

fn push_recording(text: &mut String, recording: &RecordingReport) {
    let reason = match recording.reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", printable(reason)),
    };
    let figures = format!(
        "{}{reason}; recorded {} of {}, {}, {}, {} missing",
        recording.state,
        duration(recording.recording_s),
        duration(recording.observed_s),
        counted(recording.splits, "split"),
        format_bytes(recording.written_bytes),
        counted(recording.missing, "message")
    );
    line(text, "recording", &figures);
    let mut disk = format!("{} free", format_size(recording.disk_free_bytes));
    if let Some(left) = recording.disk_time_left_s {
        let _ = write!(disk, ", enough for {}", duration(left));
    }
    if recording.reported_lost > 0 {
        let lost = counted(recording.reported_lost, "message");
        let _ = write!(disk, "; the stock recorder reported {lost} as lost");
    }
    if recording.stock_recorder_restarts + recording.restarts > 0 {
        let _ = write!(
            disk,
            "; {}, {}",
            counted(
                recording.stock_recorder_restarts,
                "restart of the stock recorder"
            ),
            counted(recording.restarts, "restart of sensr_recorder")
        );
    }
    if !recording.last_failure.is_empty() {
        let _ = write!(
            disk,
            "; last failure: {}",
            printable(&recording.last_failure)
        );
    }
    line(text, "", &disk);
}

fn silences(site: &SiteReport) -> String {
    let silences = &site.silences;
    match silences.count {
        0 => "never silent".to_owned(),
        count => format!(
            "{} of {} in all, the longest {}{}",
            counted(count, "silence"),
            duration(silences.total_s),
            duration(silences.longest_s),
            if silences.is_silent_at_end {
                ", silent at the end"
            } else {
                ""
            }
        ),
    }
}

/// Appends a line with its label in a column of its own.
fn line(text: &mut String, label: &str, content: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {label:<24}{content}");
}

fn counted(count: u64, name: &str) -> String {
    let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
    match (count, rest) {
        (1, _) => format!("1 {name}"),
        // The word before the first preposition is the one that is counted: "2 restarts of the bridge".
        (_, rest) if rest.starts_with("of ") => format!("{count} {first}s {rest}"),
        _ => format!("{count} {name}s"),
    }
}

fn duration(seconds: f64) -> String {
    format_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::Collector;
    use super::*;
    use crate::connection::status::LinkState;
    use crate::monitor::sample::PhaseSample;
    use crate::monitor::test_samples::bridge_sample;

    /// Text of a run in which these bytes are the memory at each second.
    fn text_of(seconds: u64, bytes: impl Fn(u64) -> u64) -> String {
        let start = Instant::now();
        let mut collector = Collector::new(Some(10_000_000_000), start);
        for second in 1..=seconds {
            let mut sample = bridge_sample(0, second);
            sample.rss_bytes = bytes(second);
            sample.startup = vec![PhaseSample {
                name: "settings".to_owned(),
                elapsed: Duration::from_millis(12),
                rss_bytes: 20_000_000,
            }];
            collector.on_statistics("/samyang", &sample, start + Duration::from_secs(second));
        }
        collector
            .report(start + Duration::from_secs(seconds))
            .to_text()
    }

    #[test]
    fn a_leak_is_named_with_the_time_to_the_limit() {
        let text = text_of(600, |second| 100_000_000 + second * 5_000_000);
        for words in [
            "/samyang: watched for 10 min, 0 restarts of the bridge, never silent",
            "growing: +300.0",
            "10.0 GB would be reached in ",
            "settings              0.012 s   20.0 MB    +20.0 MB",
            "points/raw",
            "worst moment            2 messages were lost, dropped or malformed at 1970-01-01T00:00:01",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn a_flat_process_reaches_no_limit() {
        let text = text_of(600, |second| 100_000_000 + second % 3 * 4096);
        assert!(text.contains("flat: "), "{text}");
        assert!(!text.contains("would be reached"), "{text}");
    }

    #[test]
    fn a_short_run_says_why_nothing_is_determined() {
        let text = text_of(3, |_| 100_000_000);
        assert!(text.contains("growth not determined"), "{text}");
    }

    #[test]
    fn texts_of_a_server_cannot_change_the_terminal() {
        let start = Instant::now();
        let mut collector = Collector::new(None, start);
        for second in 1..4 {
            let mut sample = bridge_sample(0, second);
            sample.links[0].state = LinkState::Backoff;
            sample.links[0].last_error = "\x1b[2Jrefused\n".to_owned();
            collector.on_statistics("/", &sample, start + Duration::from_secs(second));
        }
        let text = collector.report(start + Duration::from_secs(4)).to_text();
        assert!(text.contains("\u{fffd}[2Jrefused\u{fffd}"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn a_run_without_a_bridge_says_so() {
        let now = Instant::now();
        let text = Collector::new(None, now).report(now).to_text();
        assert!(text.ends_with("no bridge was seen\n"), "{text}");
    }

    #[test]
    fn counted_things_have_their_plural() {
        assert_eq!(
            counted(1, "restart of the bridge"),
            "1 restart of the bridge"
        );
        assert_eq!(
            counted(2, "restart of the bridge"),
            "2 restarts of the bridge"
        );
        assert_eq!(counted(0, "failed attempt"), "0 failed attempts");
    }
}
