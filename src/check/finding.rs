//! Findings of the pre-flight check: verdicts in words, each with its cure.

use serde::Serialize;

/// Verdict of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Examined, and as it should be.
    Pass,
    /// Works, but with a risk, or could not be examined.
    Warn,
    /// Will not work.
    Fail,
}

/// Result of one examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Site that it is about. `None` for the machine as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Subject, in few words and the same in every run, such as `point port` or `free disk space`.
    pub subject: &'static str,
    /// Verdict.
    pub verdict: Verdict,
    /// Description of the state, with figures.
    pub message: String,
    /// Command, or else instruction, that cures it. Empty only for [`Verdict::Pass`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cure: String,
}

impl Finding {
    /// Creates a finding that everything is as it should be.
    #[must_use]
    pub fn pass(subject: &'static str, message: impl Into<String>) -> Self {
        Self {
            site: None,
            subject,
            verdict: Verdict::Pass,
            message: message.into(),
            cure: String::new(),
        }
    }

    /// Creates a finding of a risk.
    #[must_use]
    pub fn warn(
        subject: &'static str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warn,
            cure: cure.into(),
            ..Self::pass(subject, message)
        }
    }

    /// Creates a finding of a fault.
    #[must_use]
    pub fn fail(
        subject: &'static str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Fail,
            cure: cure.into(),
            ..Self::pass(subject, message)
        }
    }

    /// Assigns the finding to a site.
    #[must_use]
    pub fn of_site(mut self, site: &str) -> Self {
        self.site = Some(site.to_owned());
        self
    }
}
