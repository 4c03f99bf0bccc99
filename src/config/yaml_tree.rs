//! YAML as it is written: every scalar with its source text, everything with its line.
//!
//! serde's view of YAML has neither, and both are needed: a site called `08` is a text, and an error names the line.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::Deserialize as _;
use serde::de::IgnoredAny;

/// Levels within one another. More is no file that a person has written.
const MAX_DEPTH: usize = 32;
/// Keys, values and collections in one text.
const MAX_NODES: usize = 20_000;

/// A scalar, list or mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The value.
    pub content: Content,
}

/// The value of a [`Node`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A single value.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// Keys and values in the order of the text. Keys may occur several times.
    Map(Vec<(Node, Node)>),
}

/// A single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// As written, without quotes.
    pub text: String,
    /// A text whatever it looks like: in quotes or with the tag `!!str`.
    pub is_text: bool,
    /// In quotes. Nothing in quotes is an empty text, and nothing without quotes is no value.
    pub is_quoted: bool,
}

impl Scalar {
    /// Nothing is written where a value could be.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.text.is_empty() && !self.is_quoted
    }
}

/// A list or mapping whose end has not been read yet, with the line on which it begins.
enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<(Node, Node)>, Option<Node>),
}

/// The documents of a text. An error is one sentence, with the line where there is one.
pub fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
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
                Content::Scalar(Scalar {
                    text: text.into_owned(),
                    is_text: is_quoted || has_text_tag,
                    is_quoted,
                })
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(line, Vec::new()));
                if open.len() > MAX_DEPTH {
                    return Err(too_deep(line));
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(line, Vec::new(), None));
                if open.len() > MAX_DEPTH {
                    return Err(too_deep(line));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(begin, items)) => {
                    line = begin;
                    Content::List(items)
                }
                Some(Open::Map(begin, entries, _)) => {
                    line = begin;
                    Content::Map(entries)
                }
                None => continue,
            },
            Event::Alias(_) => {
                return Err(format!(
                    "line {line} refers to another place with *, which ROS does not know: write the value out"
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
        let node = Node { line, content };
        match open.last_mut() {
            None => documents.push(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }
    check_with_libyaml(text)?;
    Ok(documents)
}

/// Refuses what libyaml refuses, such as `[::1]` or a tab: rcl reads with it, and its errors name no place.
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

fn too_deep(line: usize) -> String {
    format!("line {line} is more than {MAX_DEPTH} levels deep")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn the_map(text: &str) -> Vec<(Node, Node)> {
        let documents = parse(text).expect("YAML");
        match &*documents {
            [
                Node {
                    content: Content::Map(entries),
                    ..
                },
            ] => entries.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_text_and_everything_its_line() {
        let entries = the_map("a: 08\nb: '2e1'\n\nc: !!str N\nd:\ne: ''\n");
        let scalars: Vec<_> = entries
            .iter()
            .map(|(key, value)| match &value.content {
                Content::Scalar(scalar) => {
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
    fn keys_may_come_twice_and_documents_too() {
        assert_eq!(the_map("a: 1\na: 2\n").len(), 2);
        assert_eq!(parse("---\na: 1\n---\nb: 2\n").expect("YAML").len(), 2);
        assert_eq!(parse("# nothing\n").expect("YAML").len(), 0);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, words) in [
            ("a: 1\nb: [\n", "line"),
            ("a: &x 1\nb: *x\n", "line 2 refers"),
            ("\t- a: b: c", "line 1"),
            ("\t", "line 1"),
            ("a: 1\nb: [::1]\n", "line 2"),
        ] {
            let refusal = parse(text).expect_err("refused");
            assert!(refusal.contains(words), "{refusal}");
            assert!(!refusal.contains('\n'), "{refusal}");
        }
    }

    #[test]
    fn absurd_texts_are_refused() {
        for (text, words) in [
            ("[".repeat(100), "levels deep"),
            ("{a: ".repeat(100), "levels deep"),
            ("[".repeat(100_000), "line 1"),
            ("- a\n".repeat(MAX_NODES + 1), "more than"),
        ] {
            let refusal = parse(&text).expect_err("refused");
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
