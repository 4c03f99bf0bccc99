//! Node names with wildcards, the names of sections in parameter files.

/// Returns whether a section applies to a fully qualified node name, as in rclcpp: `*` matches one name, `**` any number
/// of them, and a section without a leading slash is in the root namespace.
pub(super) fn matches_node(section: &str, node: &str) -> bool {
    let names: Vec<&str> = name_parts(node).collect();
    // reachable[n]: the parts of the section so far match the first n names.
    let mut reachable = vec![false; names.len() + 1];
    reachable[0] = true;
    for part in name_parts(section) {
        if part == "**" {
            if let Some(first) = reachable.iter().position(|&is_reachable| is_reachable) {
                reachable[first..].fill(true);
            }
        } else {
            for end in (1..=names.len()).rev() {
                reachable[end] = reachable[end - 1] && (part == "*" || part == names[end - 1]);
            }
            reachable[0] = false;
        }
    }
    reachable[names.len()]
}

/// Returns the name without its namespace.
pub(super) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Returns whether rcl accepts a section's name: words or wildcards, separated by single slashes.
pub(super) fn is_valid(name: &str) -> bool {
    name.strip_prefix('/')
        .unwrap_or(name)
        .split('/')
        .all(|part| part == "*" || part == "**" || is_word(part))
}

/// Returns whether a part consists of letters, digits and underscores and does not begin with a digit.
pub(super) fn is_word(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && part
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn name_parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_rclcpp() {
        for (section, node, expected) in [
            ("sensr_bridge", "/sensr_bridge", true),
            ("sensr_bridge", "/site/sensr_bridge", false),
            ("/site/sensr_bridge", "/site/sensr_bridge", true),
            ("site/sensr_bridge", "/site/sensr_bridge", true),
            ("/**", "/sensr_bridge", true),
            ("**", "/a/b/sensr_bridge", true),
            ("/*", "/sensr_bridge", true),
            ("/*", "/site/sensr_bridge", false),
            ("/*/sensr_bridge", "/site/sensr_bridge", true),
            ("/*/sensr_bridge", "/sensr_bridge", false),
            ("/site/*", "/site/sensr_bridge", true),
            ("/site/*", "/sensr_bridge", false),
            ("/site/**", "/site/sensr_bridge", true),
            ("/site/**", "/yard/sensr_bridge", false),
            ("/**/sensr_bridge", "/sensr_bridge", true),
            ("/**/sensr_bridge", "/a/b/sensr_bridge", true),
            ("/**/sensr_bridge", "/a/b/other", false),
            ("/**/b/**", "/a/b/c", true),
            ("/**/b/*", "/a/b", false),
        ] {
            assert_eq!(matches_node(section, node), expected, "{section} {node}");
        }
    }

    #[test]
    fn many_wildcards_match_in_linear_time() {
        let section = "/**/*".repeat(100_000);
        assert!(!matches_node(&section, "/a/b/c/d/e/f/g/h"));
    }

    #[test]
    fn names_are_valid_as_in_rcl() {
        for name in ["/**", "a", "/a/b_1", "a/*/c", "_a"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "/", "//a", "a/", "7", "/a b", "/*b", "a//b", "부두"] {
            assert!(!is_valid(name), "{name}");
        }
    }
}
