//! Texts of a message that are not UTF-8.

use std::fmt;

use crate::text::{is_text, lossy};

/// So many bytes of a text are shown.
const SHOWN_BYTES: usize = 60;

/// Count of the texts of a message that are not UTF-8 or contain a NUL, and the first of them. None of them costs
/// anything.
#[derive(Debug, Default)]
pub struct InvalidTexts {
    count: u64,
    first: Option<(&'static str, String)>,
}

impl InvalidTexts {
    /// Number of them.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Counts a text if it is not UTF-8. `what` stands in the log.
    pub(crate) fn check(&mut self, what: &'static str, text: &[u8]) {
        if is_text(text) {
            return;
        }
        self.count += 1;
        self.first.get_or_insert_with(|| {
            let shown = &text[..text.len().min(SHOWN_BYTES)];
            (what, lossy(shown).into_owned())
        });
    }
}

impl fmt::Display for InvalidTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            None => f.write_str("every text is UTF-8"),
            Some((what, text)) => write!(
                f,
                "{what} {text:?} is not UTF-8: published with U+FFFD for the bytes that are no text, and all else as it is; enter it anew in SENSR"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_named_and_all_are_counted() {
        let mut texts = InvalidTexts::default();
        texts.check("zone name", "Süd".as_bytes());
        assert_eq!(texts.count(), 0);
        texts.check("zone name", b"\xb3\xb2\n");
        texts.check("node name", b"a\0");
        texts.check("node name", &[0xff; 1000]);
        assert_eq!(texts.count(), 3);
        let line = texts.to_string();
        assert!(
            line.starts_with("zone name \"\u{fffd}\u{fffd}\\n\" is not UTF-8"),
            "{line}"
        );
    }

    #[test]
    fn a_long_text_is_shown_in_part() {
        let mut texts = InvalidTexts::default();
        texts.check("uid", &vec![0xff; 100_000]);
        assert!(texts.to_string().len() < 500);
    }
}
