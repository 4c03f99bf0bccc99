//! Environment variables by which nodes find each other.

use super::System;
use crate::check::finding::Finding;

const DOMAIN: &str = "ros domain";
const RANGE: &str = "discovery range";
/// Largest domain whose ports exist.
const MAX_DOMAIN: u32 = 232;
/// Domains whose ports Linux also gives to other connections.
const EPHEMERAL_DOMAINS: std::ops::RangeInclusive<u32> = 102..=214;

/// Examines domain and range.
pub(super) fn check(system: &System) -> Vec<Finding> {
    vec![check_domain(system), check_range(system)]
}

fn check_domain(system: &System) -> Finding {
    let Some(text) = system.text_variable("ROS_DOMAIN_ID") else {
        return Finding::pass(DOMAIN, "0, because ROS_DOMAIN_ID is not set");
    };
    let cure = "export ROS_DOMAIN_ID=0 (0 to 101, the same on all machines)";
    match text.parse::<u32>() {
        Ok(domain) if EPHEMERAL_DOMAINS.contains(&domain) => {
            let message =
                format!("{domain}: Linux gives the ports of this domain to other connections too");
            Finding::warn(DOMAIN, message, cure)
        }
        Ok(domain) if domain <= MAX_DOMAIN => Finding::pass(DOMAIN, domain.to_string()),
        _ => {
            let message = format!(
                "ROS_DOMAIN_ID={text} is not a number from 0 to {MAX_DOMAIN}: no node starts"
            );
            Finding::fail(DOMAIN, message, cure)
        }
    }
}

fn check_range(system: &System) -> Finding {
    const OLD: &str = "ROS_LOCALHOST_ONLY";
    const NEW: &str = "ROS_AUTOMATIC_DISCOVERY_RANGE";
    let old = system.text_variable(OLD);
    match old.as_deref() {
        Some("1") => {
            return Finding::pass(RANGE, format!("this machine only, because of {OLD}=1"));
        }
        Some("0") | None => {}
        Some(other) => {
            let message = format!("{OLD}={other} is neither 0 nor 1");
            return Finding::warn(RANGE, message, format!("unset {OLD}"));
        }
    }
    let is_humble = system.text_variable("ROS_DISTRO").as_deref() == Some("humble");
    let range = system.text_variable(NEW).filter(|_| !is_humble);
    match range.as_deref() {
        None if system.text_variable(NEW).is_some() => {
            let message = format!("the machines of this network; {NEW} has no effect in humble");
            Finding::warn(RANGE, message, format!("export {OLD}=1, or unset {NEW}"))
        }
        None | Some("SUBNET" | "SYSTEM_DEFAULT") => {
            Finding::pass(RANGE, "the machines of this network")
        }
        Some("LOCALHOST") => Finding::pass(
            RANGE,
            format!("this machine only, because of {NEW}=LOCALHOST"),
        ),
        Some("OFF") => {
            let message = format!("{NEW}=OFF: no node finds another one, not even on this machine");
            Finding::fail(RANGE, message, format!("unset {NEW}"))
        }
        Some(other) => {
            let message =
                format!("{NEW}={other} is none of SUBNET, LOCALHOST, OFF, SYSTEM_DEFAULT");
            Finding::warn(RANGE, message, format!("unset {NEW}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict::{self, Fail, Pass, Warn};

    fn verdicts(variables: &[(&str, &str)]) -> Vec<Verdict> {
        let findings = check(&TestMachine::new().system_with(variables));
        findings.iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn domains_are_numbers_with_ports_of_their_own() {
        let domain = |text| verdicts(&[("ROS_DOMAIN_ID", text)])[0];
        let cases = [
            ("", Pass),
            ("0", Pass),
            ("101", Pass),
            ("102", Warn),
            ("214", Warn),
            ("232", Pass),
            ("233", Fail),
            ("-1", Fail),
            ("harbour", Fail),
        ];
        for (text, verdict) in cases {
            assert_eq!(domain(text), verdict, "{text}");
        }
    }

    #[test]
    fn ranges_that_keep_nodes_apart_are_told() {
        let range = |variables: &[(&str, &str)]| verdicts(variables)[1];
        let new = "ROS_AUTOMATIC_DISCOVERY_RANGE";
        assert_eq!(range(&[]), Pass);
        assert_eq!(range(&[("ROS_LOCALHOST_ONLY", "1"), (new, "OFF")]), Pass);
        assert_eq!(range(&[("ROS_LOCALHOST_ONLY", "yes")]), Warn);
        assert_eq!(range(&[(new, "LOCALHOST")]), Pass);
        assert_eq!(range(&[(new, "OFF")]), Fail);
        assert_eq!(range(&[(new, "EVERYWHERE")]), Warn);
        assert_eq!(range(&[(new, "OFF"), ("ROS_DISTRO", "humble")]), Warn);
    }
}
