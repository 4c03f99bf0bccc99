//! Text of a known width in cells of the terminal. Korean letters take two.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;

/// Returns the number of cells that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Replaces what a terminal would not show as a letter: control characters, and anything but ASCII where it shows no
/// UTF-8. Names come from the server, and escape sequences in them must not reach the terminal.
pub(super) fn clean(text: &str, theme: Theme) -> String {
    let replace = |letter: char| {
        if letter.is_control() {
            ' '
        } else if theme.unicode || letter.is_ascii() {
            letter
        } else {
            '?'
        }
    };
    text.chars().map(replace).collect()
}

/// Cuts a text to a width, with an ellipsis in place of the rest.
pub(super) fn cut(text: &str, max_width: usize, theme: Theme) -> String {
    if width(text) <= max_width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    let span = Span::raw(text);
    for grapheme in span.styled_graphemes(Style::new()) {
        used += width(grapheme.symbol);
        if used > max_width {
            break;
        }
        kept.push_str(grapheme.symbol);
    }
    if max_width > 0 {
        kept.push_str(theme.ellipsis());
    }
    kept
}

/// Cuts or fills a text to exactly this width.
pub(super) fn pad(text: &str, exact_width: usize, theme: Theme) -> String {
    let mut padded = cut(text, exact_width, theme);
    let missing = exact_width.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

/// Fills a text to exactly this width, or cuts it at its beginning, for names that differ at their ends.
pub(super) fn pad_end_of(text: &str, exact_width: usize, theme: Theme) -> String {
    let surplus = (width(text) + 1).saturating_sub(exact_width);
    if surplus <= 1 {
        return pad(text, exact_width, theme);
    }
    let mut skipped = 0;
    let mut kept = theme.ellipsis().to_owned();
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        if skipped >= surplus {
            kept.push_str(grapheme.symbol);
        } else {
            skipped += width(grapheme.symbol);
        }
    }
    pad(&kept, exact_width, theme)
}

/// Cuts or fills a text to exactly this width, with the text at the right.
pub(super) fn pad_left(text: &str, exact_width: usize, theme: Theme) -> String {
    let text = cut(text, exact_width, theme);
    let missing = exact_width.saturating_sub(width(&text));
    let mut padded = " ".repeat(missing);
    padded.push_str(&text);
    padded
}

/// Breaks a text into lines at spaces, or anywhere in a word that is longer than a line.
pub(super) fn wrap(text: &str, max_width: usize, theme: Theme) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let word_width = width(word);
        if used > 0 && used + 1 + word_width <= max_width {
            used += 1 + word_width;
            if let Some(line) = lines.last_mut() {
                line.push(' ');
                line.push_str(word);
            }
            continue;
        }
        if used > 0 {
            lines.push(String::new());
        }
        used = 0;
        for grapheme in Span::raw(word).styled_graphemes(Style::new()) {
            let cells = width(grapheme.symbol);
            if used > 0 && used + cells > max_width {
                lines.push(String::new());
                used = 0;
            }
            used += cells;
            if let Some(line) = lines.last_mut() {
                line.push_str(&clean(grapheme.symbol, theme));
            }
        }
    }
    lines
}

/// Cuts a line of several styles to a width.
pub(super) fn fit(spans: Vec<Span<'static>>, max_width: usize, theme: Theme) -> Line<'static> {
    let mut used = 0;
    let mut kept = Vec::with_capacity(spans.len());
    for span in spans {
        let left = max_width - used;
        let span_width = span.width();
        if span_width > left {
            kept.push(Span::styled(cut(&span.content, left, theme), span.style));
            break;
        }
        used += span_width;
        kept.push(span);
    }
    Line::from(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEME: Theme = Theme {
        colors: true,
        unicode: true,
    };

    #[test]
    fn korean_names_are_cut_and_filled_by_their_width_on_the_screen() {
        assert_eq!(width("삼양 라이다"), 11);
        assert_eq!(cut("삼양 라이다", 8, THEME), "삼양 라…");
        assert_eq!(cut("삼양 라이다", 7, THEME), "삼양 …");
        assert_eq!(pad("삼양", 6, THEME), "삼양  ");
        assert_eq!(pad("삼양공장", 6, THEME), "삼양… ");
        assert_eq!(pad_left("12", 5, THEME), "   12");
        assert_eq!(cut("abc", 0, THEME), "");
        assert_eq!(pad_end_of("삼양공장", 6, THEME), "…공장 ");
        assert_eq!(pad_end_of("points/raw/a_b", 14, THEME), "points/raw/a_b");
        assert_eq!(pad_end_of("points/raw/a_b", 15, THEME), "points/raw/a_b ");
        assert_eq!(pad_end_of("points/raw/a_b", 13, THEME), "…ints/raw/a_b");
        assert_eq!(pad_end_of("abc", 0, THEME), "");
    }

    #[test]
    fn text_is_wrapped_at_spaces_and_long_words_anywhere() {
        assert_eq!(
            wrap("connection refused by 192.0.2.10", 12, THEME),
            ["connection", "refused by", "192.0.2.10"]
        );
        assert_eq!(wrap("삼양라이다", 5, THEME), ["삼양", "라이", "다"]);
        assert_eq!(wrap("", 5, THEME), [""]);
    }

    #[test]
    fn escape_sequences_and_foreign_letters_do_not_reach_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\n", THEME), "a [2Jb ");
        let ascii = Theme {
            unicode: false,
            ..THEME
        };
        assert_eq!(clean("node 삼양", ascii), "node ??");
    }

    #[test]
    fn a_line_is_cut_where_the_screen_ends() {
        let line = fit(vec![Span::raw("abc"), Span::raw("defgh")], 6, THEME);
        assert_eq!(line.to_string(), "abcde…");
        let line = fit(vec![Span::raw("abc"), Span::raw("de")], 3, THEME);
        assert_eq!(line.to_string(), "ab…".replace("b…", "bc"));
    }
}
