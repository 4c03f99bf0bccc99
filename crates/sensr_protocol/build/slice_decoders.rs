//! Generation of `SliceMessage` implementations, which decode messages from slices of a frame.

use std::collections::BTreeSet;

use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::Type;

use super::{Schema, VIEWS, is_message, is_repeated, rust_path};

/// Messages that are decoded from slices, with the messages embedded in them.
const ROOTS: [&str; 1] = [".sensr_proto.Object"];

/// Wire types of protobuf, which are the lowest bits of a key.
const VARINT: i32 = 0;
const LENGTH_DELIMITED: i32 = 2;
const FIXED32: i32 = 5;

/// Returns the implementations for all messages that are decoded from slices.
pub(super) fn impls(schema: &Schema<'_>) -> Result<String, String> {
    let mut names = BTreeSet::new();
    for root in ROOTS {
        add_embedded(schema, root, &mut names)?;
    }
    let impls = names.iter().map(|name| message_impl(schema, name));
    impls.collect()
}

fn add_embedded(
    schema: &Schema<'_>,
    name: &str,
    names: &mut BTreeSet<String>,
) -> Result<(), String> {
    let message = schema.message(name)?;
    names.insert(name.to_owned());
    for field in message.field.iter().filter(|field| is_message(field)) {
        add_embedded(schema, field.type_name(), names)?;
    }
    Ok(())
}

fn message_impl(schema: &Schema<'_>, name: &str) -> Result<String, String> {
    let message = schema.message(name)?;
    // The same fields as `RepeatedFields` counts.
    let take_field = if schema.is_unbounded(name)? {
        "if !budget.try_take_field() { return Err(SliceError::TooManyFields); }\n"
    } else {
        ""
    };
    let mut arms = Vec::new();
    for field in &message.field {
        for (wire_type, action) in actions(name, field)? {
            let key = field.number() << 3 | wire_type;
            arms.push(format!("{key} => {action},\n"));
        }
    }
    let arms = arms.concat();
    let numbers: Vec<String> = message
        .field
        .iter()
        .map(|field| field.number().to_string())
        .collect();
    Ok(format!(
        "impl SliceMessage for {} {{\n\
         #[inline]\n\
         fn merge_slice(&mut self, slice: &[u8], frame: &Bytes, budget: &mut FieldBudget) -> Result<(), SliceError> {{\n\
         {}\
         let mut reader = SliceReader(slice);\n\
         while !reader.0.is_empty() {{\n\
         {take_field}\
         match reader.read_key()? {{\n\
         {arms}\
         key => reader.skip_unknown(key, &[{}])?,\n\
         }}\n}}\n\
         let _ = (frame, budget);\n\
         Ok(())\n}}\n}}\n",
        rust_path(name),
        usual_encoding(message),
        numbers.join(", "),
    ))
}

/// Returns the wire types that a field may have, with the statement that reads each of them.
fn actions(
    message: &str,
    field: &prost_types::FieldDescriptorProto,
) -> Result<Vec<(i32, String)>, String> {
    let name = field.name();
    let set = |read: &str| format!("self.{name} = {read}");
    let actions = match (field.r#type(), is_repeated(field)) {
        (Type::Int32, true) => vec![
            (VARINT, format!("self.{name}.push(reader.read_i32()?)")),
            (
                LENGTH_DELIMITED,
                format!("reader.read_packed_i32(&mut self.{name})?"),
            ),
        ],
        (Type::Message, is_repeated) => {
            let path = rust_path(field.type_name());
            let merge = "merge_slice(reader.read_slice()?, frame, budget)?";
            let action = if is_repeated {
                format!(
                    "{{ let mut element = {path}::default(); element.{merge}; self.{name}.push(element); }}"
                )
            } else {
                format!("self.{name}.get_or_insert_with(Default::default).{merge}")
            };
            vec![(LENGTH_DELIMITED, action)]
        }
        (Type::Int32 | Type::Enum, false) => vec![(VARINT, set("reader.read_i32()?"))],
        (Type::Int64, false) => vec![(VARINT, set("reader.read_varint()?.cast_signed()"))],
        (Type::Bool, false) => vec![(VARINT, set("reader.read_varint()? != 0"))],
        (Type::Float, false) => vec![(FIXED32, set("reader.read_f32()?"))],
        (Type::Bytes, false) if VIEWS.contains(&format!("{message}.{name}").as_str()) => {
            let read = "frame.slice_ref(reader.read_slice()?)";
            vec![(LENGTH_DELIMITED, set(read))]
        }
        (kind, _) => {
            return Err(format!(
                "{message}.{name} is {kind:?}, which no decoder from slices reads"
            ));
        }
    };
    Ok(actions)
}

/// Returns a shortcut for the encoding that a message of floats usually has: all of its fields, in their order.
fn usual_encoding(message: &DescriptorProto) -> String {
    let is_float = |field: &prost_types::FieldDescriptorProto| {
        field.r#type() == Type::Float && !is_repeated(field) && field.number() < 16
    };
    if message.field.is_empty() || !message.field.iter().all(is_float) {
        return String::new();
    }
    let mut pattern = Vec::new();
    let mut values = Vec::new();
    for (index, field) in message.field.iter().enumerate() {
        let bytes = [0, 1, 2, 3].map(|byte| format!("v{index}_{byte}"));
        pattern.push((field.number() << 3 | FIXED32).to_string());
        pattern.extend(bytes.clone());
        let name = field.name();
        values.push(format!(
            "self.{name} = f32::from_le_bytes([{}]);\n",
            bytes.join(", ")
        ));
    }
    format!(
        "if let &[{}] = slice {{\n{}return Ok(());\n}}\n",
        pattern.join(", "),
        values.concat()
    )
}
