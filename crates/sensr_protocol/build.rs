//! Compiles `proto/` with a pure-Rust compiler, so that no `protoc` is needed.
//!
//! The same descriptors yield what depends on the fields of every message, so that a change of the schema is a change
//! of a `.proto` file only: the repeated fields that are counted before decoding (`repeated_fields.rs`, included by
//! `src/field_limits.rs`), the memory of decoded messages (`message_heap_size.rs`, included by `src/heap_size.rs`), and the
//! decoders from slices (`slice_decoders.rs`, included by `src/slice_decode.rs`).

#[path = "build/slice_decoders.rs"]
mod slice_decoders;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

const PROTOS: [&str; 2] = ["proto/sensr.proto", "proto/envelope.proto"];

/// Messages and fields whose bytes are views.
const VIEWS: [&str; 5] = [
    ".sensr_envelope",
    ".sensr_proto.PointResult",
    ".sensr_proto.OutputMessage.custom",
    ".sensr_proto.Object.points",
    ".sensr_proto.Object.intensities",
];

/// Messages of `envelope.proto` with the messages of `sensr.proto` that they decode. Several where one envelope serves
/// for all of them. The build fails if the fields of the two differ.
const ENVELOPES: [(&str, &[&str]); 12] = [
    ("Output", &["OutputMessage"]),
    ("Stream", &["StreamMessage"]),
    ("Event", &["EventMessage"]),
    ("Custom", &["CustomMessage", "CustomMessage25"]),
    ("Health", &["SystemHealth"]),
    ("Node", &["SystemHealth.Node"]),
    ("Edge", &["SystemHealth.Edge"]),
    ("Profiling", &["ProfilingResultSet"]),
    ("ProfilingResult", &["ProfilingResult"]),
    (
        "PartEntry",
        &[
            "SystemHealth.NodeEntry",
            "SystemHealth.EdgeEntry",
            "ProfilingResultSet.NodeEntry",
            "ProfilingResult.CharacteristicEntry",
        ],
    ),
    ("StatusEntry", &["SystemHealth.SensorEntry"]),
    ("AmountEntry", &["ProfilingResult.AmountEntry"]),
];

/// Messages with a limit of their own on the number of fields, each with the constant in `src/field_limits.rs`.
const OWN_LIMITS: [(&str, &str); 1] = [(".sensr_proto.ZoneConfig", "MAX_ZONE_FIELDS")];

fn main() -> Result<(), Box<dyn Error>> {
    for proto in PROTOS {
        println!("cargo:rerun-if-changed={proto}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build/slice_decoders.rs");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let schema = Schema::new(&descriptors);
    let out = std::env::var("OUT_DIR")?;
    let out = Path::new(&out);
    std::fs::write(
        out.join("repeated_fields.rs"),
        schema.repeated_fields_impls()?,
    )?;
    std::fs::write(out.join("message_heap_size.rs"), schema.heap_size_impls())?;
    std::fs::write(
        out.join("slice_decoders.rs"),
        slice_decoders::impls(&schema)?,
    )?;
    prost_build::Config::new()
        // Views into the received frame instead of copies. Texts are copies: a text that is kept must not keep the
        // frame.
        .bytes(VIEWS)
        .compile_fds(descriptors)?;
    Ok(())
}

/// Messages by their full names, such as `.sensr_proto.SystemHealth.Node`. None of them contains itself.
struct Schema<'a>(BTreeMap<String, &'a DescriptorProto>);

impl<'a> Schema<'a> {
    fn new(descriptors: &'a FileDescriptorSet) -> Self {
        let mut messages = BTreeMap::new();
        for file in &descriptors.file {
            let package = format!(".{}", file.package());
            add_messages(&mut messages, &package, &file.message_type);
        }
        Self(messages)
    }

