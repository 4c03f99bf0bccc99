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

/// Reads and parses a file. Returns what can be used of it, and all its mistakes in the order of the text.
pub(super) fn read_sections(path: &Path) -> (Vec<Section>, Vec<ParamsFileError>) {
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let (sections, mistakes) = parse_sections(&bytes);
    let mistakes = mistakes.into_iter().map(ParamsFileError::Content);
    (sections, mistakes.collect())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, ParamsFileError> {
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
    Ok(bytes)
}

/// Parses the content of a file. Returns what can be used of it, and all its mistakes in the order of the text.
pub(super) fn parse_sections(bytes: &[u8]) -> (Vec<Section>, Vec<String>) {
    let documents = text_file::decode_text(bytes.to_vec())
        .map_err(|error| error.to_string())
        .and_then(|text| yaml_tree::parse_documents(&text));
    let mut reader = SectionReader::default();
    match documents {
        Ok(documents) => reader.read_documents(&documents),
        Err(mistake) => reader.mistakes.push(mistake),
    }
    (reader.sections, reader.mistakes)
}

/// Reader of the tree of a file.
#[derive(Default)]
struct SectionReader {
    sections: Vec<Section>,
    mistakes: Vec<String>,
}

impl SectionReader {
    fn read_documents(&mut self, documents: &[YamlNode]) {
        for document in documents {
            let line = document.line;
            match &document.content {
                YamlContent::Map(entries) => self.read_nodes("", entries),
                YamlContent::Scalar(scalar) if scalar.is_missing() => self.mistakes.push(format!(
                    "the document at line {line} is empty: leave out its ---"
                )),
                YamlContent::Scalar(_) | YamlContent::List(_) => self.mistakes.push(format!(
                    "line {line} must be the name of a node or /**, with a colon, and {PARAMETERS}: below it"
                )),
            }
        }
    }

    /// Reads names of nodes and namespaces below `path`.
    fn read_nodes(&mut self, path: &str, entries: &[(YamlNode, YamlNode)]) {
        let mut has_parameters = false;
        for (key, value) in entries {
            let line = key.line;
            let Some(key) = self.key_text(key) else {
                continue;
            };
            if key == PARAMETERS {
                if std::mem::replace(&mut has_parameters, true) {
                    self.mistakes.push(format!(
                        "line {line}: {PARAMETERS} occurs twice below {path}"
                    ));
                } else {
                    self.read_section(path, line, value);
                }
                continue;
            }
            if key.starts_with(PARAMETERS) {
                let key = escaped(key);
                self.mistakes
                    .push(format!("line {line}: {key} must be {PARAMETERS}"));
                continue;
            }
            match &value.content {
                YamlContent::Map(inner) => self.read_nodes(&join_names(path, key), inner),
                YamlContent::Scalar(_) | YamlContent::List(_) => {
                    let above = node_pattern::base_name(path);
                    let misspelt = [key, above]
                        .into_iter()
                        .find(|name| is_similar(name, PARAMETERS));
                    let hint = match misspelt {
                        Some(name) => format!("is {} a misspelling of it?", escaped(name)),
                        None => format!("parameters belong below a node's name and {PARAMETERS}"),
                    };
                    self.mistakes.push(format!(
                        "line {line}: {} has no {PARAMETERS} above it, {hint}",
                        escaped(key)
                    ));
                }
            }
        }
    }

    fn read_section(&mut self, path: &str, line: usize, value: &YamlNode) {
        if path.is_empty() {
            self.mistakes.push(format!(
                "line {line}: {PARAMETERS} has no node name above it, write /**: there"
            ));
            return;
        }
        if !node_pattern::is_valid(path) {
            self.mistakes.push(format!(
                "line {line}: {} is not a node name: letters, digits and _ between single slashes, * or **",
                escaped(path)
            ));
            return;
        }
        let mut section = Section {
            name: path.to_owned(),
            line,
            values: Vec::new(),
        };
        match &value.content {
            YamlContent::Map(entries) => self.read_parameters("", entries, &mut section.values),
            YamlContent::Scalar(scalar) if scalar.is_missing() => self.mistakes.push(format!(
                "line {line}: {PARAMETERS} of {path} has no parameters below it: write {{}} after it, or remove it"
            )),
            YamlContent::Scalar(_) | YamlContent::List(_) => self.mistakes.push(format!(
                "line {line}: {PARAMETERS} of {path} is not a mapping: write each parameter on a line below it"
            )),
        }
        self.sections.push(section);
    }

    /// Reads names and values of parameters below `prefix`.
    fn read_parameters(
        &mut self,
        prefix: &str,
        entries: &[(YamlNode, YamlNode)],
        values: &mut Vec<(String, UntypedValue, usize)>,
    ) {
        for (key, value) in entries {
            let line = key.line;
            let Some(key) = self.key_text(key) else {
                continue;
            };
            let name = if prefix.is_empty() {
                key.to_owned()
            } else {
                format!("{prefix}.{key}")
            };
            let value = match &value.content {
                YamlContent::Map(inner) if inner.is_empty() => Err(format!(
                    "line {line}: {} is an empty mapping, remove it",
                    escaped(&name)
                )),
                YamlContent::Map(inner) => {
                    self.read_parameters(&name, inner, values);
                    continue;
                }
                YamlContent::Scalar(scalar) if scalar.is_missing() => Err(format!(
                    "line {line}: {} has no value: write '' for an empty string, or remove the line",
                    escaped(&name)
                )),
                YamlContent::Scalar(scalar) => Ok(UntypedValue::Scalar(scalar.clone())),
                YamlContent::List(items) => UntypedValue::from_list(items),
            };
            match value {
                Ok(value) => values.push((name, value, line)),
                Err(mistake) => self.mistakes.push(mistake),
            }
        }
    }

    /// Returns the text of a key.
    fn key_text<'k>(&mut self, key: &'k YamlNode) -> Option<&'k str> {
        match &key.content {
            YamlContent::Scalar(scalar) if !scalar.text.is_empty() => Some(&scalar.text),
            _ => {
                self.mistakes.push(format!(
                    "line {}: a name is missing before the colon",
                    key.line
                ));
                None
            }
        }
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
        let (sections, mistakes) = parse_sections(text.as_bytes());
        assert_eq!(mistakes, [""; 0], "{text:?}");
        sections
    }

    fn parse_error(text: &str) -> String {
        let (_, mistakes) = parse_sections(text.as_bytes());
        let [mistake] = &*mistakes else {
            panic!("{text:?}: {mistakes:?}");
        };
        assert!(!mistake.contains(['\n', '\r']), "{mistake:?}");
        mistake.clone()
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
    fn all_mistakes_are_found_and_the_rest_is_used() {
        let text = "a:\n  ros__parameters:\n    host:\n    output_port: 1\n    tls: {}\nb: x\nc//d:\n  \
                    ros__parameters: {host: y}\n";
        let (sections, mistakes) = parse_sections(text.as_bytes());
        let lines: Vec<&str> = mistakes
            .iter()
            .filter_map(|mistake| mistake.split(':').next())
            .collect();
        assert_eq!(lines, ["line 3", "line 5", "line 6", "line 8"]);
        assert_eq!(sections.len(), 1);
        assert_eq!(sections[0].values.len(), 1);
    }

    #[test]
    fn all_mistakes_are_found_and_the_valid_parameters_are_kept() {
        let text = "a:\n  ros__parameters:\n    x: \n    host: y\n    l: [1, b]\n    tls: {}\n    ? [1]\n    : 2\n\
                    host: z\nb: {ros__parameters: 7}\nc//d: {ros__parameters: {}}\n";
        let (sections, mistakes) = parse_sections(text.as_bytes());
        let places = [
            "line 3: x has no value",
            "line 5: the items of a list",
            "line 6: tls is an empty mapping",
            "line 7: a name is missing",
            "line 9: host has no ros__parameters above it",
            "line 10: ros__parameters of b is not",
            "line 11: c//d is not a node name",
        ];
        assert_eq!(mistakes.len(), places.len(), "{mistakes:#?}");
        for (mistake, place) in mistakes.iter().zip(places) {
            assert!(mistake.starts_with(place), "{mistake}, not {place}");
        }
        let names: Vec<_> = sections
            .iter()
            .flat_map(|section| &section.values)
            .map(|(name, _, _)| &**name)
            .collect();
        assert_eq!(names, ["host"]);
    }

    #[test]
    fn excessive_and_special_files_are_refused_at_once() {
        let large = format!("# {}", "x".repeat(1 << 20));
        assert!(parse_error(&large).contains("larger"));
        let wide = format!("a: {{ros__parameters: {{{}}}}}", "x: 1, ".repeat(20_000));
        assert!(parse_error(&wide).contains("more than"));
        for (path, words) in [("/dev/zero", "not a regular file"), ("/proc", "folder")] {
            let (_, mistakes) = read_sections(Path::new(path));
            let [ParamsFileError::Content(refusal)] = &*mistakes else {
                panic!("{path}: {mistakes:?}");
            };
            assert!(refusal.contains(words), "{path}: {refusal}");
        }
    }

    #[test]
    fn missing_file_is_unreadable() {
        let (_, mistakes) = read_sections(Path::new("/no/such"));
        assert!(
            matches!(*mistakes, [ParamsFileError::Unreadable(_)]),
            "{mistakes:?}"
        );
    }
}
