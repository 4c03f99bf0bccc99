//! Findings about the server, its nodes and its sensors, from the health that it sends.

use super::output_observer::OutputObserver;
use crate::check::finding::Finding;
use crate::diagnostics::{Level, Status, assess_components, assess_master};

const SERVER: &str = "server state";
const NODE: &str = "node state";
const SENSOR: &str = "sensor state";

/// Checks the states of server, nodes, edges and sensors: one finding for all that are well, and one for each that is
/// not. That fails only if none is well: a dead sensor must not keep the others from being recorded.
pub(super) fn check_health(frames: &OutputObserver) -> Vec<Finding> {
    let Some(health) = &frames.health else {
        return vec![Finding::warn(
            SENSOR,
            "no health received: the states of server, nodes and sensors are unknown",
            "sensr_check --listen 30   (SENSR sends health about every ten seconds)",
        )];
    };
    let (level, message) = assess_master(Some(health.master));
    let mut findings = vec![finding(
        SERVER,
        level,
        message,
        "see the state and the log of SENSR on its machine",
    )];
    // A sensor is shown by its node, edge and name.
    let (sensors, nodes): (Vec<_>, Vec<_>) = assess_components(health, true)
        .into_iter()
        .partition(|status| status.task.contains(" sensor "));
    let node_cure = "restart the node in SENSR, and check its machine and its network";
    let sensor_cure = "check power and network cable of the sensor (ping it from its node), and its state in SENSR";
    findings.extend(check_components(NODE, "nodes", nodes, node_cure));
    findings.extend(check_components(SENSOR, "sensors", sensors, sensor_cure));
    findings
}

fn check_components(
    subject: &'static str,
    what: &str,
    statuses: Vec<Status>,
    cure: &str,
) -> Vec<Finding> {
    if statuses.is_empty() {
        return vec![Finding::warn(
            subject,
            format!("the server reports no {what}"),
            format!("add the {what} to the project in SENSR"),
        )];
    }
    let total = statuses.len();
    let (well, bad): (Vec<_>, Vec<_>) = statuses
        .into_iter()
        .partition(|status| status.level == Level::Ok);
    let mut findings = Vec::new();
    if !well.is_empty() {
        let message = format!("{} of {total} {what} are well", well.len());
        findings.push(Finding::pass(subject, message));
    }
    findings.extend(bad.into_iter().map(|status| {
        let message = format!("{} is {}", status.task, status.message);
        // A site of which a part works is worth running.
        let level = if well.is_empty() {
            status.level
        } else {
            Level::Warn
        };
        finding(subject, level, message, cure)
    }));
    findings
}

fn finding(subject: &'static str, level: Level, message: String, cure: &str) -> Finding {
    match level {
        Level::Ok => Finding::pass(subject, message),
        Level::Warn | Level::Stale => Finding::warn(subject, message, cure),
        Level::Error => Finding::fail(subject, message, cure),
    }
}