    fn message(&self, name: &str) -> Result<&'a DescriptorProto, String> {
        let found = self.0.get(name).copied();
        found.ok_or_else(|| format!("no message {name}"))
    }

    /// Implementations of `BoundedMessage` for all messages.
    fn repeated_fields_impls(&self) -> Result<String, String> {
        let mut impls = Vec::new();
        for (name, message) in &self.0 {
            let fields = match name.strip_prefix(".sensr_envelope.") {
                Some(envelope) => self.envelope_repeated_fields(envelope, message)?,
                None => self.repeated_fields(message)?,
            };
            let limit = OWN_LIMITS.iter().find(|(limited, _)| limited == name);
            let limit = limit.map_or_else(String::new, |(_, constant)| {
                format!("const MAX_FIELDS: usize = {constant};\n")
            });
            impls.push(format!(
                "impl BoundedMessage for {} {{\n\
                 const REPEATED_FIELDS: &'static RepeatedFields = {fields};\n{limit}}}\n",
                rust_path(name)
            ));
        }
        Ok(impls.concat())
    }

    /// Table of a message: its fields whose messages can hold any number of fields.
    fn repeated_fields(&self, message: &DescriptorProto) -> Result<String, String> {
        let mut entries = Vec::new();
        for field in &message.field {
            if is_message(field) && self.is_unbounded(field.type_name())? {
                let table = table_path(field.type_name());
                entries.push(format!("({}, {table})", field.number()));
            }
        }
        Ok(format!("&RepeatedFields(&[{}])", entries.join(", ")))
    }

    /// Table of an envelope. Its parts are decoded one by one, each within the limit of its own kind, and therefore not
    /// counted here. Entries of maps have no such limit, so that a message with maps is counted as a whole.
    fn envelope_repeated_fields(
        &self,
        envelope: &str,
        message: &DescriptorProto,
    ) -> Result<String, String> {
        let decoded = ENVELOPES.iter().find(|(name, _)| *name == envelope);
        let (_, decoded) = decoded.ok_or_else(|| format!("{envelope} is not in ENVELOPES"))?;
        let decoded: Vec<String> = decoded
            .iter()
            .map(|name| format!(".sensr_proto.{name}"))
            .collect();
        self.require_same_fields(envelope, message, &decoded)?;
        for name in &decoded {
            if self.has_map(self.message(name)?)? {
                return match decoded.len() {
                    1 => Ok(table_path(name)),
                    _ => Err(format!(
                        "{envelope} has maps and is the envelope of several messages"
                    )),
                };
            }
        }
        Ok("&RepeatedFields(&[])".to_owned())
    }

    fn require_same_fields(
        &self,
        envelope: &str,
        message: &DescriptorProto,
        decoded: &[String],
    ) -> Result<(), String> {
        let mut known = Vec::new();
        for name in decoded {
            for field in &self.message(name)?.field {
                let (number, field_name) = (field.number(), field.name());
                let same = message.field.iter().find(|same| same.number() == number);
                if same.is_none_or(|same| envelope_type(field) != same.r#type()) {
                    return Err(format!(
                        "{envelope} of envelope.proto does not match {field_name} = {number} of {name}"
                    ));
                }
                known.push(number);
            }
        }
        let unknown = message
            .field
            .iter()
            .find(|field| !known.contains(&field.number()));
        unknown.map_or(Ok(()), |field| {
            Err(format!(
                "{envelope}.{} of envelope.proto is in none of {decoded:?}",
                field.name()
            ))
        })
    }

    /// Returns whether a message can hold any number of fields, itself or in an embedded message.
    fn is_unbounded(&self, name: &str) -> Result<bool, String> {
        for field in &self.message(name)?.field {
            if is_repeated(field) || is_message(field) && self.is_unbounded(field.type_name())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether a field holds the entries of a map: messages of a key and a value.
    fn has_map(&self, message: &DescriptorProto) -> Result<bool, String> {
        for field in message.field.iter().filter(|field| is_message(field)) {
            let entry = self.message(field.type_name())?;
            let names = entry.field.iter().map(FieldDescriptorProto::name);
            if is_repeated(field) && names.eq(["key", "value"]) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Implementations of `HeapSize` for the messages of `sensr.proto`.
    fn heap_size_impls(&self) -> String {
        let messages = self.0.iter();
        let messages = messages.filter(|(name, _)| name.starts_with(".sensr_proto."));
        let impls = messages.map(|(name, message)| {
            let fields = message.field.iter().filter(|field| has_heap(field));
            let sizes = fields.map(|field| match field.oneof_index {
                None => format!("self.{}.heap_size()", field.name()),
                Some(index) => {
                    let oneof = message.oneof_decl[index.cast_unsigned() as usize].name();
                    let variant = format!(
                        "{}::{}::{}",
                        module_path(name),
                        camel_case(oneof),
                        camel_case(field.name())
                    );
                    format!(
                        "match &self.{oneof} {{ Some({variant}(value)) => value.heap_size(), _ => 0 }}"
                    )
                }
            });
            let sum = match sizes.collect::<Vec<_>>().join(" + ") {
                sum if sum.is_empty() => "0".to_owned(),
                sum => sum,
            };
            let path = rust_path(name);
            format!("impl HeapSize for {path} {{\nfn heap_size(&self) -> usize {{ {sum} }}\n}}\n")
        });
        impls.collect()
    }
}

fn add_messages<'a>(
    messages: &mut BTreeMap<String, &'a DescriptorProto>,
    scope: &str,
    declared: &'a [DescriptorProto],
) {
    for message in declared {
        let name = format!("{scope}.{}", message.name());
        add_messages(messages, &name, &message.nested_type);
        messages.insert(name, message);
    }
}

fn is_message(field: &FieldDescriptorProto) -> bool {
    field.r#type() == Type::Message
}

fn is_repeated(field: &FieldDescriptorProto) -> bool {
    field.label() == Label::Repeated
}

/// Returns whether a field can have memory beside the message that it is in.
fn has_heap(field: &FieldDescriptorProto) -> bool {
    is_repeated(field) || matches!(field.r#type(), Type::Message | Type::Bytes | Type::String)
}

/// Type of an envelope's field for a field of the schema.
fn envelope_type(field: &FieldDescriptorProto) -> Type {
    match field.r#type() {
        Type::Message => Type::Bytes,
        Type::Enum => Type::Int32,
        other => other,
    }
}

fn table_path(message: &str) -> String {
    format!(
        "<{} as BoundedMessage>::REPEATED_FIELDS",
        rust_path(message)
    )
}

/// Path of the type that prost generates for a message.
fn rust_path(message: &str) -> String {
    if message == ".google.protobuf.Timestamp" {
        return "prost_types::Timestamp".to_owned();
    }
    let (scope, name) = message.rsplit_once('.').unwrap_or_default();
    format!("{}::{name}", module_path(scope))
}

/// Path of the module that prost generates for the declarations inside a package or a message.
fn module_path(scope: &str) -> String {
    let scope = scope.replacen(".sensr_proto", "proto", 1);
    let scope = scope.replacen(".sensr_envelope", "envelope", 1);
    scope
        .split('.')
        .map(snake_case)
        .collect::<Vec<_>>()
        .join("::")
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}
