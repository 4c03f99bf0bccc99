//! Tolerant reading of the old file: encodings of Korean editors, tabs as indentation, duplicate keys.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use encoding_rs::{EUC_KR, UTF_16BE, UTF_16LE};

use super::ImportError;
use crate::config::text_file::MAX_BYTES;
use crate::config::yaml_tree::{self, YamlContent, YamlNode};

/// Indentations that a tab may stand for, tried in this order after that of the other lines.
const TAB_WIDTHS: [usize; 3] = [2, 4, 8];

/// The old file.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) values: Vec<OldValue>,
    /// Deviations from YAML that were tolerated.
    pub(super) remarks: Vec<String>,
}

/// A single value of the old file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldValue {
    /// Keys from the outermost on, items of lists as `[0]`.
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// Text as written, without quotes. `None` for no value.
    pub(super) text: Option<String>,
    /// Line of a later value with the same key, which applies instead.
    pub(super) overridden_by: Option<usize>,
}

/// Reads the old file.
pub(super) fn read(path: &Path) -> Result<Source, ImportError> {
    let read_error = |source| ImportError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read_error)?;
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge {
            path: path.to_owned(),
        });
    }
    parse(&bytes).map_err(|problem| ImportError::Content {
        path: path.to_owned(),
        problem,
    })
}

/// Parses the content of the old file.
pub(super) fn parse(bytes: &[u8]) -> Result<Source, String> {
    let mut source = Source::default();
    let (text, encoding) = decode(bytes)?;
    if let Some(encoding) = encoding {
        source
            .remarks
            .push(format!("the file is in {encoding}, and was read as such"));
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let documents = match yaml_tree::parse_documents(&text) {
        Ok(documents) => documents,
        Err(problem) => {
            let (documents, width) = parse_with_tabs(&text).ok_or(problem)?;
            source.remarks.push(format!(
                "lines begin with tabs, which YAML does not allow: each was read as {width} blanks"
            ));
            documents
        }
    };
    for document in &documents {
        flatten(&mut Vec::new(), document, &mut source.values);
    }
    mark_duplicates(&mut source.values);
    Ok(source)
}

/// Decodes the text. Returns the name of its encoding too, unless it is UTF-8.
fn decode(bytes: &[u8]) -> Result<(String, Option<&'static str>), String> {
    let nuls = |parity| {
        bytes
            .iter()
            .skip(parity)
            .step_by(2)
            .filter(|&&byte| byte == 0)
            .count()
    };
    let encoding = match bytes {
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        _ => match (nuls(0), nuls(1)) {
            (0, 0) => {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                if let Ok(text) = std::str::from_utf8(bytes) {
                    return Ok((text.to_owned(), None));
                }
                EUC_KR
            }
            (0, _) => UTF_16LE,
            (_, 0) => UTF_16BE,
            _ => return Err("it is a binary file".to_owned()),
        },
    };
    let (text, _, has_errors) = encoding.decode(bytes);
    if has_errors || text.contains('\0') {
        return Err("it is neither UTF-8 nor UTF-16 nor CP949: save it as UTF-8".to_owned());
    }
    // The standard's EUC-KR is what Windows calls CP949.
    let name = if encoding == EUC_KR {
        "CP949"
    } else {
        encoding.name()
    };
    Ok((text.into_owned(), Some(name)))
}

/// Parses a text with tabs, each as the indentation of one level.
fn parse_with_tabs(text: &str) -> Option<(Vec<YamlNode>, usize)> {
    if !text.contains('\t') {
        return None;
    }
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let smallest = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let smallest = smallest.map(indentation).filter(|&width| width > 0).min();
    smallest.into_iter().chain(TAB_WIDTHS).find_map(|width| {
        let lines: Vec<String> = text.lines().map(|line| expand_tabs(line, width)).collect();
        let documents = yaml_tree::parse_documents(&lines.join("\n")).ok()?;
        Some((documents, width))
    })
}

/// Replaces the tabs that a line begins with by blanks up to the next multiple of `width`, and others outside of quotes
/// by one.
fn expand_tabs(line: &str, width: usize) -> String {
    let content = line.trim_start_matches([' ', '\t']);
    let mut column = 0;
    for letter in line[..line.len() - content.len()].chars() {
        column = if letter == '\t' {
            (column / width + 1) * width
        } else {
            column + 1
        };
    }
    let mut expanded = " ".repeat(column);
    if content.contains(['"', '\'']) {
        expanded.push_str(content);
    } else {
        expanded.push_str(&content.replace('\t', " "));
    }
    expanded
}

/// Appends the single values below a node.
fn flatten(path: &mut Vec<String>, node: &YamlNode, values: &mut Vec<OldValue>) {
    match &node.content {
        YamlContent::Map(entries) => {
            for (key, value) in entries {
                let name = match &key.content {
                    YamlContent::Scalar(scalar) => scalar.text.clone(),
                    YamlContent::List(_) | YamlContent::Map(_) => "?".to_owned(),
                };
                path.push(name);
                flatten_at(key.line, path, value, values);
                path.pop();
            }
        }
        YamlContent::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(format!("[{index}]"));
                flatten(path, item, values);
                path.pop();
            }
        }
        YamlContent::Scalar(_) => flatten_at(node.line, path, node, values),
    }
}

