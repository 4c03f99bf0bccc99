//! Findings as lines for a person.

use std::fmt::Write as _;

use super::finding::{Finding, Verdict};

/// Heading of the findings that are not about a site.
const MACHINE: &str = "this machine";
/// Start of the sequences that color text on a terminal.
const RESET: &str = "\x1b[0m";

/// Numbers of findings by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Findings without fault.
    pub passed: usize,
    /// Risks.
    pub warnings: usize,
    /// Faults.
    pub failures: usize,
}

impl Counts {
    /// Counts findings.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let count = |verdict| {
            let all = findings.iter();
            all.filter(|finding| finding.verdict == verdict).count()
        };
        Self {
            passed: count(Verdict::Pass),
            warnings: count(Verdict::Warn),
            failures: count(Verdict::Fail),
        }
    }

    /// Returns the exit code of the program.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match (self.failures, self.warnings) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => 2,
        }
    }
}

/// Formats findings: a heading for this machine and for each site, a line for each finding, with its cure below.
#[must_use]
pub fn format_text(findings: &[Finding], has_colors: bool) -> String {
    let mut text = String::new();
    let mut sections: Vec<Option<&str>> = Vec::new();
    for finding in findings {
        let section = finding.site.as_deref();
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        let heading = section.map_or_else(|| MACHINE.to_owned(), |site| format!("site {site}"));
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&one_line(&heading));
        text.push('\n');
        let own = findings
            .iter()
            .filter(|finding| finding.site.as_deref() == section);
        for finding in own {
            push_finding(&mut text, finding, has_colors);
        }
    }
    let Counts {
        passed,
        warnings,
        failures,
    } = Counts::of(findings);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\n{passed} passed, {warnings} warning{}, {failures} failure{}",
        plural(warnings),
        plural(failures)
    );
    text
}

fn push_finding(text: &mut String, finding: &Finding, has_colors: bool) {
    let (word, color) = match finding.verdict {
        Verdict::Pass => ("PASS", "\x1b[32m"),
        Verdict::Warn => ("WARN", "\x1b[33m"),
        Verdict::Fail => ("FAIL", "\x1b[31m"),
    };
    let (color, reset) = if has_colors { (color, RESET) } else { ("", "") };
    let subject = finding.subject;
    let message = one_line(&finding.message);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {color}{word}{reset}  {subject}: {message}");
    if !finding.cure.is_empty() {
        let _ = writeln!(text, "        cure: {}", one_line(&finding.cure));
    }
}

/// Replaces control characters: names and texts of a server must not change the terminal.
fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::pass("memory", "8 GB available"),
            Finding::warn("clock", "not synchronized", "sudo timedatectl set-ntp true"),
            Finding::pass("host name", "192.0.2.1 is an IP address").of_site("samyang"),
            Finding::fail("point port", "refused", "nc -vz 192.0.2.1 5051").of_site("samyang"),
        ]
    }

    #[test]
    fn every_fault_has_its_cure_below() {
        let expected = "\
this machine
  PASS  memory: 8 GB available
  WARN  clock: not synchronized
        cure: sudo timedatectl set-ntp true

site samyang
  PASS  host name: 192.0.2.1 is an IP address
  FAIL  point port: refused
        cure: nc -vz 192.0.2.1 5051

2 passed, 1 warning, 1 failure
";
        assert_eq!(format_text(&findings(), false), expected);
    }

    #[test]
    fn colors_are_around_the_verdict_only() {
        let text = format_text(&findings(), true);
        assert!(text.contains("\x1b[31mFAIL\x1b[0m  point port"), "{text}");
        assert!(text.contains("\x1b[32mPASS\x1b[0m"), "{text}");
    }

    #[test]
    fn texts_of_a_server_cannot_change_the_terminal() {
        let finding = Finding::pass("sensor state", "\x1b[2J\nsensor");
        let text = format_text(&[finding], false);
        assert!(!text.contains('\x1b') && text.contains("\u{fffd}[2J\u{fffd}sensor"));
    }

    #[test]
    fn exit_code_is_that_of_the_worst_finding() {
        let all = findings();
        assert_eq!(Counts::of(&all).exit_code(), 2);
        assert_eq!(Counts::of(&all[..3]).exit_code(), 1);
        assert_eq!(Counts::of(&all[..1]).exit_code(), 0);
        assert_eq!(Counts::of(&[]).exit_code(), 0);
    }
}
