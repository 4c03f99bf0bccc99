//! Definitions of message types, as bags carry them: the `.msg` file of the type, and those of the types in it.
//!
//! ```text
//! <root .msg>
//! ================================================================================
//! MSG: geometry_msgs/Point
//! <its .msg>
//! ```
//!
//! Sources: <https://mcap.dev/spec/registry> (`ros2msg`), and "Interfaces" of the ROS 2 documentation for the `.msg` files.

use std::collections::HashMap;
use std::sync::Arc;

/// Deepest nesting of message types that is read; a definition that contains itself has no end.
const MAX_DEPTH: usize = 32;

/// Most fields of a type, those of the types in it included. A few lines could define billions.
const MAX_FIELDS: usize = 10_000;

/// Message type with its fields, in the order of serialization.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageType {
    /// Package and name, such as `geometry_msgs/Point`.
    pub name: String,
    /// Fields in the order of serialization.
    pub fields: Vec<Field>,
    /// Constants of integers.
    pub constants: Vec<Constant>,
}

/// Constant of an integer type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// Name in capitals.
    pub name: String,
    /// Value.
    pub value: i64,
}

/// Field of a message type.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Type of the field, or of its elements.
    pub kind: FieldType,
    /// Number of elements.
    pub length: Length,
}

/// Number of elements of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Single value.
    One,
    /// Array of this length.
    Fixed(usize),
    /// Sequence, preceded by its length.
    Counted,
}

/// Type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldType {
    /// `bool`
    Bool,
    /// `int8`
    I8,
    /// `uint8`, `byte`, `char`
    U8,
    /// `int16`
    I16,
    /// `uint16`
    U16,
    /// `int32`
    I32,
    /// `uint32`
    U32,
    /// `int64`
    I64,
    /// `uint64`
    U64,
    /// `float32`
    F32,
    /// `float64`
    F64,
    /// `string`, with or without a bound.
    Text,
    /// Another message type.
    Message(Arc<MessageType>),
}

/// Error in a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// Line that is neither field nor constant.
    #[error(
        "the definition of {message} has a line that is neither a field nor a constant: {line:?}"
    )]
    Line {
        /// Type whose definition has the line.
        message: String,
        /// The line.
        line: String,
    },
    /// Type without a definition.
    #[error("{message} has a field of the type {kind}, which is not defined with it")]
    Undefined {
        /// Type with the field.
        message: String,
        /// Type of the field.
        kind: String,
    },
    /// Types that contain each other.
    #[error("{0} contains itself, or is nested more than {MAX_DEPTH} deep")]
    Recursive(String),
    /// Type with more fields than any message has.
    #[error("{0} has more than {MAX_FIELDS} fields")]
    TooLarge(String),
}

/// Parses the definition of the type `name`, such as `sensr_bridge/msg/ObjectArray`.
pub fn parse_definition(name: &str, text: &str) -> Result<Arc<MessageType>, DefinitionError> {
    let mut sections = split_sections(text).into_iter();
    let root = sections.next().map_or("", |(_, text)| text);
    let name = short_name(name);
    let mut texts: HashMap<String, &str> = sections
        .map(|(name, text)| (short_name(name), text))
        .collect();
    texts.insert(name.clone(), root);
    let mut parser = Parser {
        texts,
        known: HashMap::new(),
    };
    parser.message(&name, 0)
}

/// Returns the sections with their names; that of the first one is empty.
fn split_sections(text: &str) -> Vec<(&str, &str)> {
    let mut sections = Vec::new();
    let mut name = "";
    let mut start = 0;
    let mut position = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let begin = position;
        position += line.len();
        let is_rule = line.len() > 3 && line.trim_end().bytes().all(|byte| byte == b'=');
        let title = lines.peek().and_then(|next| next.strip_prefix("MSG: "));
        if let Some(title) = title.filter(|_| is_rule) {
            sections.push((name, &text[start..begin]));
            name = title.trim();
            position += lines.next().map_or(0, str::len);
            start = position;
        }
    }
    sections.push((name, &text[start..]));
    sections
}

