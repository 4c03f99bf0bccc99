//! The sections of one parameter file.
//!
//! Reads what rcl reads, and refuses what rcl refuses, but with the line and the cure. What rcl takes and misunderstands
//! (`ros__parameters2`, a mapping with nothing in it) is refused too.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::given::Given;
use super::node_pattern;
use crate::config::suggest::is_similar;
use crate::config::text_file::{self, MAX_BYTES};
use crate::config::yaml_tree::{self, Content, Node};

const PARAMETERS: &str = "ros__parameters";

/// The values under one `ros__parameters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The names above it, joined by slashes as rcl joins them.
    pub(super) name: String,
    /// The line where it begins.
    pub(super) line: usize,
    /// In the order of the file.
    pub(super) values: Vec<(String, Given, usize)>,
}

/// Problem with a file, in one line.
#[derive(Debug)]
pub(super) enum Problem {
    /// Missing, not permitted, on a share that is away: it may become readable by itself.
    Unreadable(io::Error),
    /// Nothing that changes by itself.
    Content(String),
}

/// Reads a file from disk.
pub(super) fn read(path: &Path) -> Result<Vec<Section>, Problem> {
    let metadata = path.metadata().map_err(Problem::Unreadable)?;
    if metadata.is_dir() {
        let problem = "is a folder, name the file in it".to_owned();
        return Err(Problem::Content(problem));
    }
    // rcl reads it once more: a pipe would be empty then.
    if !metadata.is_file() {
        let problem = "is no regular file, save it as one".to_owned();
        return Err(Problem::Content(problem));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Problem::Unreadable)?;
    // rcl would take minutes for a file that is much larger.
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(Problem::Unreadable)?;
    parse(&bytes).map_err(Problem::Content)
}

/// Reads the bytes of a file.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Section>, String> {
    let text = text_file::decode(bytes.to_vec()).map_err(|error| error.to_string())?;
    let mut sections = Vec::new();
    for document in yaml_tree::parse(&text)? {
        match &document.content {
            Content::Map(entries) => read_nodes("", entries, &mut sections)?,
            Content::Scalar(scalar) if scalar.is_missing() => {
                let line = document.line;
                return Err(format!(
                    "the document at line {line} is empty: leave out its ---"
                ));
            }
            Content::Scalar(_) | Content::List(_) => {
                return Err(format!(
                    "line {} must be the name of a node or /**, with a colon, and {PARAMETERS}: below it",
                    document.line
                ));
            }
        }
    }
    Ok(sections)
}

/// Reads the names of nodes and namespaces. `path` is those above.
fn read_nodes(
    path: &str,
    entries: &[(Node, Node)],
    sections: &mut Vec<Section>,
) -> Result<(), String> {
    let mut has_parameters = false;
    for (key, value) in entries {
        let (key, line) = (name(key)?, key.line);
        if key == PARAMETERS {
            if std::mem::replace(&mut has_parameters, true) {
                return Err(format!(
                    "line {line}: {PARAMETERS} stands twice below {path}"
                ));
            }
            let section = read_section(path, line, value)?;
            sections.push(section);
            continue;
        }
        if key.starts_with(PARAMETERS) {
            return Err(format!("line {line}: {} must be {PARAMETERS}", shown(key)));
        }
        match &value.content {
            Content::Map(inner) => read_nodes(&join(path, key), inner, sections)?,
            Content::Scalar(_) | Content::List(_) => {
                let above = node_pattern::base_name(path);
                let slip = [key, above]
                    .into_iter()
                    .find(|name| is_similar(name, PARAMETERS));
                let hint = match slip {
                    Some(slip) => format!("is {} meant to be that?", shown(slip)),
                    None => format!("parameters stand below a node's name and {PARAMETERS}"),
                };
                return Err(format!(
                    "line {line}: {} has no {PARAMETERS} above it, {hint}",
                    shown(key)
                ));
            }
        }
    }
    Ok(())
}

fn read_section(path: &str, line: usize, value: &Node) -> Result<Section, String> {
    if path.is_empty() {
        return Err(format!(
            "line {line}: {PARAMETERS} has no name of a node above it, write /**: there"
        ));
    }
    if !node_pattern::is_valid(path) {
        return Err(format!(
            "line {line}: {} is no name of a node: letters, digits and _ between single slashes, * or **",
            shown(path)
        ));
    }
    let mut section = Section {
        name: path.to_owned(),
        line,
        values: Vec::new(),
    };
    match &value.content {
        Content::Map(entries) => read_parameters("", entries, &mut section.values)?,
        Content::Scalar(scalar) if scalar.is_missing() => {
            return Err(format!(
                "line {line}: {PARAMETERS} of {path} has nothing below it: write {{}} behind it, or remove it"
            ));
        }
        Content::Scalar(_) | Content::List(_) => {
            return Err(format!(
                "line {line}: {PARAMETERS} of {path} is no mapping: write each parameter on a line below it"
            ));
        }
    }
    Ok(section)
}

/// Reads names of parameters, with those above them in `prefix`, and their values.
fn read_parameters(
    prefix: &str,
    entries: &[(Node, Node)],
    values: &mut Vec<(String, Given, usize)>,
) -> Result<(), String> {
    for (key, value) in entries {
        let (key, line) = (name(key)?, key.line);
        let name = if prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{prefix}.{key}")
        };
        let given = match &value.content {
            Content::Map(inner) if inner.is_empty() => {
                return Err(format!(
                    "line {line}: {} has nothing in it, remove it",
                    shown(&name)
                ));
            }
            Content::Map(inner) => {
                read_parameters(&name, inner, values)?;
                continue;
            }
            Content::Scalar(scalar) if scalar.is_missing() => {
                return Err(format!(
                    "line {line}: {} has no value: write '' for an empty text, or remove the line",
                    shown(&name)
                ));
            }
            Content::Scalar(scalar) => Given::Scalar(scalar.clone()),
            Content::List(items) => Given::list(items)?,
        };
        values.push((name, given, line));
    }
    Ok(())
}

