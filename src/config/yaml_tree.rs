//! YAML as a tree: scalars with their source text, all nodes with their line.
//!
//! serde provides neither, and both are needed: a site called `08` is a string, and errors name the line.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::Deserialize as _;
use serde::de::IgnoredAny;

/// Largest accepted nesting. Files written by people are far below.
const MAX_DEPTH: usize = 32;
/// Largest accepted number of keys, values and collections.
const MAX_NODES: usize = 20_000;

/// A scalar, list or mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlNode {
    /// Line of its beginning, from 1.
    pub line: usize,
    /// The value.
    pub content: YamlContent,
}

/// The value of a [`YamlNode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlContent {
    /// A single value.
    Scalar(YamlScalar),
    /// A sequence.
    List(Vec<YamlNode>),
    /// Keys and values in the order of the text. Keys may be duplicate.
    Map(Vec<(YamlNode, YamlNode)>),
}

/// A single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlScalar {
    /// Text as written, without quotes.
    pub text: String,
    /// A string regardless of its text: quoted, or with the tag `!!str`.
    pub is_text: bool,
    /// Quoted. Empty quotes are an empty string, while an empty plain scalar is a missing value.
    pub is_quoted: bool,
}

impl YamlScalar {
    /// Returns whether there is no value.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.text.is_empty() && !self.is_quoted
    }
}

/// A list or mapping whose end has not been read yet, with the line of its beginning.
enum OpenCollection {
    List(usize, Vec<YamlNode>),
    Map(usize, Vec<(YamlNode, YamlNode)>, Option<YamlNode>),
}

/// Parses the documents of a text. The error is one sentence, with the line if it is known.
pub fn parse_documents(text: &str) -> Result<Vec<YamlNode>, String> {
    let mut documents = Vec::new();
    let mut open: Vec<OpenCollection> = Vec::new();
    let mut count = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let (line, problem) = (error.marker().line(), error.info());
            format!(
                "line {line} is not YAML: {}",
                super::escape::escape_invisible(problem)
            )
        })?;
        let mut line = span.start.line();
        let content = match event {
            Event::Scalar(text, style, _, tag) => {
                let is_quoted =
                    matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
                let has_text_tag =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                YamlContent::Scalar(YamlScalar {
                    text: text.into_owned(),
                    is_text: is_quoted || has_text_tag,
                    is_quoted,
                })
            }
            Event::SequenceStart(..) => {
                open.push(OpenCollection::List(line, Vec::new()));
                if open.len() > MAX_DEPTH {
                    return Err(too_deep_error(line));
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push(OpenCollection::Map(line, Vec::new(), None));
                if open.len() > MAX_DEPTH {
                    return Err(too_deep_error(line));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(OpenCollection::List(begin, items)) => {
                    line = begin;
                    YamlContent::List(items)
                }
                Some(OpenCollection::Map(begin, entries, _)) => {
                    line = begin;
                    YamlContent::Map(entries)
                }
                None => continue,
            },
            Event::Alias(_) => {
                return Err(format!(
                    "line {line} uses an alias (*), which ROS does not support: write the value out"
                ));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        count += 1;
        if count > MAX_NODES {
            return Err(format!(
                "line {line}: more than {MAX_NODES} keys and values"
            ));
        }
        let node = YamlNode { line, content };
        match open.last_mut() {
            None => documents.push(node),
            Some(OpenCollection::List(_, items)) => items.push(node),
            Some(OpenCollection::Map(_, entries, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }
    check_with_libyaml(text)?;
    Ok(documents)
}

/// Refuses what libyaml refuses, such as `[::1]` or a tab: rcl uses libyaml, and its errors name no line.
fn check_with_libyaml(text: &str) -> Result<(), String> {
    for document in serde_yaml::Deserializer::from_str(text) {
        IgnoredAny::deserialize(document).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            format!(
                "line {line} is not YAML: {}",
                super::escape::escape_invisible(error)
            )
        })?;
    }
    Ok(())
}

fn too_deep_error(line: usize) -> String {
    format!("line {line} is more than {MAX_DEPTH} levels deep")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_map(text: &str) -> Vec<(YamlNode, YamlNode)> {
        let documents = parse_documents(text).expect("YAML");
        match &*documents {
            [
                YamlNode {
                    content: YamlContent::Map(entries),
                    ..
                },
            ] => entries.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_text_and_nodes_their_line() {
        let entries = parse_map("a: 08\nb: '2e1'\n\nc: !!str N\nd:\ne: ''\n");
        let scalars: Vec<_> = entries
            .iter()
            .map(|(key, value)| match &value.content {
                YamlContent::Scalar(scalar) => {
                    (key.line, &*scalar.text, scalar.is_text, scalar.is_missing())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            scalars,
            [
                (1, "08", false, false),
                (2, "2e1", true, false),
                (4, "N", true, false),
                (5, "", false, true),
                (6, "", true, false),
            ]
        );
    }

    #[test]
    fn duplicate_keys_and_several_documents_are_accepted() {
        assert_eq!(parse_map("a: 1\na: 2\n").len(), 2);
        assert_eq!(
            parse_documents("---\na: 1\n---\nb: 2\n")
                .expect("YAML")
                .len(),
            2
        );
        assert_eq!(parse_documents("# nothing\n").expect("YAML").len(), 0);
    }

    #[test]
    fn invalid_yaml_is_refused_with_its_line() {
        for (text, words) in [
            ("a: 1\nb: [\n", "line"),
            ("a: &x 1\nb: *x\n", "line 2 uses an alias"),
            ("\t- a: b: c", "line 1"),
            ("\t", "line 1"),
            ("a: 1\nb: [::1]\n", "line 2"),
        ] {
            let refusal = parse_documents(text).expect_err("refused");
            assert!(refusal.contains(words), "{refusal}");
            assert!(!refusal.contains('\n'), "{refusal}");
        }
    }

    #[test]
    fn excessive_nesting_and_size_are_refused() {
        for (text, words) in [
            ("[".repeat(100), "levels deep"),
            ("{a: ".repeat(100), "levels deep"),
            ("[".repeat(100_000), "line 1"),
            ("- a\n".repeat(MAX_NODES + 1), "more than"),
        ] {
            let refusal = parse_documents(&text).expect_err("refused");
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
