//! Names of nodes with wildcards, as sections of parameter files have them.

/// Matches a section's name with a fully qualified name, as rclcpp does: `*` stands for one name, `**` for any number
/// of them, and a name without a slash in front is in the root namespace.
pub(super) fn matches(section: &str, node: &str) -> bool {
    let names: Vec<&str> = parts(node).collect();
    // reachable[n]: what has been read of the section matches the first n names.
    let mut reachable = vec![false; names.len() + 1];
    reachable[0] = true;
    for part in parts(section) {
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

/// The last part: the name without the namespace.
pub(super) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A name that rcl takes: parts of letters, digits and underscores that do not begin with a digit, or wildcards, with
/// one slash between them.
pub(super) fn is_valid(name: &str) -> bool {
    name.strip_prefix('/')
        .unwrap_or(name)
        .split('/')
        .all(|part| part == "*" || part == "**" || is_word(part))
}

/// Letters, digits and underscores, not a digit first.
pub(super) fn is_word(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && part
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_those_of_rclcpp() {
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
            assert_eq!(matches(section, node), expected, "{section} {node}");
        }
    }

    #[test]
    fn a_name_of_many_wildcards_costs_no_time() {
        let section = "/**/*".repeat(100_000);
        assert!(!matches(&section, "/a/b/c/d/e/f/g/h"));
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
