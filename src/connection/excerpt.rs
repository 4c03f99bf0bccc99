//! Excerpts of a server's texts, for log lines.

/// Characters of a server's text that a log line shows.
pub(super) const EXCERPT_CHARS: usize = 80;

/// Returns the beginning of a server's text for a log line: U+FFFD in place of control characters, and an ellipsis after
/// [`EXCERPT_CHARS`].
pub(super) fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = chars.by_ref().take(EXCERPT_CHARS).map(visible).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_one_short_line() {
        assert_eq!(excerpt("라이다\n1\u{1b}["), "라이다\u{fffd}1\u{fffd}[");
        let full = "é".repeat(EXCERPT_CHARS);
        assert_eq!(excerpt(&full), full);
        assert_eq!(excerpt(&format!("{full}e")), format!("{full}…"));
    }
}
