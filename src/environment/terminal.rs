//! Terminal of the process, as its environment describes it, and texts that are safe on it.

/// Returns whether the environment wants colors: `NO_COLOR` is not set (<https://no-color.org>), and the terminal is not a
/// dumb one. `variable` returns the value of a variable.
pub fn wants_colors(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && variable("TERM").is_none_or(|term| term != "dumb")
}

/// Replaces control characters: names and texts of a server must not change the terminal, nor begin a line.
#[must_use]
pub fn printable(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced_one_by_one() {
        assert_eq!(printable("\x1b[2J\n항구"), "\u{fffd}[2J\u{fffd}항구");
    }
}