/// The text of a key.
fn name(key: &Node) -> Result<&str, String> {
    match &key.content {
        Content::Scalar(scalar) if !scalar.text.is_empty() => Ok(&scalar.text),
        _ => Err(format!(
            "line {}: a name is missing before the colon",
            key.line
        )),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() || path.ends_with('/') {
        format!("{path}{name}")
    } else {
        format!("{path}/{name}")
    }
}

/// With whatever cannot be seen made visible.
fn shown(name: &str) -> String {
    name.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Vec<Section> {
        parse(text.as_bytes()).expect("valid")
    }

    fn refusal(text: &str) -> String {
        let refusal = parse(text.as_bytes()).expect_err(text);
        assert!(!refusal.contains(['\n', '\r']), "{refusal:?}");
        refusal
    }

    #[test]
    fn sections_have_the_names_above_them() {
        let text = "site:\n  sensr_bridge:\n    ros__parameters: {host: x}\n  other:\n    ros__parameters: {}\n\
                    /**:\n  ros__parameters: {host: y}\n/**: {ros__parameters: {host: z}}\n";
        let found: Vec<_> = sections(text)
            .iter()
            .map(|section| (section.name.clone(), section.line, section.values.len()))
            .collect();
        assert_eq!(
            found,
            [
                ("site/sensr_bridge".to_owned(), 3, 1),
                ("site/other".to_owned(), 5, 0),
                ("/**".to_owned(), 7, 1),
                ("/**".to_owned(), 8, 1),
            ]
        );
    }

    #[test]
    fn parameters_have_the_names_above_them_and_their_lines() {
        let text = "a:\n  ros__parameters:\n    tls: {enabled: true}\n    tls.ca_file: x\n    publish:\n      raw: no\n";
        let names: Vec<_> = sections(text)
            .iter()
            .flat_map(|section| &section.values)
            .map(|(name, _, line)| (name.clone(), *line))
            .collect();
        assert_eq!(
            names,
            [
                ("tls.enabled".to_owned(), 3),
                ("tls.ca_file".to_owned(), 4),
                ("publish.raw".to_owned(), 6),
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_and_several_documents_are_taken() {
        let section = "ros__parameters: {host: x}";
        for text in [
            format!("\u{feff}---\na: {{{section}}}\n"),
            format!("\u{feff}a: {{{section}}}\r\nb: {{{section}}}\r\n"),
            format!("a: {{{section}}}\n---\nb: {{{section}}}\n"),
            "# nothing\n".to_owned(),
            String::new(),
        ] {
            let count = text.matches("ros__").count();
            assert_eq!(sections(&text).len(), count, "{text:?}");
        }
    }

    #[test]
    fn what_has_no_effect_is_refused_with_its_line() {
        for (text, words) in [
            (
                "a: {ros__parameters: 7}",
                "line 1: ros__parameters of a is no mapping",
            ),
            (
                "a:\n  ros__parameters:\n",
                "line 2: ros__parameters of a has nothing below it",
            ),
            ("host: x", "line 1: host has no ros__parameters above it"),
            (
                "a:\n  ros_parameters: x",
                "is ros_parameters meant to be that?",
            ),
            (
                "a:\n  ros_parameters:\n    host: x",
                "line 3: host has no ros__parameters above it, is ros_parameters meant",
            ),
            (
                "a:\n  ros__parameters2: {}",
                "ros__parameters2 must be ros__parameters",
            ),
            ("ros__parameters: {}", "no name of a node above it"),
            ("[1]", "must be the name of a node"),
            ("7: {ros__parameters: {}}", "7 is no name of a node"),
            ("a//b: {ros__parameters: {}}", "no name of a node"),
            ("\u{200b}a: {ros__parameters: {}}", "\\u{200b}a is no name"),
            (
                "a: {ros__parameters: {}, ros__parameters: {}}",
                "stands twice below a",
            ),
            ("a: {ros__parameters: {host: }}", "host has no value"),
            ("a: {ros__parameters: {tls: {}}}", "tls has nothing in it"),
            ("a: {ros__parameters: {x: [1, a]}}", "one type"),
            ("a: {ros__parameters: {x: [[1]]}}", "single values only"),
            ("a: {ros__parameters: {? [1] : 2}}", "a name is missing"),
            ("---\n# nothing\n", "is empty"),
            ("a: [", "line"),
            ("a: &x {ros__parameters: {}}\nb: *x\n", "line 2 refers"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(words), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn absurd_files_are_refused_at_once() {
        let large = format!("# {}", "x".repeat(1 << 20));
        assert!(refusal(&large).contains("larger"));
        let wide = format!("a: {{ros__parameters: {{{}}}}}", "x: 1, ".repeat(20_000));
        assert!(refusal(&wide).contains("more than"));
        for (path, words) in [("/dev/zero", "no regular file"), ("/proc", "folder")] {
            let problem = read(Path::new(path)).expect_err("refused");
            let Problem::Content(refusal) = problem else {
                panic!("{path}: {problem:?}");
            };
            assert!(refusal.contains(words), "{path}: {refusal}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_may_come() {
        let problem = read(Path::new("/no/such")).expect_err("refused");
        assert!(matches!(problem, Problem::Unreadable(_)), "{problem:?}");
    }
}
