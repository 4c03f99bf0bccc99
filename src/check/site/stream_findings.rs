//! Findings about the frames of both streams: whether they come, what they are, and how many.

use super::SiteTarget;
use super::link_findings::has_completed;
use super::link_kind::{LinkKind, OUTPUT, POINTS};
use super::output_observer::OutputObserver;
use super::points_observer::{FrameTimes, PointsObserver, to_f64};
use crate::check::finding::Finding;
use crate::connection::error::LinkError;
use crate::connection::options::LinkOptions;
use crate::connection::probe::{AttemptStep, ProbeResult};
use crate::topic::Topic;

const MEGABYTE: f64 = 1e6;

/// Counts that decide whether frames are what they should be.
struct FrameCounts {
    frames: u64,
    undecodable: u64,
    damaged: u64,
    foreign: u64,
}

/// Checks the point stream. `None` if it was not reached.
pub(super) fn check_points(
    target: &SiteTarget,
    result: &ProbeResult,
    frames: &PointsObserver,
) -> Option<Finding> {
    let counts = FrameCounts {
        frames: frames.times.frames,
        undecodable: frames.undecodable,
        damaged: frames.damaged,
        foreign: frames.foreign,
    };
    let described = format!(
        "{}; {}",
        describe_rate(result, &frames.times),
        describe_clouds(frames)
    );
    if let Some(finding) = check_frames(&POINTS, target, &target.points, result, &counts) {
        return Some(finding);
    }
    if !has_completed(result, AttemptStep::WebSocket) {
        return None;
    }
    if frames.clouds.iter().all(|cloud| cloud.points == 0) {
        return Some(Finding::warn(
            POINTS.stream,
            format!("{described}: the server sends frames without points"),
            "check in SENSR that the sensors run and that the output of points is on",
        ));
    }
    Some(Finding::pass(POINTS.stream, described))
}

/// Checks the output stream. `None` if it was not reached.
pub(super) fn check_output(
    target: &SiteTarget,
    result: &ProbeResult,
    frames: &OutputObserver,
) -> Option<Finding> {
    let counts = FrameCounts {
        frames: frames.times.frames,
        undecodable: frames.undecodable,
        damaged: frames.damaged,
        foreign: frames.foreign,
    };
    if let Some(finding) = check_frames(&OUTPUT, target, &target.output, result, &counts) {
        return Some(finding);
    }
    if !has_completed(result, AttemptStep::WebSocket) {
        return None;
    }
    let count = |count: Option<usize>, what: &str| match count {
        Some(count) => format!("{count} {what}"),
        None => format!("no list of {what}"),
    };
    Some(Finding::pass(
        OUTPUT.stream,
        format!(
            "{}; up to {}, {}",
            describe_rate(result, &frames.times),
            count(frames.objects, "objects"),
            count(frames.zones, "zones")
        ),
    ))
}

/// Finds faults that either stream can have.
fn check_frames(
    kind: &LinkKind,
    target: &SiteTarget,
    options: &LinkOptions,
    result: &ProbeResult,
    counts: &FrameCounts,
) -> Option<Finding> {
    if !has_completed(result, AttemptStep::WebSocket) {
        return None;
    }
    let FrameCounts {
        frames,
        undecodable,
        damaged,
        foreign,
    } = *counts;
    let parameter = kind.port_parameter;
    let port = options.endpoint.port;
    if foreign > 0 && foreign >= frames / 2 {
        let (points, output) = (target.points.endpoint.port, target.output.endpoint.port);
        let other = if port == points { "output" } else { "point" };
        return Some(Finding::fail(
            kind.stream,
            format!(
                "port {port} is that of the {other} stream: output_port and points_port are swapped"
            ),
            format!("set points_port to {output} and output_port to {points}"),
        ));
    }
    if let Some(error) = &result.error {
        return Some(ended_finding(kind, result, error, frames));
    }
    if frames == 0 {
        let texts = result.figures.text_frames;
        let texts = if texts > 0 {
            format!(", only {texts} text frames, which SENSR does not send")
        } else {
            String::new()
        };
        return Some(Finding::fail(
            kind.stream,
            format!("no frame received, though port {port} accepts the connection{texts}"),
            format!(
                "check in SENSR that its output and its sensors are switched on, and that {parameter} is the port of its \
                 {}",
                kind.stream
            ),
        ));
    }
    if undecodable == frames {
        return Some(Finding::fail(
            kind.stream,
            format!("{frames} frames, none of which is a message of SENSR"),
            format!("set {parameter} to the port of SENSR's {}", kind.stream),
        ));
    }
    let faulty = undecodable + damaged;
    (faulty > 0).then(|| {
        Finding::warn(
            kind.stream,
            format!("{faulty} of {frames} frames do not decode completely"),
            "check the version of SENSR (2.5 to 3.3 are supported), and report it with a recording of the topic wire \
             (publish.wire)",
        )
    })
}

fn ended_finding(kind: &LinkKind, result: &ProbeResult, error: &LinkError, frames: u64) -> Finding {
    let cure = match error {
        LinkError::Oversized { size, .. } => format!(
            "--ros-args -p max_message_bytes:={size} -p queue_max_bytes:={}   (at least, for both)",
            size.saturating_mul(2)
        ),
        LinkError::Closed(reason) if reason.is_loss => {
            "iperf3 -c HOST   (the network between must carry more than the server sends)".to_owned()
        }
        LinkError::NoData(_) | LinkError::Dead(_) => {
            "check in SENSR that its output and its sensors are switched on, and the network between".to_owned()
        }
        _ => "see the log of SENSR for the reason, and check the network between".to_owned(),
    };
    let largest = result.figures.largest_frame;
    Finding::fail(
        kind.stream,
        format!("{error}, after {frames} frames of up to {largest} bytes"),
        cure,
    )
}

fn describe_rate(result: &ProbeResult, times: &FrameTimes) -> String {
    let first = times.first().zip(result.connected_at);
    let first = first.map_or_else(String::new, |(frame, connected)| {
        let delay = frame.saturating_duration_since(connected);
        format!("first frame after {:.2} s, ", delay.as_secs_f64())
    });
    match (times.frame_rate(), times.byte_rate()) {
        (Some(frames), Some(bytes)) => {
            format!("{first}{frames:.1} frames/s, {:.2} MB/s", bytes / MEGABYTE)
        }
        _ => format!("{first}{} frames, too few for a rate", times.frames),
    }
}

fn describe_clouds(frames: &PointsObserver) -> String {
    let clouds = Topic::CLOUDS.iter().zip(&frames.clouds);
    let each = clouds.filter(|(_, figures)| figures.times.frames > 0);
    let each: Vec<String> = each
        .map(|(topic, figures)| {
            let name = topic.name().rsplit('/').next().unwrap_or_default();
            let mean = to_f64(figures.points) / to_f64(figures.times.frames);
            match figures.times.frame_rate() {
                Some(rate) => format!("{name} {rate:.1}/s of {mean:.0} points"),
                None => format!("{name} of {mean:.0} points"),
            }
        })
        .collect();
    if each.is_empty() {
        "no clouds".to_owned()
    } else {
        each.join(", ")
    }
}
