//! Record of what could not be decoded in a message.

use std::fmt;

use crate::invalid_texts::InvalidTexts;

/// Count of the parts of a message that failed to decode, with the reason of the first; and the texts that are not
/// UTF-8, which cost nothing.
#[derive(Debug, Default)]
pub struct DecodeFailures {
    count: u64,
    /// Part and reason.
    first: Option<(&'static str, String)>,
    texts: InvalidTexts,
}

impl DecodeFailures {
    /// Number of parts that failed to decode.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Texts that are not UTF-8.
    #[must_use]
    pub fn texts(&self) -> &InvalidTexts {
        &self.texts
    }

    /// Counts a text if it is not UTF-8. `label` names it in the log.
    pub(crate) fn check_text(&mut self, label: &'static str, text: &[u8]) {
        self.texts.check_text(label, text);
    }

    /// Counts `count` parts that failed to decode. `label` names them in the log.
    pub(crate) fn record_failure(
        &mut self,
        label: &'static str,
        count: usize,
        reason: impl fmt::Display,
    ) {
        self.count += count as u64;
        self.first
            .get_or_insert_with(|| (label, reason.to_string()));
    }
}

impl fmt::Display for DecodeFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            None => f.write_str("all parts of the message decode"),
            Some((label, reason)) => write!(
                f,
                "{} parts of a message do not decode and are dropped; the first: {label}: {reason}",
                self.count
            ),
        }
    }
}