/// Returns `package/Type` for `package/msg/Type`.
fn short_name(name: &str) -> String {
    name.replacen("/msg/", "/", 1)
}

struct Parser<'a> {
    texts: HashMap<String, &'a str>,
    known: HashMap<String, Arc<MessageType>>,
}

impl Parser<'_> {
    fn message(&mut self, name: &str, depth: usize) -> Result<Arc<MessageType>, DefinitionError> {
        if let Some(known) = self.known.get(name) {
            return Ok(Arc::clone(known));
        }
        if depth > MAX_DEPTH {
            return Err(DefinitionError::Recursive(name.to_owned()));
        }
        let text = self.texts.get(name).copied().unwrap_or_default();
        let mut message = MessageType {
            name: name.to_owned(),
            fields: Vec::new(),
            constants: Vec::new(),
        };
        for line in text.lines() {
            self.read_line(&mut message, line, depth)?;
        }
        if message.total_fields() > MAX_FIELDS {
            return Err(DefinitionError::TooLarge(name.to_owned()));
        }
        let message = Arc::new(message);
        self.known.insert(name.to_owned(), Arc::clone(&message));
        Ok(message)
    }

    fn read_line(
        &mut self,
        message: &mut MessageType,
        line: &str,
        depth: usize,
    ) -> Result<(), DefinitionError> {
        // A string constant may contain the sign of a comment; its value is not needed.
        let code = line.split('#').next().unwrap_or_default().trim();
        if code.is_empty() {
            return Ok(());
        }
        let unreadable = || DefinitionError::Line {
            message: message.name.clone(),
            line: line.trim().to_owned(),
        };
        let (kind, rest) = code
            .split_once(char::is_whitespace)
            .ok_or_else(unreadable)?;
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        if name.is_empty() {
            return Err(unreadable());
        }
        if let Some(value) = rest.trim_start().strip_prefix('=') {
            // Constants of other types than integers name no states.
            if let Ok(value) = value.trim().parse() {
                let name = name.to_owned();
                message.constants.push(Constant { name, value });
            }
            return Ok(());
        }
        // What follows is a default value.
        let (element, length) = split_length(kind).ok_or_else(unreadable)?;
        let kind = self.field_type(&message.name, element, depth)?;
        message.fields.push(Field {
            name: name.to_owned(),
            kind,
            length,
        });
        Ok(())
    }

    fn field_type(
        &mut self,
        message: &str,
        kind: &str,
        depth: usize,
    ) -> Result<FieldType, DefinitionError> {
        Ok(match kind {
            "bool" => FieldType::Bool,
            "int8" => FieldType::I8,
            "uint8" | "byte" | "char" => FieldType::U8,
            "int16" => FieldType::I16,
            "uint16" => FieldType::U16,
            "int32" => FieldType::I32,
            "uint32" => FieldType::U32,
            "int64" => FieldType::I64,
            "uint64" => FieldType::U64,
            "float32" => FieldType::F32,
            "float64" => FieldType::F64,
            kind if kind == "string" || kind.starts_with("string<=") => FieldType::Text,
            kind => {
                let package = message.split_once('/').map_or("", |(package, _)| package);
                let candidates = match kind {
                    "Header" => vec!["std_msgs/Header".to_owned(), format!("{package}/{kind}")],
                    kind if kind.contains('/') => vec![short_name(kind)],
                    kind => vec![format!("{package}/{kind}")],
                };
                let mut candidates = candidates.into_iter();
                let found = candidates.find(|name| self.texts.contains_key(name));
                let name = found.ok_or_else(|| DefinitionError::Undefined {
                    message: message.to_owned(),
                    kind: kind.to_owned(),
                })?;
                FieldType::Message(self.message(&name, depth + 1)?)
            }
        })
    }
}