/// Appends a value whose key is on the given line.
fn flatten_at(line: usize, path: &mut Vec<String>, value: &YamlNode, values: &mut Vec<OldValue>) {
    let text = match &value.content {
        YamlContent::Scalar(scalar) if scalar.is_missing() => None,
        YamlContent::Scalar(scalar) => Some(scalar.text.clone()),
        YamlContent::List(items) if items.is_empty() => Some("[]".to_owned()),
        YamlContent::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        YamlContent::List(_) | YamlContent::Map(_) => return flatten(path, value, values),
    };
    values.push(OldValue {
        path: path.clone(),
        line,
        text,
        overridden_by: None,
    });
}

/// Marks values that a later one with the same key overrides, as in Python.
fn mark_duplicates(values: &mut [OldValue]) {
    for index in 0..values.len() {
        let (before, after) = values.split_at_mut(index + 1);
        let Some(value) = before.last_mut() else {
            continue;
        };
        let later = after.iter().find(|later| later.path == value.path);
        value.overridden_by = later.map(|later| later.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# 항구의 센서\nhosts:\n  harbour: 192.0.2.1   # 부두\n";

    fn values(bytes: &[u8]) -> Vec<(String, String)> {
        let source = parse(bytes).expect("valid");
        let shown =
            |value: &OldValue| (value.path.join("."), value.text.clone().unwrap_or_default());
        source.values.iter().map(shown).collect()
    }

    fn one(path: &str, text: &str) -> Vec<(String, String)> {
        vec![(path.to_owned(), text.to_owned())]
    }

    #[test]
    fn encodings_of_editors_are_read() {
        let expected = one("hosts.harbour", "192.0.2.1");
        assert_eq!(values(TEXT.as_bytes()), expected);
        assert_eq!(values(format!("\u{feff}{TEXT}").as_bytes()), expected);
        assert_eq!(values(TEXT.replace('\n', "\r\n").as_bytes()), expected);
        let (cp949, _, _) = EUC_KR.encode(TEXT);
        assert_eq!(values(&cp949), expected);
        assert_eq!(parse(&cp949).expect("valid").remarks.len(), 1);
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in [TEXT.to_owned(), format!("\u{feff}{TEXT}")] {
                let bytes: Vec<u8> = text.encode_utf16().flat_map(bytes_of).collect();
                assert_eq!(values(&bytes), expected);
            }
        }
        for bytes in [&b"a: \xff\xff\xff\n"[..], b"a\0\0b\0\0c"] {
            parse(bytes).expect_err("neither");
        }
    }

    #[test]
    fn tabs_are_levels() {
        for text in [
            "hosts:\n\tharbour:\n\t\tip:\t192.0.2.1\t# a\n",
            "hosts:\n    harbour:\n\t\tip: 192.0.2.1\nx:\n    y:\n",
            "hosts:\n  harbour:\n\t  ip: 192.0.2.1\n",
        ] {
            let source = parse(text.as_bytes()).expect(text);
            assert_eq!(source.values[0].path, ["hosts", "harbour", "ip"], "{text}");
            assert_eq!(source.values[0].text.as_deref(), Some("192.0.2.1"));
            assert_eq!(source.remarks.len(), 1);
        }
    }

    #[test]
    fn the_last_of_duplicate_keys_applies() {
        let source = parse(b"a: {b: 1}\na: {b: 2}\n").expect("valid");
        assert_eq!(source.values[0].overridden_by, Some(2));
        assert_eq!(source.values[1].overridden_by, None);
    }

    #[test]
    fn invalid_yaml_is_refused_with_its_line() {
        let problem = parse(b"a: 1\nb: [\n").expect_err("refused");
        assert!(problem.contains("line"), "{problem}");
    }
}
