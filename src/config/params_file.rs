//! A ROS parameter file, as far as rcl says nothing of what is wrong with it.
//!
//! rcl passes over a `ros__parameters` that is no mapping, and over every node but the one it is asked for. A file for
//! a node of another name would leave all parameters at their defaults, and nobody would be told.

use serde_yaml::Value as Yaml;

use super::one_line;

const PARAMETERS: &str = "ros__parameters";

/// Which nodes a parameter file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsFile {
    /// Fully qualified, with the wildcards `*` (one name) and `**` (any number of names).
    nodes: Vec<String>,
}

impl ParamsFile {
    /// Reads a file's text. An error is one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let yaml: Yaml = serde_yaml::from_str(text).map_err(one_line)?;
        let mut nodes = Vec::new();
        match yaml {
            // Nothing in it, or nothing but comments.
            Yaml::Null => {}
            Yaml::Mapping(_) => collect("", &yaml, &mut nodes).map_err(one_line)?,
            _ => return Err("it must map names of nodes to their parameters".to_owned()),
        }
        Ok(Self { nodes })
    }

    /// Whether there is something in it for the node of that fully qualified name.
    #[must_use]
    pub fn is_for(&self, node: &str) -> bool {
        let names: Vec<&str> = names(node).collect();
        self.nodes.iter().any(|pattern| {
            let pattern: Vec<&str> = self::names(pattern).collect();
            matches(&pattern, &names)
        })
    }

    /// The nodes that it is for, for people.
    #[must_use]
    pub fn nodes(&self) -> String {
        match &*self.nodes {
            [] => "nothing".to_owned(),
            nodes => one_line(nodes.join(", ")),
        }
    }
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// Namespaces may stand within one another or in the name of the node.
fn collect(path: &str, yaml: &Yaml, nodes: &mut Vec<String>) -> Result<(), String> {
    let shown = if path.is_empty() { "/" } else { path };
    let Yaml::Mapping(mapping) = yaml else {
        return Err(format!("{shown} has no {PARAMETERS}"));
    };
    for (key, value) in mapping {
        let Yaml::String(key) = key else {
            return Err(format!("{shown} has a name that is no text"));
        };
        if key != PARAMETERS {
            let inner = format!("{path}/{}", key.trim_matches('/'));
            collect(&inner, value, nodes)?;
        } else if matches!(value, Yaml::Mapping(_) | Yaml::Null) {
            nodes.push(path.to_owned());
        } else {
            return Err(format!("{PARAMETERS} of {shown} is no mapping"));
        }
    }
    Ok(())
}

fn matches(pattern: &[&str], names: &[&str]) -> bool {
    match (pattern, names) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=names.len()).any(|skipped| matches(rest, &names[skipped..])),
        ([first, rest @ ..], [name, names @ ..]) => {
            (*first == "*" || first == name) && matches(rest, names)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_for(text: &str, node: &str) -> bool {
        ParamsFile::parse(text).expect("valid").is_for(node)
    }

    #[test]
    fn a_file_is_for_the_nodes_it_names() {
        let of = |name: &str| format!("{name}:\n  ros__parameters:\n    host: x\n");
        for (name, own, other) in [
            ("sensr_bridge", "/sensr_bridge", "/site/sensr_bridge"),
            ("/site/sensr_bridge", "/site/sensr_bridge", "/sensr_bridge"),
            ("/*", "/sensr_bridge", "/site/sensr_bridge"),
            ("/*/sensr_bridge", "/site/sensr_bridge", "/sensr_bridge"),
            ("/**/sensr_bridge", "/a/b/sensr_bridge", "/a/b/other"),
        ] {
            assert!(is_for(&of(name), own), "{name}");
            assert!(!is_for(&of(name), other), "{name}");
        }
        for node in ["/sensr_bridge", "/a/b/c"] {
            assert!(is_for(&of("/**"), node));
        }
    }

    #[test]
    fn namespaces_may_stand_within_one_another() {
        let text = "site:\n  sensr_bridge:\n    ros__parameters: {host: x}\n  other:\n    ros__parameters: {}\n";
        assert!(is_for(text, "/site/sensr_bridge"));
        let file = ParamsFile::parse(text).expect("valid");
        assert_eq!(file.nodes(), "/site/sensr_bridge, /site/other");
        assert_eq!(
            ParamsFile::parse("# nothing\n").expect("valid").nodes(),
            "nothing"
        );
    }

    #[test]
    fn what_rcl_would_pass_over_is_an_error_of_one_line() {
        for (text, word) in [
            (
                "a: {ros__parameters: 7}",
                "ros__parameters of /a is no mapping",
            ),
            ("host: x", "/host has no ros__parameters"),
            ("[1]", "names of nodes"),
            ("7: {ros__parameters: {}}", "no text"),
            ("a: [", "line"),
        ] {
            let error = ParamsFile::parse(text).expect_err("refused");
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_shipped_file_is_for_everybody() {
        assert!(is_for(
            &super::super::yaml::defaults(),
            "/site/sensr_bridge"
        ));
    }
}
