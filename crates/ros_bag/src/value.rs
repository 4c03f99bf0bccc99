//! Values of a message whose type is known from its definition only.

use std::collections::HashMap;
use std::sync::Arc;

use ros_cdr::{ReadError, Reader};

use super::catalog::Topic;
use super::definition::{DefinitionError, Field, FieldType, Length, MessageType, parse_definition};

/// Value of a message, a field, or an element. Text and bytes borrow from the message.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `bool`
    Bool(bool),
    /// Signed integer of any size.
    Signed(i64),
    /// Unsigned integer of any size.
    Unsigned(u64),
    /// `float32`
    F32(f32),
    /// `float64`
    F64(f64),
    /// `string`
    Text(&'a str),
    /// `uint8[]`
    Bytes(&'a [u8]),
    /// Array or sequence of other elements.
    List(Vec<Self>),
    /// Fields of a message, in the order of its type.
    Message(&'a MessageType, Vec<Self>),
}

/// Reads a serialized message of this type. Bytes behind the last field are ignored: some middlewares pad messages.
pub fn read_message<'a>(kind: &'a MessageType, message: &'a [u8]) -> Result<Value<'a>, ReadError> {
    read_fields(kind, &mut Reader::new(message)?)
}

fn read_fields<'a>(kind: &'a MessageType, reader: &mut Reader<'a>) -> Result<Value<'a>, ReadError> {
    if kind.fields.is_empty() {
        // A structure without members has one byte instead.
        reader.read_u8()?;
    }
    let fields = kind.fields.iter().map(|field| read_field(field, reader));
    Ok(Value::Message(kind, fields.collect::<Result<_, _>>()?))
}

fn read_field<'a>(field: &'a Field, reader: &mut Reader<'a>) -> Result<Value<'a>, ReadError> {
    match (field.length, &field.kind) {
        (Length::One, kind) => read_one(kind, reader),
        (Length::Counted, FieldType::U8) => reader.read_byte_sequence().map(Value::Bytes),
        (Length::Counted, kind) => {
            let list = reader.read_sequence(|reader| read_one(kind, reader))?;
            Ok(Value::List(list))
        }
        (Length::Fixed(length), kind) => {
            let list = (0..length).map(|_| read_one(kind, reader));
            Ok(Value::List(list.collect::<Result<_, _>>()?))
        }
    }
}

fn read_one<'a>(kind: &'a FieldType, reader: &mut Reader<'a>) -> Result<Value<'a>, ReadError> {
    Ok(match kind {
        FieldType::Bool => Value::Bool(reader.read_bool()?),
        FieldType::I8 => Value::Signed(reader.read_u8()?.cast_signed().into()),
        FieldType::U8 => Value::Unsigned(reader.read_u8()?.into()),
        FieldType::I16 => Value::Signed(reader.read_u16()?.cast_signed().into()),
        FieldType::U16 => Value::Unsigned(reader.read_u16()?.into()),
        FieldType::I32 => Value::Signed(reader.read_i32()?.into()),
        FieldType::U32 => Value::Unsigned(reader.read_u32()?.into()),
        FieldType::I64 => Value::Signed(reader.read_u64()?.cast_signed()),
        FieldType::U64 => Value::Unsigned(reader.read_u64()?),
        FieldType::F32 => Value::F32(reader.read_f32()?),
        FieldType::F64 => Value::F64(reader.read_f64()?),
        FieldType::Text => Value::Text(reader.read_string()?),
        FieldType::Message(kind) => read_fields(kind, reader)?,
    })
}

impl<'a> Value<'a> {
    /// Returns the value at a path of field names with dots between them, such as `header.frame_id`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| match value {
            Value::Message(kind, fields) => kind.position(name).and_then(|at| fields.get(at)),
            _ => None,
        })
    }

    /// Returns an integer that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Value::Unsigned(value) => Some(value),
            Value::Signed(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// Returns an integer that is not above `i64::MAX`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Value::Unsigned(value) => i64::try_from(value).ok(),
            Value::Signed(value) => Some(value),
            _ => None,
        }
    }

    /// Returns a number as `float64`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Value::F32(value) => Some(value.into()),
            Value::F64(value) => Some(value),
            _ => None,
        }
    }

    /// Returns a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns a text.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match *self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the bytes of a `uint8[]`.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the elements of an array or a sequence.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Returns the nanoseconds of a `builtin_interfaces/Time` or `Duration`.
    #[must_use]
    pub fn as_nanoseconds(&self) -> Option<i64> {
        match self {
            Value::Message(kind, fields) if is_time(kind) => {
                let [sec, nanosec] = fields.as_slice() else {
                    return None;
                };
                Some(sec.as_i64()? * 1_000_000_000 + nanosec.as_i64()?)
            }
            _ => None,
        }
    }
}