/// Separates the type of the elements from their number.
fn split_length(kind: &str) -> Option<(&str, Length)> {
    let Some((element, length)) = kind
        .strip_suffix(']')
        .and_then(|kind| kind.rsplit_once('['))
    else {
        return Some((kind, Length::One));
    };
    let length = if length.is_empty() || length.starts_with("<=") {
        Length::Counted
    } else {
        Length::Fixed(length.parse().ok()?)
    };
    Some((element, length))
}

impl MessageType {
    /// Number of fields, those of the types in it included.
    fn total_fields(&self) -> usize {
        let fields = self.fields.iter().map(|field| match &field.kind {
            FieldType::Message(kind) => 1 + kind.total_fields(),
            _ => 1,
        });
        fields.sum()
    }

    /// Returns the position of a field.
    #[must_use]
    pub fn position(&self, field: &str) -> Option<usize> {
        self.fields.iter().position(|one| one.name == field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\n\
        uint8 MODE_ON=1 # on\n\
        string NAME='a # b'\n\
        float32 LIMIT=1.5\n\
        \n\
        std_msgs/Header header\n\
        string<=10 name \"default\"\n\
        int32[] ids\n\
        float64[9] covariance\n\
        Point[<=4] corners\n\
        uint8 mode 1\n\
        ================================================================================\n\
        MSG: std_msgs/Header\n\
        builtin_interfaces/Time stamp\n\
        string frame_id\n\
        ================================================================================\n\
        MSG: builtin_interfaces/Time\n\
        int32 sec\n\
        uint32 nanosec\n\
        ================================================================================\n\
        MSG: own/Point\n\
        float32 x\n";

    #[test]
    fn fields_constants_and_nested_types_are_read() {
        let root = parse_definition("own/msg/Shape", TEXT).expect("valid");
        assert_eq!(root.name, "own/Shape");
        let names: Vec<&str> = root.fields.iter().map(|field| &*field.name).collect();
        assert_eq!(
            names,
            ["header", "name", "ids", "covariance", "corners", "mode"]
        );
        let lengths: Vec<Length> = root.fields.iter().map(|field| field.length).collect();
        let (one, counted) = (Length::One, Length::Counted);
        assert_eq!(lengths, [one, one, counted, Length::Fixed(9), counted, one]);
        let FieldType::Message(header) = &root.fields[0].kind else {
            panic!("{:?}", root.fields[0]);
        };
        assert_eq!(header.position("frame_id"), Some(1));
        let FieldType::Message(point) = &root.fields[4].kind else {
            panic!("{:?}", root.fields[4]);
        };
        assert_eq!(point.fields[0].kind, FieldType::F32);
        let mode = Constant {
            name: "MODE_ON".to_owned(),
            value: 1,
        };
        assert_eq!(root.constants, [mode]);
    }

    #[test]
    fn errors_name_type_and_line() {
        let error = |text| {
            parse_definition("a/B", text)
                .expect_err("invalid")
                .to_string()
        };
        assert!(error("int32\n").contains("a/B") && error("int32 = 5\n").contains("int32 = 5"));
        assert!(error("C c\n").contains("the type C"));
        assert!(error("int32[x] c\n").contains("int32[x] c"));
        assert!(error("B b\n").contains("contains itself"));
        // Ten types, each with four fields of the next one.
        let wide: Vec<String> = (1..10)
            .map(|depth| {
                format!("C{depth} a\nC{depth} b\nC{depth} c\nC{depth} d\n====\nMSG: a/C{depth}\n")
            })
            .collect();
        assert!(error(&wide.concat()).contains("more than 10000 fields"));
    }

    #[test]
    fn empty_definition_has_no_fields() {
        let root = parse_definition("std_msgs/msg/Empty", "").expect("valid");
        assert!(root.fields.is_empty());
    }
}
