//! Natural order of file names: numbers in them compare by value, so that `2.pcd` precedes `10.pcd`.

/// Run of digits or of other characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    /// Digits without leading zeros, compared by length and then digit by digit, which is by value.
    Number(usize, String),
    Text(String),
}

/// Sort key of a name. Names that differ only in leading zeros are ordered as plain text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NaturalKey {
    runs: Vec<Run>,
    name: String,
}

impl NaturalKey {
    /// Returns the key of a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let characters: Vec<char> = name.chars().collect();
        let runs = characters.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        let run = |run: &[char]| {
            let text: String = run.iter().collect();
            if run.first().is_some_and(char::is_ascii_digit) {
                let digits = text.trim_start_matches('0');
                Run::Number(digits.len(), digits.to_owned())
            } else {
                Run::Text(text)
            }
        };
        Self {
            runs: runs.map(run).collect(),
            name: name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&'static str]) -> Vec<&'static str> {
        let mut names = names.to_vec();
        names.sort_by_cached_key(|name| NaturalKey::new(name));
        names
    }

    #[test]
    fn numbers_compare_by_value() {
        let names = ["12.pcd", "1.pcd", "2.pcd", "10.pcd", "11.pcd"];
        assert_eq!(
            sorted(&names),
            ["1.pcd", "2.pcd", "10.pcd", "11.pcd", "12.pcd"]
        );
        let names = ["scan_9_b", "scan_10_a", "scan_9_a"];
        assert_eq!(sorted(&names), ["scan_9_a", "scan_9_b", "scan_10_a"]);
    }

    #[test]
    fn numbers_of_any_length_compare_by_value() {
        let names = ["99999999999999999999999", "100000000000000000000000"];
        assert_eq!(sorted(&names), names);
    }

    #[test]
    fn leading_zeros_decide_only_between_names_that_are_otherwise_equal() {
        assert_eq!(sorted(&["007", "7", "08", "6"]), ["6", "007", "7", "08"]);
        assert_eq!(sorted(&["라이다10", "라이다9"]), ["라이다9", "라이다10"]);
    }
}
