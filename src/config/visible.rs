//! Text for the log: whatever a person or a file gives becomes one line in which every character can be seen.

use std::fmt::Display;

/// Returns whether a character cannot be seen: controls, and what Unicode calls default ignorable (zero-width spaces,
/// direction marks, byte order marks, fillers), such as copying from web pages and chats brings along. Blanks can be
/// seen.
#[must_use]
pub fn is_invisible(letter: char) -> bool {
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

/// The text with its invisible characters as escapes: `\n`, `\u{200b}`.
pub fn visible(text: impl Display) -> String {
    let mut line = String::new();
    for letter in text.to_string().chars() {
        if letter.is_control() {
            line.extend(letter.escape_debug());
        } else if is_invisible(letter) {
            // Some fillers count as letters, so that `escape_debug` would leave them.
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
    fn what_cannot_be_seen_is_escaped_and_nothing_else() {
        assert_eq!(visible("항구 a\"\\é"), "항구 a\"\\é");
        assert_eq!(
            visible("a\n\u{1b}\u{200b}\u{3164}\u{feff}"),
            "a\\n\\u{1b}\\u{200b}\\u{3164}\\u{feff}"
        );
    }
}