/// Returns whether a message type is a point in time or a duration.
#[must_use]
pub fn is_time(kind: &MessageType) -> bool {
    matches!(
        kind.name.as_str(),
        "builtin_interfaces/Time" | "builtin_interfaces/Duration"
    )
}

/// Types of the topics of a bag, each parsed once.
#[derive(Debug, Default)]
pub struct TypeCache {
    /// By the name of the type, with the definition that was parsed. Splits of other versions may have another one.
    types: HashMap<String, (Arc<str>, Arc<MessageType>)>,
}

impl TypeCache {
    /// Returns the message type of a topic.
    pub fn type_of(&mut self, topic: &Topic) -> Result<Arc<MessageType>, DefinitionError> {
        if let Some((definition, known)) = self.types.get_mut(&topic.kind) {
            // Mostly the same text in the same place, so that it need not be compared for each message.
            if Arc::ptr_eq(definition, &topic.definition) || *definition == topic.definition {
                definition.clone_from(&topic.definition);
                return Ok(Arc::clone(known));
            }
        }
        let parsed = parse_definition(&topic.kind, &topic.definition)?;
        let entry = (Arc::clone(&topic.definition), Arc::clone(&parsed));
        self.types.insert(topic.kind.clone(), entry);
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ros_cdr::{Header, Time, Writer};

    const TEXT: &str = "std_msgs/Header header\nuint8[] data\nfloat32[2] size\nPart[] parts\nint16 last\n\
        ====\nMSG: own/Part\nbool on\nint8 small\nuint64 big\nNothing nothing\n\
        ====\nMSG: own/Nothing\n\
        ====\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
        ====\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n";

    fn message() -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut out = Writer::begin(&mut buffer);
        out.write_header(Header {
            stamp: Time {
                sec: -2,
                nanosec: 5,
            },
            frame_id: "map",
        });
        out.write_byte_sequence(&[7, 8]);
        out.write_f32s([1.5, f32::INFINITY]);
        out.write_sequence([1_u64, u64::MAX].into_iter(), |out, big| {
            out.write_bool(true);
            out.write_u8(255);
            out.write_u64(big);
            out.write_u8(0);
        });
        out.write_u16(65_535);
        buffer
    }

    fn kind() -> Arc<MessageType> {
        parse_definition("own/msg/Whole", TEXT).expect("valid")
    }

    #[test]
    fn values_have_the_places_of_their_names() {
        let (kind, bytes) = (kind(), message());
        let value = read_message(&kind, &bytes).expect("valid");
        let at = |path: &str| value.get(path).expect("a field");
        assert_eq!(at("header.stamp").as_nanoseconds(), Some(-1_999_999_995));
        assert_eq!(at("header.frame_id").as_str(), Some("map"));
        assert_eq!(at("data").as_bytes(), Some(&[7, 8][..]));
        let size = [Value::F32(1.5), Value::F32(f32::INFINITY)];
        assert_eq!(at("size").as_list(), Some(&size[..]));
        let [first, second] = at("parts").as_list().expect("a list") else {
            panic!("{value:?}");
        };
        assert_eq!(first.get("on").and_then(Value::as_bool), Some(true));
        assert_eq!(first.get("small").and_then(Value::as_i64), Some(-1));
        assert_eq!(second.get("big").and_then(Value::as_u64), Some(u64::MAX));
        assert_eq!(second.get("big").and_then(Value::as_i64), None);
        assert_eq!(at("last").as_i64(), Some(-1));
        for path in ["nothing", "header.stamp.sec.x", "data.x", "parts.on"] {
            assert_eq!(value.get(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_definition_and_no_message_makes_trouble(
            lines in prop::collection::vec("(bool|uint8|string|float64|Part|own/Whole|=====|MSG: own/Part)(\\[(|3|<=2|x)\\])?( [a-c=]{0,3})?", 0..12),
            message in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            if let Ok(kind) = parse_definition("own/msg/Whole", &lines.join("\n")) {
                // Either outcome is fine, and so is any value.
                let _ = read_message(&kind, &message);
            }
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let kind = kind();
            if let Ok(value) = read_message(&kind, &message) {
                prop_assert!(value.get("header.stamp").and_then(Value::as_nanoseconds).is_some());
            }
        }
    }

    #[test]
    fn cut_messages_are_errors() {
        let (kind, bytes) = (kind(), message());
        for end in 0..bytes.len() {
            assert!(read_message(&kind, &bytes[..end]).is_err(), "{end}");
        }
        let padded = [&bytes[..], &[0, 0]].concat();
        assert!(read_message(&kind, &padded).is_ok());
    }
}
