//! Findings as JSON for programs.

use serde::Serialize;

use super::finding::{Finding, Verdict};
use super::text::Counts;

/// The document of `sensr_check --json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    verdict: Verdict,
    passed: usize,
    warnings: usize,
    failures: usize,
    findings: &'a [Finding],
}

/// Formats findings as one JSON document, with the worst verdict and the number of each.
pub fn format_json(findings: &[Finding]) -> serde_json::Result<String> {
    let counts = Counts::of(findings);
    let worst = findings.iter().map(|finding| finding.verdict).max();
    serde_json::to_string_pretty(&Document {
        verdict: worst.unwrap_or(Verdict::Pass),
        passed: counts.passed,
        warnings: counts.warnings,
        failures: counts.failures,
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_the_worst_verdict_and_every_finding() {
        let findings = [
            Finding::pass("memory", "enough"),
            Finding::warn("server clock", "2 s ahead", "timedatectl").of_site("a"),
        ];
        let text = format_json(&findings).expect("serializable");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = serde_json::json!({
            "verdict": "WARN", "passed": 1, "warnings": 1, "failures": 0,
            "findings": [
                {"subject": "memory", "verdict": "PASS", "message": "enough"},
                {"site": "a", "subject": "server clock", "verdict": "WARN", "message": "2 s ahead",
                 "cure": "timedatectl"},
            ],
        });
        assert_eq!(value, expected);
    }
}
