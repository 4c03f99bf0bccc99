//! Faults in a file.

use super::TimedFault;
use super::parse::FaultError;

/// A line of a script that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: FaultError,
}

/// One fault a line, in any order; what follows a `#` is a comment.
pub fn parse_script(text: &str) -> Result<Vec<TimedFault>, ScriptError> {
    let lines = text.lines().zip(1..);
    let bare = lines.map(|(text, line)| (text.split('#').next().unwrap_or("").trim(), line));
    let meant = bare.filter(|(text, _)| !text.is_empty());
    meant
        .map(|(text, line)| {
            let parsed = text.parse();
            parsed.map_err(|source| ScriptError { line, source })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_left_out() {
        let script = "# a bad day\n\nat 2 cut points # in the middle\n   \nstall\n";
        let faults = parse_script(script).expect("allowed");
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["at 2 cut points", "at 0 stall both"]);
    }

    #[test]
    fn an_error_names_its_line() {
        let error = parse_script("cut\n# cut\nat x cut\n").expect_err("x is no number");
        assert!(error.to_string().starts_with("line 3: at x"), "{error}");
    }
}
