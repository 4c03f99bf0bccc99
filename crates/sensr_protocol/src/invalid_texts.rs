//! Texts of a message that are not UTF-8.

use std::fmt;

use crate::text::{decode_lossy, is_text};

/// Bytes of a text that the log shows.
const SHOWN_BYTES: usize = 60;

/// Count of the texts of a message that are not UTF-8 or contain a NUL, and the first of them. They cost nothing else
/// of the message.
#[derive(Debug, Default)]
pub struct InvalidTexts {
    count: u64,
    first: Option<(&'static str, String)>,
}

impl InvalidTexts {
    /// Number of such texts.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Counts a text if it is not UTF-8. `label` names it in the log.
    pub(crate) fn check_text(&mut self, label: &'static str, text: &[u8]) {
        if is_text(text) {
            return;
        }
        self.count += 1;
        self.first.get_or_insert_with(|| {
            let shown = &text[..text.len().min(SHOWN_BYTES)];
            (label, decode_lossy(shown).into_owned())
        });
    }
}

impl fmt::Display for InvalidTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            None => f.write_str("all texts are UTF-8"),
            Some((label, text)) => write!(
                f,
                "{label} {text:?} is not UTF-8: published with U+FFFD in place of the invalid bytes; enter it again in SENSR"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_text_is_named_and_all_are_counted() {
        let mut texts = InvalidTexts::default();
        texts.check_text("zone name", "Süd".as_bytes());
        assert_eq!(texts.count(), 0);
        texts.check_text("zone name", b"\xb3\xb2\n");
        texts.check_text("node name", b"a\0");
        texts.check_text("node name", &[0xff; 1000]);
        assert_eq!(texts.count(), 3);
        let line = texts.to_string();
        assert!(
            line.starts_with("zone name \"\u{fffd}\u{fffd}\\n\" is not UTF-8"),
            "{line}"
        );
    }

    #[test]
    fn long_text_is_shown_in_part() {
        let mut texts = InvalidTexts::default();
        texts.check_text("uid", &vec![0xff; 100_000]);
        assert!(texts.to_string().len() < 500);
    }
}
