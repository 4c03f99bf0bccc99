//! Parser of a parameter file.
//!
//! Accepts and refuses the same files as rcl, but with line and cure in the error. Content that rcl accepts and
//! misinterprets (`ros__parameters2`, an empty mapping) is refused too.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::node_pattern;
use super::untyped_value::UntypedValue;
use crate::config::suggest::is_similar;
use crate::config::text_file::{self, MAX_BYTES};
use crate::config::yaml_tree::{self, YamlContent, YamlNode};

const PARAMETERS: &str = "ros__parameters";

/// The values under one `ros__parameters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The enclosing names, joined by slashes as rcl joins them.
    pub(super) name: String,
    /// Line of its beginning.
    pub(super) line: usize,
    /// Name, value and line of each parameter, in the order of the file.
    pub(super) values: Vec<(String, UntypedValue, usize)>,
}

/// Unusable parameter file.
#[derive(Debug)]
pub(super) enum ParamsFileError {
    /// Missing file, missing permission, unreachable share: it may become readable later.
    Unreadable(io::Error),
    /// Invalid content, described in one line.
    Content(String),
}

/// Reads and parses a file.
pub(super) fn read_sections(path: &Path) -> Result<Vec<Section>, ParamsFileError> {
    let metadata = path.metadata().map_err(ParamsFileError::Unreadable)?;
    if metadata.is_dir() {
        let problem = "is a folder, name the file in it".to_owned();
        return Err(ParamsFileError::Content(problem));
    }
    // rcl reads it again: a pipe would be empty by then.
    if !metadata.is_file() {
        let problem = "is not a regular file, save it as one".to_owned();
        return Err(ParamsFileError::Content(problem));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(ParamsFileError::Unreadable)?;
    // rcl would take minutes for a much larger file.
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(ParamsFileError::Unreadable)?;
    parse_sections(&bytes).map_err(ParamsFileError::Content)
}

/// Parses the content of a file.
pub(super) fn parse_sections(bytes: &[u8]) -> Result<Vec<Section>, String> {
    let text = text_file::decode_text(bytes.to_vec()).map_err(|error| error.to_string())?;
    let mut sections = Vec::new();
    for document in yaml_tree::parse_documents(&text)? {
        match &document.content {
            YamlContent::Map(entries) => read_nodes("", entries, &mut sections)?,
            YamlContent::Scalar(scalar) if scalar.is_missing() => {
                let line = document.line;
                return Err(format!(
                    "the document at line {line} is empty: leave out its ---"
                ));
            }
            YamlContent::Scalar(_) | YamlContent::List(_) => {
                return Err(format!(
                    "line {} must be the name of a node or /**, with a colon, and {PARAMETERS}: below it",
                    document.line
                ));
            }
        }
    }
    Ok(sections)
}

/// Reads names of nodes and namespaces below `path`.
fn read_nodes(
    path: &str,
    entries: &[(YamlNode, YamlNode)],
    sections: &mut Vec<Section>,
) -> Result<(), String> {
    let mut has_parameters = false;
    for (key, value) in entries {
        let (key, line) = (key_text(key)?, key.line);
        if key == PARAMETERS {
            if std::mem::replace(&mut has_parameters, true) {
                return Err(format!(
                    "line {line}: {PARAMETERS} occurs twice below {path}"
                ));
            }
            let section = read_section(path, line, value)?;
            sections.push(section);
            continue;
        }
        if key.starts_with(PARAMETERS) {
            return Err(format!(
                "line {line}: {} must be {PARAMETERS}",
                escaped(key)
            ));
        }
        match &value.content {
            YamlContent::Map(inner) => read_nodes(&join_names(path, key), inner, sections)?,
            YamlContent::Scalar(_) | YamlContent::List(_) => {
                let above = node_pattern::base_name(path);
                let misspelt = [key, above]
                    .into_iter()
                    .find(|name| is_similar(name, PARAMETERS));
                let hint = match misspelt {
                    Some(name) => format!("is {} a misspelling of it?", escaped(name)),
                    None => format!("parameters belong below a node's name and {PARAMETERS}"),
                };
                return Err(format!(
                    "line {line}: {} has no {PARAMETERS} above it, {hint}",
                    escaped(key)
                ));
            }
        }
    }
    Ok(())
}

fn read_section(path: &str, line: usize, value: &YamlNode) -> Result<Section, String> {
    if path.is_empty() {
        return Err(format!(
            "line {line}: {PARAMETERS} has no node name above it, write /**: there"
        ));
    }
    if !node_pattern::is_valid(path) {
        return Err(format!(
            "line {line}: {} is not a node name: letters, digits and _ between single slashes, * or **",
            escaped(path)
        ));
    }
    let mut section = Section {
        name: path.to_owned(),
        line,
        values: Vec::new(),
    };
    match &value.content {
        YamlContent::Map(entries) => read_parameters("", entries, &mut section.values)?,
        YamlContent::Scalar(scalar) if scalar.is_missing() => {
            return Err(format!(
                "line {line}: {PARAMETERS} of {path} has no parameters below it: write {{}} after it, or remove it"
            ));
        }
        YamlContent::Scalar(_) | YamlContent::List(_) => {
            return Err(format!(
                "line {line}: {PARAMETERS} of {path} is not a mapping: write each parameter on a line below it"
            ));
        }
    }
    Ok(section)
}

/// Reads names and values of parameters below `prefix`.
fn read_parameters(
    prefix: &str,
    entries: &[(YamlNode, YamlNode)],
    values: &mut Vec<(String, UntypedValue, usize)>,
) -> Result<(), String> {
    for (key, value) in entries {
        let (key, line) = (key_text(key)?, key.line);
        let name = if prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{prefix}.{key}")
        };
        let value = match &value.content {
            YamlContent::Map(inner) if inner.is_empty() => {
                return Err(format!(
                    "line {line}: {} is an empty mapping, remove it",
                    escaped(&name)
                ));
            }
            YamlContent::Map(inner) => {
                read_parameters(&name, inner, values)?;
                continue;
            }
            YamlContent::Scalar(scalar) if scalar.is_missing() => {
                return Err(format!(
                    "line {line}: {} has no value: write '' for an empty string, or remove the line",
                    escaped(&name)
                ));
            }
            YamlContent::Scalar(scalar) => UntypedValue::Scalar(scalar.clone()),
            YamlContent::List(items) => UntypedValue::from_list(items)?,
        };
        values.push((name, value, line));
    }
    Ok(())
}

