//! Fault scripts.

use super::TimedFault;
use super::parse::FaultError;

/// Error of a line of a fault script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct ScriptError {
    /// Line number, from 1.
    pub line: usize,
    /// Parse error of the line.
    pub source: FaultError,
}

/// Parses one fault per line, in any order; `#` begins a comment.
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
    fn comments_and_empty_lines_are_ignored() {
        let script = "# a bad day\n\nat 2 cut points # in the middle\n   \nstall\n";
        let faults = parse_script(script).expect("allowed");
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["at 2 cut points", "at 0 stall both"]);
    }

    #[test]
    fn error_names_its_line() {
        let error = parse_script("cut\n# cut\nat x cut\n").expect_err("x is no number");
        assert!(error.to_string().starts_with("line 3: at x"), "{error}");
    }
}
