//! Escapes of invisible characters, so that text from people and files is one readable line in the log.

use std::fmt::Display;

/// Returns whether a character is invisible: a control character, or default ignorable in Unicode (zero-width spaces,
/// direction marks, byte order marks, fillers), as text copied from web pages and chats contains. Blanks are not.
#[must_use]
pub(super) fn is_invisible(letter: char) -> bool {
    // DerivedCoreProperties.txt, Default_Ignorable_Code_Point, and the interlinear annotations.
    let is_ignorable = matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    is_ignorable || letter.is_control()
}

/// Replaces invisible characters by escapes: `\n`, `\u{200b}`.
pub(super) fn escape_invisible(text: impl Display) -> String {
    let mut line = String::new();
    for letter in text.to_string().chars() {
        if letter.is_control() {
            line.extend(letter.escape_debug());
        } else if is_invisible(letter) {
            // Some fillers count as letters, which `escape_debug` does not escape.
            line.extend(letter.escape_unicode());
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_invisible_characters_are_escaped() {
        assert_eq!(escape_invisible("항구 a\"\\é"), "항구 a\"\\é");
        assert_eq!(
            escape_invisible("a\n\u{1b}\u{200b}\u{3164}\u{feff}"),
            "a\\n\\u{1b}\\u{200b}\\u{3164}\\u{feff}"
        );
    }
}