/// Returns the text of a key.
fn key_text(key: &YamlNode) -> Result<&str, String> {
    match &key.content {
        YamlContent::Scalar(scalar) if !scalar.text.is_empty() => Ok(&scalar.text),
        _ => Err(format!(
            "line {}: a name is missing before the colon",
            key.line
        )),
    }
}

fn join_names(path: &str, name: &str) -> String {
    if path.is_empty() || path.ends_with('/') {
        format!("{path}{name}")
    } else {
        format!("{path}/{name}")
    }
}

/// Escapes invisible characters.
fn escaped(name: &str) -> String {
    name.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Vec<Section> {
        parse_sections(text.as_bytes()).expect("valid")
    }

    fn parse_error(text: &str) -> String {
        let refusal = parse_sections(text.as_bytes()).expect_err(text);
        assert!(!refusal.contains(['\n', '\r']), "{refusal:?}");
        refusal
    }

    #[test]
    fn sections_have_their_enclosing_names() {
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
    fn parameters_have_their_enclosing_names_and_lines() {
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
    fn byte_order_mark_and_several_documents_are_accepted() {
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
    fn content_without_effect_is_refused_with_its_line() {
        for (text, words) in [
            (
                "a: {ros__parameters: 7}",
                "line 1: ros__parameters of a is not a mapping",
            ),
            (
                "a:\n  ros__parameters:\n",
                "line 2: ros__parameters of a has no parameters below it",
            ),
            ("host: x", "line 1: host has no ros__parameters above it"),
            (
                "a:\n  ros_parameters: x",
                "is ros_parameters a misspelling of it?",
            ),
            (
                "a:\n  ros_parameters:\n    host: x",
                "line 3: host has no ros__parameters above it, is ros_parameters a misspelling",
            ),
            (
                "a:\n  ros__parameters2: {}",
                "ros__parameters2 must be ros__parameters",
            ),
            ("ros__parameters: {}", "no node name above it"),
            ("[1]", "must be the name of a node"),
            ("7: {ros__parameters: {}}", "7 is not a node name"),
            ("a//b: {ros__parameters: {}}", "not a node name"),
            (
                "\u{200b}a: {ros__parameters: {}}",
                "\\u{200b}a is not a node name",
            ),
            (
                "a: {ros__parameters: {}, ros__parameters: {}}",
                "occurs twice below a",
            ),
            ("a: {ros__parameters: {host: }}", "host has no value"),
            ("a: {ros__parameters: {tls: {}}}", "tls is an empty mapping"),
            ("a: {ros__parameters: {x: [1, a]}}", "one type"),
            ("a: {ros__parameters: {x: [[1]]}}", "single values only"),
            ("a: {ros__parameters: {? [1] : 2}}", "a name is missing"),
            ("---\n# nothing\n", "is empty"),
            ("a: [", "line"),
            (
                "a: &x {ros__parameters: {}}\nb: *x\n",
                "line 2 uses an alias",
            ),
        ] {
            let refusal = parse_error(text);
            assert!(refusal.contains(words), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn excessive_and_special_files_are_refused_at_once() {
        let large = format!("# {}", "x".repeat(1 << 20));
        assert!(parse_error(&large).contains("larger"));
        let wide = format!("a: {{ros__parameters: {{{}}}}}", "x: 1, ".repeat(20_000));
        assert!(parse_error(&wide).contains("more than"));
        for (path, words) in [("/dev/zero", "not a regular file"), ("/proc", "folder")] {
            let problem = read_sections(Path::new(path)).expect_err("refused");
            let ParamsFileError::Content(refusal) = problem else {
                panic!("{path}: {problem:?}");
            };
            assert!(refusal.contains(words), "{path}: {refusal}");
        }
    }

    #[test]
    fn missing_file_is_unreadable() {
        let problem = read_sections(Path::new("/no/such")).expect_err("refused");
        assert!(
            matches!(problem, ParamsFileError::Unreadable(_)),
            "{problem:?}"
        );
    }
}
