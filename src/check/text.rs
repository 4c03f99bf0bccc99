//! Findings as lines for a person.

use std::fmt::Write as _;

use ratatui::text::Span;

use super::finding::{Finding, Verdict};
use crate::environment::terminal::printable;

/// Heading of the findings that are not about a site.
const MACHINE: &str = "this machine";
/// End of the sequences that color text on a terminal.
const RESET: &str = "\x1b[0m";
/// Indentation of what belongs to the line above.
const INDENTATION: &str = "        ";

/// Terminal that shows the lines. The default is no terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terminal {
    /// It shows colors.
    pub has_colors: bool,
    /// Its width in columns. Messages are wrapped at words to fit; commands are not, so that they can be copied.
    pub width: Option<u16>,
}

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
pub fn format_text(findings: &[Finding], terminal: Terminal) -> String {
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
        text.push_str(&printable(&heading));
        text.push('\n');
        let own = findings
            .iter()
            .filter(|finding| finding.site.as_deref() == section);
        for finding in own {
            push_finding(&mut text, finding, terminal);
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

fn push_finding(text: &mut String, finding: &Finding, terminal: Terminal) {
    let (word, color) = match finding.verdict {
        Verdict::Pass => ("PASS", "\x1b[32m"),
        Verdict::Warn => ("WARN", "\x1b[33m"),
        Verdict::Fail => ("FAIL", "\x1b[31m"),
    };
    let (color, reset) = if terminal.has_colors {
        (color, RESET)
    } else {
        ("", "")
    };
    let message = format!("{}: {}", finding.subject, printable(&finding.message));
    let message = wrap_words(&message, terminal.width);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {color}{word}{reset}  {message}");
    if !finding.cure.is_empty() {
        let _ = writeln!(text, "{INDENTATION}cure: {}", printable(&finding.cure));
    }
}

/// Wraps a message at its blanks, so that it fits into the width with the indentation that all of its lines have.
fn wrap_words(message: &str, width: Option<u16>) -> String {
    let Some(width) = width.map(|width| usize::from(width).saturating_sub(INDENTATION.len()))
    else {
        return message.to_owned();
    };
    let mut wrapped = String::new();
    let mut used = 0;
    for word in message.split(' ') {
        let length = Span::raw(word).width();
        if used > 0 && used + 1 + length > width {
            wrapped.push('\n');
            wrapped.push_str(INDENTATION);
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
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
        assert_eq!(format_text(&findings(), Terminal::default()), expected);
    }

    #[test]
    fn colors_are_around_the_verdict_only() {
        let terminal = Terminal {
            has_colors: true,
            width: None,
        };
        let text = format_text(&findings(), terminal);
        assert!(text.contains("\x1b[31mFAIL\x1b[0m  point port"), "{text}");
        assert!(text.contains("\x1b[32mPASS\x1b[0m"), "{text}");
    }

    #[test]
    fn messages_are_wrapped_at_words_and_commands_are_not() {
        let finding = Finding::warn(
            "clock",
            "항구 is 3 s ahead of this machine",
            "sudo timedatectl set-ntp true",
        );
        let terminal = Terminal {
            has_colors: false,
            width: Some(26),
        };
        let text = format_text(&[finding], terminal);
        let expected = "  WARN  clock: 항구 is 3 s\n        ahead of this\n        machine\n        cure: sudo \
                        timedatectl set-ntp true\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn texts_of_a_server_cannot_change_the_terminal() {
        let finding = Finding::pass("sensor state", "\x1b[2J\nsensor");
        let text = format_text(&[finding], Terminal::default());
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
