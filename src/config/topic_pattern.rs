//! Names of topics with `*` for any part of a name.

/// Returns the patterns in a list that is separated by commas or blanks.
pub(super) fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|pattern| !pattern.is_empty())
}

/// Returns whether a ROS topic can have a name of that pattern, absolute or relative.
pub(super) fn is_valid(pattern: &str) -> bool {
    let name = pattern.strip_prefix('/').unwrap_or(pattern);
    name.split('/').all(is_valid_part)
}

fn is_valid_part(part: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '*';
    !part.is_empty()
        && part.chars().all(is_allowed)
        && !part.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_separated_by_commas_and_blanks() {
        let patterns: Vec<&str> = split(" points/raw,objects\n/rosout,, ").collect();
        assert_eq!(patterns, ["points/raw", "objects", "/rosout"]);
        assert_eq!(split(" , ").count(), 0);
    }

    #[test]
    fn only_names_that_a_topic_can_have_are_valid() {
        for pattern in [
            "objects",
            "/rosout",
            "points/*",
            "*",
            "/*/points/raw_2",
            "zone*_x",
        ] {
            assert!(is_valid(pattern), "{pattern}");
        }
        for pattern in [
            "", "/", "a//b", "a/", "//a", "a.b", "9lives", "a/1", "(x|y)", "~/a", "a-b", "객체",
        ] {
            assert!(!is_valid(pattern), "{pattern}");
        }
    }
}
